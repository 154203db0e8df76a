"""The report as GitHub-flavoured Markdown: `performance-report.md`.

Plain string building: the document is one fixed sequence of headings, tables and lists, and so it needs
no optional package. What the report says is composed in `content`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from latency_kit.baseline import Comparison
from latency_kit.report.content import ReportContent, compose
from latency_kit.session import Session

__all__ = ["render_markdown", "table_lines"]

# Intraword underscores mean nothing in GFM, and names are full of them; escaping those would only
# make the raw text harder to read.
_SPECIAL = re.compile(r"[\\`*\[\]<>&|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_BLOCK_START = re.compile(r"^(\d{1,9})([.)])(?=\s|$)|^([#+=-])")


def render_markdown(
    session: Session, *, comparison: Comparison | None = None, baseline: str = "the baseline"
) -> str:
    """Return the report of `session` as Markdown, ending with a line break.

    Args:
        session: The finished run.
        comparison: The run compared with a baseline.
        baseline: What the baseline is called.
    """
    return "\n".join(_lines(compose(session, comparison=comparison, baseline=baseline))) + "\n"


def _lines(content: ReportContent) -> Iterator[str]:
    yield f"# {_escaped(content.title)}"
    yield from ("", _escaped(content.when))
    yield from _heading("End to end")
    yield from table_lines(
        ("Figure", "Value", "Target", "Status"),
        "lrrl",
        [(row.figure, row.value, row.target, row.status) for row in content.end_to_end],
    )
    yield from _paragraph(content.end_to_end_lines)
    yield from _heading("Components")
    yield from table_lines(
        ("Component", "Calls", "p50", "p95", "Budget", "Status"),
        "lrrrrl",
        [(row.name, row.calls, row.p50, row.p95, row.budget, row.status) for row in content.components],
    )
    yield from _paragraph(content.component_lines)
    yield from _budgets(content)
    yield from _comparison(content)
    yield from _heading("Bottlenecks")
    yield from _list(content.bottleneck_lines)
    yield from table_lines(
        ("Stage", "Typical turn", "Share", "Slow turn", "Share"),
        "lrrrr",
        [(row.name, row.typical, row.typical_share, row.slow, row.slow_share) for row in content.stages],
    )
    yield from _traces(content)
    yield from _heading("Recommendations")
    yield from _list(content.recommendations)
    yield from _heading("Turns")
    yield from table_lines(
        ("Outcome", "Turns", "Share"),
        "lrr",
        [(row.outcome, row.turns, row.share) for row in content.turns],
    )
    yield from _paragraph([content.turn_line])
    yield from _heading("Display and set-up")
    yield from table_lines(("What", "Value"), "ll", content.setup)
    yield from _heading("Machine")
    yield from table_lines(("What", "Value"), "ll", content.machine)
    yield from _heading("Telemetry")
    yield from _list(content.telemetry_lines)


def _budgets(content: ReportContent) -> Iterator[str]:
    if content.burns:
        yield from _heading("Budgets")
        yield from table_lines(
            ("Budget", "Limit", "Over the limit", "Allowed", "Used up"),
            "lrrrr",
            [(row.budget, row.limit, row.over, row.allowed, row.burn) for row in content.burns],
        )


def _comparison(content: ReportContent) -> Iterator[str]:
    if content.comparison_lines:
        yield from _heading("Against the baseline")
        yield from _paragraph(content.comparison_lines)
        yield from table_lines(
            ("Series", "Percentile", "Baseline", "Now", "Ratio", "Change"),
            "llrrll",
            [
                (row.name, row.percentile, row.baseline, row.now, row.ratio, row.change)
                for row in content.comparison
            ],
        )


def _traces(content: ReportContent) -> Iterator[str]:
    if content.traces:
        yield from _heading("Slowest traces")
        yield from table_lines(
            ("Trace", "Operation", "Duration", "Critical path"),
            "llrl",
            [(row.trace, row.operation, row.duration, row.path) for row in content.traces],
        )
        yield from _list(content.trace_lines)


def _heading(text: str) -> Iterator[str]:
    yield from ("", f"## {text}")


def _paragraph(sentences: Iterable[str]) -> Iterator[str]:
    text = " ".join(sentences)
    if text:
        yield from ("", _escaped(text))


def _list(lines: Iterable[str]) -> Iterator[str]:
    yield ""
    for line in lines:
        yield f"- {_escaped(line)}"


def table_lines(headings: Sequence[str], alignment: str, rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a table whose columns are padded, so that the raw text reads as well as the rendered one."""
    escaped = [[_escaped_cell(cell) for cell in row] for row in rows]
    if not escaped:
        return
    widths = [max(len(cell) for cell in column) for column in zip(headings, *escaped, strict=True)]
    yield ""
    yield _row(headings, alignment, widths)
    yield "| " + " | ".join(_rule(at, width) for at, width in zip(alignment, widths, strict=True)) + " |"
    for cells in escaped:
        yield _row(cells, alignment, widths)


def _row(cells: Sequence[str], alignment: str, widths: Sequence[int]) -> str:
    padded = (
        cell.rjust(width) if at == "r" else cell.ljust(width)
        for cell, at, width in zip(cells, alignment, widths, strict=True)
    )
    return "| " + " | ".join(padded) + " |"


def _rule(alignment: str, width: int) -> str:
    return "-" * (width - 1) + ":" if alignment == "r" else "-" * width


def _escaped_cell(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", " ".join(text.split()))


def _escaped(text: str) -> str:
    """Escape what Markdown would take as markup, and keep the text on one line."""
    return _BLOCK_START.sub(_escaped_start, _escaped_cell(text))


def _escaped_start(found: re.Match[str]) -> str:
    number, point, mark = found.groups()
    return f"{number}\\{point}" if number is not None else f"\\{mark}"
