"""What `nox -s perf` does: latency tests, overhead, the comparison with the baseline, the reports.

    python tests/performance/perf_run.py                    # all of it, some eight minutes
    python tests/performance/perf_run.py --output perf      # into that folder
    python tests/performance/perf_run.py --write-baseline   # then write baseline and docs/performance.md anew

Exit codes: 0 all budgets and bars met, nothing slower than the baseline and all of it in time, 1 otherwise. A
baseline of another machine is told to be one, and fails nothing. A run that failed writes no baseline, unless
`--even-if-failed` is given: the page then says what failed.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from perf_figures import write_figures
from perf_session import perf_session

from latency_kit.baseline import (
    Comparison,
    StoredSession,
    compare,
    differences,
    read_session,
    write_session,
)
from latency_kit.baseline.comparison_text import comparison_lines
from latency_kit.budget import Verdict
from latency_kit.report import render_html, render_markdown

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BASELINE = HERE / "baseline.json"
PAGE = ROOT / "docs" / "performance.md"
LIMIT_S = 900.0
"""What all of it may take on two cores; longer, and nobody runs it."""

TOLERANCE = 0.25
"""Two runs on a machine shared with others differ by a tenth and more; an interval covers chance only."""


def main() -> int:
    """Run it; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "perf", help="folder of the results")
    parser.add_argument(
        "--write-baseline", action="store_true", help="write the baseline and docs/performance.md"
    )
    parser.add_argument(
        "--even-if-failed",
        action="store_true",
        help="write them even so, and say on the page what failed",
    )
    parser.add_argument("--grace", default="1", help="multiply the limits of the overhead by this")
    options = parser.parse_args()
    folder: Path = options.output.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    for old in (folder / "tests.json", *folder.glob("assistant-*.json")):
        old.unlink(missing_ok=True)  # nothing of an earlier run may pass for this one's
    begun_s = time.monotonic()
    failed: list[str] = []

    _say(1, "latency tests: 100 samples or more of real work each (some five minutes)")
    if _run([*_pytest(folder)], folder / "tests.txt"):
        failed.append("a latency test failed")
    if not (folder / "tests.json").exists():
        return _end([*failed, "the tests measured nothing"], folder, begun_s)
    _say(2, "the library's overhead beside its peers'")
    overhead = folder / "overhead.txt"
    if _run([sys.executable, str(HERE / "overhead.py"), f"--grace={options.grace}"], overhead):
        failed.append("a bar of the overhead is missed")

    _say(3, "the stored baseline")
    tests = read_session(folder / "tests.json")
    session = perf_session(tests, sorted(folder.glob("assistant-*.json")))
    if any(one.verdict is Verdict.BREACHED for one in tests.session.evaluations):
        failed.append("a budget is breached")
    baseline = read_session(BASELINE) if BASELINE.exists() else None
    compared = _compared(baseline, tests)
    if compared is not None and compared.regressed:
        failed.append(f"slower than the baseline: {', '.join(one.name for one in compared.regressed)}")

    _say(4, "the reports")
    write_session(session, folder / "session.json")
    over = baseline if compared is not None else None
    markdown = render_markdown(session.session, comparison=compared, baseline="the stored baseline")
    (folder / "performance-report.md").write_text(markdown, encoding="utf-8")
    page = render_html(
        session.session, comparison=compared, baseline=over, baseline_name="the stored baseline"
    )
    (folder / "performance-report.html").write_text(page, encoding="utf-8")
    took_s = time.monotonic() - begun_s
    if took_s > LIMIT_S:
        failed.append(f"it took {took_s:.0f} s, and may take {LIMIT_S:.0f} s")
    if options.write_baseline and failed and not options.even_if_failed:
        _tell("no baseline written, since something failed: mend it, or add --even-if-failed")
    elif options.write_baseline:
        write_session(tests, BASELINE)
        write_figures(PAGE, tests, overhead.read_text(encoding="utf-8"), took_s=took_s, failed=failed)
        _tell(f"baseline written: {BASELINE.name}, {PAGE.name}")
    return _end(failed, folder, begun_s)


def _pytest(folder: Path) -> Sequence[str]:
    return (
        *(sys.executable, "-m", "pytest", str(HERE / "test_latency.py"), "-p", "no:cacheprovider"),
        *("-o", "latency_policy=reference_pipeline/budgets.toml", "-o", f"latency_folder={folder}"),
        *("--latency-save", "tests", "--latency-json", str(folder / "latency.json"), "-v"),
    )


def _run(command: Sequence[str], kept: Path) -> int:
    """Run a program, showing what it says and keeping it in a file; return its exit code."""
    environment = {
        **os.environ,
        "LATENCY_KIT_PERF": "full",
        "LATENCY_KIT_PERF_FOLDER": str(kept.parent),
        "PYTHONUNBUFFERED": "1",
    }
    with (
        kept.open("w", encoding="utf-8") as file,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as program,
    ):
        assert program.stdout is not None
        for line in program.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            file.write(line)
    return program.returncode


def _compared(baseline: StoredSession | None, tests: StoredSession) -> Comparison | None:
    if baseline is None:
        _tell("there is none yet: --write-baseline writes one")
        return None
    forbidding = [str(one) for one in differences(baseline, tests) if one.forbids]
    if forbidding:
        _tell(f"it was measured elsewhere ({'; '.join(forbidding)}): nothing is compared, nothing fails")
        return None
    compared = compare(baseline, tests, tolerance=TOLERANCE)
    for line in comparison_lines(compared, baseline="the stored baseline"):
        _tell(line)
    return compared


def _end(failed: Sequence[str], folder: Path, begun_s: float) -> int:
    _tell(f"\nresults: {folder}  ({time.monotonic() - begun_s:.0f} s)")
    for name in ("performance-report.md", "performance-report.html", "session.json"):
        if (folder / name).exists():
            _tell(f"  {name}")
    for reason in failed:
        _tell(f"FAILED: {reason}")
    if not failed:
        _tell("all budgets and bars are met, and nothing is slower than the baseline")
    return 1 if failed else 0


def _say(step: int, what: str) -> None:
    _tell(f"\n[{step}/4] {what}")


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
