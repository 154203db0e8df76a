"""`latency-kit report` prints or writes a session in three formats, and exits by its verdicts."""

import json
from pathlib import Path

import pytest

from latency_kit.baseline import BaselineStore, StoredSession, write_session
from latency_kit.budget import BudgetPolicy, LatencyBudget, evaluate
from latency_kit.measurement.measurement import NO_ATTRIBUTES, Outcome
from latency_kit.measurement.series import SeriesSnapshot
from latency_kit.session import Environment, Session
from tests.latency_kit.report.run_sessions import histogram_of

click_testing = pytest.importorskip("click.testing", reason="click comes with the extra 'cli'")


def run(*arguments: str | Path) -> "click_testing.Result":
    from latency_kit.cli import main  # noqa: PLC0415  # needs the extra, which may be absent

    return click_testing.CliRunner().invoke(main, ["report", *map(str, arguments)])


def stored(values_ms: "list[float]", limit_ms: float = 100) -> StoredSession:
    series = (
        SeriesSnapshot(
            component="llm",
            operation="answer",
            outcome=Outcome.OK,
            attributes=NO_ATTRIBUTES,
            histogram=histogram_of(values_ms),
            start_unix_nano=0,
            exemplars=(),
        ),
    )
    budget = LatencyBudget(
        name="answer", component="llm", operation="answer", limit_ns=round(limit_ms * 1e6), min_samples=1
    )
    session = Session(
        title="a run",
        start_unix_nano=0,
        end_unix_nano=10**9,
        environment=Environment(
            python_version="3.12.4", python_implementation="CPython", operating_system="Linux 6.8"
        ),
        series=series,
        evaluations=evaluate(BudgetPolicy((budget,)), series),
        end_to_end="llm.answer",
    )
    return StoredSession(session=session)


@pytest.fixture
def session(tmp_path: Path) -> Path:
    path = tmp_path / "run.json"
    write_session(stored([10 + step / 100 for step in range(500)]), path)
    return path


def test_text_is_printed_and_the_exit_code_is_that_of_the_verdicts(session: Path, tmp_path: Path) -> None:
    ended = run(session)
    assert ended.exit_code == 0
    assert "Performance report: a run" in ended.stdout
    write_session(stored([200.0] * 5), tmp_path / "slow.json")
    ended = run(tmp_path / "slow.json")
    assert ended.exit_code == 1
    assert "BREACHED" in ended.stdout


def test_the_format_is_that_of_the_suffix_or_the_one_asked_for(session: Path, tmp_path: Path) -> None:
    for name, beginning in (
        ("a.md", "# Performance report"),
        ("a.html", "<!doctype html>"),
        ("a.txt", "Performance report"),
    ):
        ended = run(session, "-o", tmp_path / name)
        assert (ended.exit_code, ended.stdout.startswith(f"{tmp_path / name}: ")) == (0, True)
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(beginning)
    assert run(session, "--format", "markdown").stdout.startswith("# Performance report: a run\n")


def test_against_a_baseline_what_is_slower_is_told_and_is_exit_code_1(session: Path, tmp_path: Path) -> None:
    folder = tmp_path / "baselines"
    BaselineStore(folder).save(stored([5 + step / 100 for step in range(500)]), "main")
    ended = run(session, "--baseline", "main", "--folder", folder, "--format", "markdown")
    assert ended.exit_code == 1
    assert "## Against the baseline" in ended.stdout
    assert "regressed" in ended.stdout
    assert run(session, "--baseline", session).exit_code == 0


def test_a_report_is_never_written_over_what_it_is_made_of(session: Path, tmp_path: Path) -> None:
    folder = tmp_path / "baselines"
    kept = BaselineStore(folder).save(stored([5.0] * 500), "main")
    (tmp_path / "link.json").hardlink_to(session)
    before = session.read_bytes(), kept.read_bytes()
    for arguments in (
        (session, "-o", session),
        (session, "-o", tmp_path / "link.json"),
        (session, "--baseline", "main", "--folder", folder, "-o", kept),
        ("main", "--folder", folder, "-o", kept),
    ):
        ended = run(*arguments)
        assert (ended.exit_code, ended.stdout) == (2, "")
        assert "is the source itself" in ended.stderr
    assert (session.read_bytes(), kept.read_bytes()) == before


def test_json_has_the_rows_of_the_report(session: Path) -> None:
    data = json.loads(run(session, "--json").stdout)
    assert data["title"] == "Performance report: a run"
    assert data["burns"][0]["budget"] == "answer"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing.json",), "there is no session file 'nothing.json', and no baseline of that name"),
        (("--json", "--format", "html"), "exclude each other"),
        (("-o", "no/such/folder/x.html"), "cannot be written"),
        (("--baseline", "nobody", "--folder", "none"), "there is no session file 'nobody'"),
        (("--baseline", ""), "got an empty name"),
        (("--baseline", "a" * 300), "File name too long"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    arguments: "tuple[str, ...]", said: str, session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(session.parent)
    ended = run(*(arguments if arguments == ("nothing.json",) else (session, *arguments)))
    assert ended.exit_code == 2
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert said in line
