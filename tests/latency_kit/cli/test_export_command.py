"""`latency-kit export` writes sessions and measurements as tables and in HdrHistogram's formats."""

import csv
import io
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from latency_kit.baseline import write_session
from latency_kit.histogram import HistogramLogReader, decode_base64
from latency_kit.measurement.measurement import Outcome
from tests.latency_kit.cli.test_report_command import stored

click_testing = pytest.importorskip("click.testing", reason="click comes with the extra 'cli'")

LINE = (
    '{{"timestamp":"2026-01-01T00:00:{second:02}.000Z","component":"{component}","operation":"generate",'
    '"duration_ms":{ms},"metadata":{{}}}}\n'
)


def run(*arguments: str | Path) -> "click_testing.Result":
    from latency_kit.cli import main  # noqa: PLC0415  # needs the extra, which may be absent

    return click_testing.CliRunner().invoke(main, ["export", *map(str, arguments)])


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """A session with the series `llm.answer` (1 to 100 ms), its two failures, and `=cmd.größe`."""
    whole = stored([float(one) for one in range(1, 101)], limit_ms=1000)
    (answers,) = whole.session.series
    failed = replace(answers, outcome=Outcome.ERROR, histogram=stored([5.0, 6.0]).session.series[0].histogram)
    odd = replace(answers, component="=cmd", operation="größe")
    path = tmp_path / "run.json"
    write_session(replace(whole, session=replace(whole.session, series=(answers, failed, odd))), path)
    return path


@pytest.fixture
def jsonl(tmp_path: Path) -> Path:
    path = tmp_path / "performance.jsonl"
    calls = [LINE.format(second=second, component="llm", ms=second + 1.5) for second in range(30)]
    path.write_text("".join(calls) + '{"torn', encoding="utf-8")
    return path


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_of_a_session_has_a_row_for_each_series_and_runs_no_formula(
    session: Path, tmp_path: Path
) -> None:
    target = tmp_path / "run.csv"
    assert run(session, "-o", target).stdout == f"{target}: 3 series\n"
    raw = target.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")  # it is not ASCII
    found = rows(raw.decode("utf-8-sig"))
    assert [(row["component"], row["operation"], row["outcome"], row["calls"]) for row in found] == [
        ("llm", "answer", "ok", "100"),
        ("llm", "answer", "error", "2"),
        ("'=cmd", "größe", "ok", "100"),
    ]
    assert (found[0]["min_ms"], float(found[0]["p50_ms"]), found[0]["max_ms"]) == (
        "1.0",
        pytest.approx(50, rel=0.001),
        "100.0",
    )


def test_jsonl_has_the_same_as_numbers(session: Path) -> None:
    first, *_ = map(json.loads, run(session, "--to", "jsonl", "--series", "llm.answer").stdout.splitlines())
    assert (first["component"], first["calls"], first["max_ms"], first["attributes"]) == (
        "llm",
        100,
        100.0,
        {},
    )


def test_hgrm_is_of_one_series_in_milliseconds(session: Path) -> None:
    ended = run(session, "--to", "hgrm", "--series", "llm.answer")
    assert ended.exit_code == 0
    lines = ended.stdout.splitlines()
    assert lines[0].split() == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
    assert lines[2].split()[1:] == ["0.000000000000", "1", "1.00"]
    assert "Total count    =          100" in lines[-2]
    refused = run(session, "--to", "hgrm")
    assert refused.exit_code == 2
    assert "choose one with --series, there are: llm.answer, =cmd.größe" in refused.stderr


def test_hlog_is_read_by_hdrhistogram_with_every_call_in_it(session: Path, jsonl: Path) -> None:
    reader = HistogramLogReader(run(session, "--to", "hlog").stdout.splitlines(keepends=True))
    assert {one.tag: one.snapshot.count for one in reader} == {
        "llm.answer": 100,
        "llm.answer.error": 2,
        "%3Dcmd.gr%C3%B6%C3%9Fe": 100,
    }
    text = run(jsonl, "--to", "hlog").stdout
    read = list(HistogramLogReader(text.splitlines(keepends=True)))
    assert sum(one.snapshot.count for one in read) == 30
    assert all(one.end_unix_nano - one.start_unix_nano == 10 * 10**9 for one in read)
    from hdrh.histogram import HdrHistogram  # noqa: PLC0415  # the peer

    encoded = text.splitlines()[-1].rpartition(",")[2]
    assert HdrHistogram.decode(encoded).get_total_count() == decode_base64(encoded).count


