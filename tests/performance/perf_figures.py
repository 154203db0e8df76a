"""The figures in docs/performance.md, which `perf_run.py --write-baseline` writes between two marks."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from latency_kit.baseline import StoredSession
from latency_kit.report.markdown import table_lines
from latency_kit.report.wording import ms_figure
from latency_kit.units import NS_PER_S

__all__ = ["BEGIN", "END", "write_figures"]

BEGIN = "<!-- figures: written by `nox -s perf -- --write-baseline` -->"
END = "<!-- end of figures -->"


def write_figures(
    page: Path, tests: StoredSession, overhead: str, *, took_s: float, failed: Sequence[str] = ()
) -> None:
    """Replace what stands between the marks of `page`.

    Args:
        page: The page.
        tests: What the latency tests have measured.
        overhead: What the overhead's benchmark has printed.
        took_s: How long all of it took, in seconds.
        failed: What failed; it stands on the page.

    Raises:
        ValueError: The page has no such marks.
    """
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page}: needs the marks {BEGIN!r} and {END!r}, between which figures are written")
    figures = "\n".join([*_head(tests, took_s, failed), *_lines(tests, overhead)])
    page.write_text(f"{before}{BEGIN}\n\n{figures}\n\n{END}{after}", encoding="utf-8")


def _head(tests: StoredSession, took_s: float, failed: Sequence[str]) -> Iterator[str]:
    day = datetime.fromtimestamp(tests.session.start_unix_nano // NS_PER_S, tz=UTC)
    commit = "unknown" if tests.commit is None else tests.commit.id[:10]
    yield f"Measured on {day:%Y-%m-%d}, commit {commit}, in {took_s / 60:.1f} minutes:"
    if failed:
        yield ""
        yield "**This run failed:**"
        yield ""
        yield from (f"- {reason}" for reason in failed)
        yield ""


def _lines(tests: StoredSession, overhead: str) -> Iterator[str]:
    session = tests.session
    facts = session.environment.facts()
    yield from table_lines(("What", "Value"), "ll", [item for item in facts.items() if item[0] != "Packages"])
    yield ""
    yield "Latencies of the assistant:"
    rows = []
    limits = {one.budget.measures: one for one in session.evaluations}
    for name, histogram in tests.histograms().items():
        judged = limits.get(name)
        rows.append(
            (
                name.partition("::")[2] or name.rpartition(".")[2],
                str(histogram.count),
                *(ms_figure(min(histogram.value_at_percentile(at), histogram.max_ns)) for at in (50, 95, 99)),
                "-" if judged is None else ms_figure(judged.budget.limit_ns),
                "-" if judged is None else judged.verdict.value,
            )
        )
    headings = ("Test", "Samples", "p50", "p95", "p99", "Limit at p95", "Verdict")
    yield from table_lines(headings, "lrrrrrl", rows)
    yield ""
    yield "The library's overhead beside its peers', as `tests/performance/overhead.py` tells it:"
    yield ""
    yield "```text"
    yield from (line.rstrip() for line in overhead.strip().splitlines())
    yield "```"
