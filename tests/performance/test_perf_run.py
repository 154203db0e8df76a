"""What `nox -s perf` makes of what was measured: exit code, reports, baseline, page. Nothing is measured."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import perf_run
import pytest
from perf_figures import BEGIN, END, write_figures
from perf_session import perf_session

from latency_kit.baseline import StoredSession, read_session, write_session
from latency_kit.budget import Verdict
from latency_kit.report import render_html
from tests.latency_kit.cli.test_report_command import stored
from tests.latency_kit.report.run_sessions import trace
from tests.performance import live_runs

FAST = [10 + step / 100 for step in range(200)]
Perf = Callable[..., int]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "performance.md"
    path.write_text(f"# Before\n\n{BEGIN}\n\nold\n\n{END}\n\nafter\n", encoding="utf-8")
    return path


@pytest.fixture
def perf(tmp_path: Path, page: Path, monkeypatch: pytest.MonkeyPatch) -> Perf:
    """Run `main`, with programs that leave behind what is given instead of measuring."""
    monkeypatch.setattr(perf_run, "BASELINE", tmp_path / "baseline.json")
    monkeypatch.setattr(perf_run, "PAGE", page)
    monkeypatch.setattr(perf_run, "render_html", lambda *_, **__: "")  # seconds of drawing

    def run(*options: str, tests: StoredSession | None, test_code: int = 0, overhead_code: int = 0) -> int:
        def program(command: Sequence[str], kept: Path) -> int:
            kept.write_text("met    a bar\n", encoding="utf-8")
            if "pytest" not in command:
                return overhead_code
            if tests is not None:
                write_session(tests, kept.parent / "tests.json")
            return test_code

        monkeypatch.setattr(perf_run, "_run", program)
        monkeypatch.setattr(sys, "argv", ["perf_run.py", "--output", str(tmp_path / "out"), *options])
        return perf_run.main()

    return run


def test_what_is_met_exits_with_0_and_leaves_three_reports(
    perf: Perf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(perf_run, "render_html", render_html)
    assert perf(tests=stored(FAST)) == 0
    folder = tmp_path / "out"
    assert (folder / "performance-report.md").read_text(encoding="utf-8").startswith("# Performance report")
    assert (folder / "performance-report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert read_session(folder / "session.json").histograms()["llm.answer"].count == len(FAST)


def test_a_breach_exits_with_1_and_says_so(perf: Perf, capsys: pytest.CaptureFixture[str]) -> None:
    assert perf(tests=stored([200.0] * 100)) == 1
    assert "FAILED: a budget is breached" in capsys.readouterr().out


def test_what_is_slower_than_the_baseline_exits_with_1(
    perf: Perf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_session(stored(FAST), tmp_path / "baseline.json")
    assert perf(tests=stored([2 * ms for ms in FAST])) == 1
    assert "FAILED: slower than the baseline: llm.answer" in capsys.readouterr().out
    assert perf(tests=stored([1.1 * ms for ms in FAST])) == 0


def test_a_baseline_of_another_machine_fails_nothing(perf: Perf, tmp_path: Path) -> None:
    other = stored([ms / 9 for ms in FAST])
    environment = replace(other.session.environment, processor="another")
    write_session(
        replace(other, session=replace(other.session, environment=environment)), tmp_path / "baseline.json"
    )
    tests = stored(FAST)
    here = replace(tests.session.environment, processor="this one")
    assert perf(tests=replace(tests, session=replace(tests.session, environment=here))) == 0


@pytest.mark.parametrize("codes", [{"test_code": 1}, {"overhead_code": 1}])
def test_a_program_that_fails_fails_the_run(perf: Perf, codes: dict[str, int]) -> None:
    assert perf(tests=stored(FAST), **codes) == 1


def test_figures_of_an_earlier_run_do_not_pass_for_this_ones(
    perf: Perf, capsys: pytest.CaptureFixture[str]
) -> None:
    assert perf(tests=stored(FAST)) == 0
    assert perf(tests=None) == 1
    assert "FAILED: the tests measured nothing" in capsys.readouterr().out


def test_a_baseline_is_written_where_nothing_failed(perf: Perf, page: Path, tmp_path: Path) -> None:
    assert perf("--write-baseline", tests=stored(FAST)) == 0
    assert read_session(tmp_path / "baseline.json") == stored(FAST)
    assert "met    a bar" in page.read_text(encoding="utf-8")


def test_a_run_that_failed_writes_a_baseline_only_if_told_to_and_the_page_says_so(
    perf: Perf, page: Path, tmp_path: Path
) -> None:
    before = page.read_text(encoding="utf-8")
    assert perf("--write-baseline", tests=stored([200.0] * 100)) == 1
    assert not (tmp_path / "baseline.json").exists()
    assert page.read_text(encoding="utf-8") == before
    assert perf("--write-baseline", "--even-if-failed", tests=stored([200.0] * 100)) == 1
    assert (tmp_path / "baseline.json").exists()
    assert "**This run failed:**\n\n- a budget is breached\n" in page.read_text(encoding="utf-8")


def test_more_than_fifteen_minutes_fail(
    perf: Perf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(perf_run, "LIMIT_S", 0.0)
    assert perf(tests=stored(FAST)) == 1
    assert "and may take 0 s" in capsys.readouterr().out


def test_the_page_has_figures_and_duration_and_keeps_the_rest(page: Path) -> None:
    write_figures(page, stored(FAST), "  met    a bar\n", took_s=498.0)
    text = page.read_text(encoding="utf-8")
    assert text.startswith(
        f"# Before\n\n{BEGIN}\n\nMeasured on 1970-01-01, commit unknown, in 8.3 minutes:\n"
    )
    assert text.endswith(f"met    a bar\n```\n\n{END}\n\nafter\n")
    assert "| answer |     200 | 11.0 ms | 11.9 ms | 12.0 ms |       100 ms | MET     |" in text
    assert "old" not in text
    assert "failed" not in text
    page.write_text("no marks", encoding="utf-8")
    with pytest.raises(ValueError, match="needs the marks"):
        write_figures(page, stored(FAST), "", took_s=1.0)


def test_runs_of_the_assistant_are_put_together_beside_the_tests(tmp_path: Path) -> None:
    paths = []
    for number, ms in enumerate((20.0, 300.0), start=1):
        run = stored([ms] * 10)
        traces = tuple(trace(10 * number + at, end_ms=1000 * number + at) for at in range(8))
        session = replace(run.session, traces=traces, outcomes={"answered": number}, left_out={})
        paths.append(tmp_path / f"assistant-{number}.json")
        write_session(replace(run, session=session), paths[-1])
    tests = stored(FAST)
    whole = perf_session(tests, paths).session
    assert [one.histogram.count for one in whole.series] == [len(FAST), 20]
    assert [one.verdict for one in whole.evaluations] == [Verdict.MET, Verdict.BREACHED]
    assert whole.outcomes == {"answered": 3}
    assert [kept.trace_id for kept in whole.traces] == [*range(27, 19, -1), *range(17, 13, -1)]
    assert whole.left_out == {"traces that were not among the slowest": 4}
    assert perf_session(tests, []) is tests


def test_each_run_that_was_heard_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        live_runs, "_one_run", lambda _, folder, number, __: ({"turns": [number]}, folder / str(number))
    )
    told: list[tuple[int, int]] = []
    heard = live_runs.heard_live(
        tmp_path, tmp_path, runs=3, ollama="", each=lambda done, of: told.append((done, of))
    )
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert heard.turns == (1, 2, 3)
    assert heard.sessions == tuple(tmp_path / str(number) for number in (1, 2, 3))