def test_measurements_become_rows_one_by_one_and_torn_lines_are_left_out(jsonl: Path, tmp_path: Path) -> None:
    assert len(rows(run(jsonl, "--to", "csv").stdout)) == 30
    target = tmp_path / "copy.jsonl"
    ended = run(jsonl, "-o", target, "--json")
    assert json.loads(ended.stdout) == {
        "path": str(target),
        "format": "jsonl",
        "written": "30 measurements",
        "skipped_bad": 1,
        "skipped_torn": 0,
    }
    assert len(target.read_text(encoding="utf-8").splitlines()) == 30
    assert target.read_bytes().startswith(b'{"timestamp"')


@pytest.mark.parametrize("kind", ["csv", "jsonl", "hlog"])
def test_lines_that_are_left_out_are_told_by_their_kind(kind: str, tmp_path: Path) -> None:
    good = [LINE.format(second=second, component="llm", ms=1) for second in range(3)]
    too_long = LINE.format(second=3, component="llm", ms="1e300")
    too_long_whole = LINE.format(second=3, component="llm", ms="9" * 400)
    source, target = tmp_path / "mixed.jsonl", tmp_path / f"out.{kind}"
    source.write_text("".join([*good, "nothing\n", too_long, too_long_whole, good[0][:60]]), encoding="utf-8")
    told = f"{source}: left out: 3 lines that are no measurement of the schema, 1 line that is cut short\n"
    assert run(source, "-o", target).stderr == told
    assert run(source, "--to", kind).stderr == told
    data = json.loads(run(source, "-o", target, "--json").stdout)
    assert (data["skipped_bad"], data["skipped_torn"]) == (3, 1)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("package.json", '{"name": "x", "version": 1}', "is no session file"),
        ("package.jsonl", '{"name": "x", "version": 1}', "there is no measurement in it"),
        ("deep.json", "[" * 100_000, "nested too deeply"),
        ("deep.jsonl", "[" * 100_000, "there is no measurement in it (left out: 1 line that is no"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "hlog"])
def test_a_file_of_something_else_is_refused_and_nothing_written(
    name: str, content: str, said: str, kind: str, tmp_path: Path
) -> None:
    source, target = tmp_path / name, tmp_path / "out"
    source.write_text(content, encoding="utf-8")
    for arguments in ((), ("-o", target)):
        ended = run(source, "--to", kind, *arguments)
        assert (ended.exit_code, ended.stdout) == (2, "")
        (line,) = ended.stderr.splitlines()
        assert said in line
    assert list(tmp_path.iterdir()) == [source]


def test_no_part_of_a_rotated_source_is_written_over(jsonl: Path) -> None:
    older = jsonl.with_name(f"{jsonl.name}.1")
    older.write_text(LINE.format(second=0, component="llm", ms=1), encoding="utf-8")
    assert "is the source itself" in run(jsonl, "--rotated", "--to", "csv", "-o", older).stderr
    assert run(jsonl, "--rotated", "--to", "csv", "-o", jsonl.with_suffix(".csv")).exit_code == 0


@pytest.mark.parametrize("kind", ["csv", "jsonl", "hlog"])
def test_what_is_no_ordinary_file_is_never_replaced(jsonl: Path, tmp_path: Path, kind: str) -> None:
    pipe = tmp_path / "pipe"
    if hasattr(os, "mkfifo"):
        os.mkfifo(pipe)
    else:
        pipe.mkdir()
    before = pipe.stat()
    ended = run(jsonl, "--to", kind, "-o", pipe)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "it is no ordinary file" in ended.stderr
    assert os.path.samestat(pipe.stat(), before)


def test_what_is_ascii_needs_no_mark(jsonl: Path, tmp_path: Path) -> None:
    target = tmp_path / "calls.csv"
    assert run(jsonl, "-o", target).exit_code == 0
    assert target.read_bytes().startswith(b"timestamp,")
    jsonl.write_text(LINE.format(second=0, component="größe", ms=1), encoding="utf-8")
    assert run(jsonl, "-o", target).exit_code == 0
    assert target.read_bytes().startswith(b"\xef\xbb\xbftimestamp,")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give the format with --to"),
        (("-o", "x.pdf"), "give the format with --to"),
        (("--to", "csv", "-o", "run.json"), "is the source itself"),
        (("--to", "csv", "--series", "no.such"), "there is no series 'no.such'; there are: llm.answer"),
        (("--to", "csv", "--json"), "give one with -o"),
        (("--to", "csv", "-o", "no/folder/x.csv"), "cannot be written"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], said: str, session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(session.parent)
    ended = run(session, *arguments)
    assert ended.exit_code == 2
    (line,) = ended.stderr.splitlines()
    assert said in line
