"""The report in a terminal, drawn with rich.

What the report says is composed in `content`. Colour only repeats what a word says, and only on terminals.
"""

from collections.abc import Iterable, Sequence
from typing import TextIO

from latency_kit.baseline import Comparison
from latency_kit.report.console import Console, Group, Padding, RenderableType, Table, Text, box
from latency_kit.report.content import ABSENT, ReportContent, compose
from latency_kit.session import Session

__all__ = ["print_report"]

_STYLES = {"MET": "green", "BREACHED": "bold red", "NO_DATA": "yellow"}
_INDENT = 2


def print_report(
    session: Session,
    *,
    file: TextIO | None = None,
    width: int | None = None,
    comparison: Comparison | None = None,
    baseline: str = "the baseline",
) -> None:
    """Print the report of `session`.

    Args:
        session: The finished run.
        file: Where to print, standard output by default; without colour unless it is a terminal.
        width: Columns to use; by default those of the terminal, 80 where there is none.
        comparison: The run compared with a baseline.
        baseline: What the baseline is called.
    """
    console = Console(file=file, width=width, highlight=False, markup=False, emoji=False)
    console.print(_report(compose(session, comparison=comparison, baseline=baseline)))


def _report(content: ReportContent) -> RenderableType:
    return Group(
        Text(content.title, style="bold"),
        Text(content.when, style="dim"),
        *_section(
            "End to end",
            _table(
                ("", "Value", "Target", "Status"),
                "lrrl",
                [(row.figure, row.value, row.target, row.status) for row in content.end_to_end],
            ),
            _paragraph(content.end_to_end_lines),
        ),
        *_section(
            "Components",
            _table(
                ("Component", "Calls", "p50", "p95", "Budget", "Status"),
                "lrrrrl",
                [
                    (row.name, row.calls, row.p50, row.p95, row.budget, row.status)
                    for row in content.components
                ],
            ),
            _paragraph(content.component_lines),
        ),
        *_budgets(content),
        *_comparison(content),
        *_section(
            "Bottlenecks",
            _table(
                ("Stage", "Typical turn", "Share", "Slow turn", "Share"),
                "lrrrr",
                [
                    (row.name, row.typical, row.typical_share, row.slow, row.slow_share)
                    for row in content.stages
                ],
            ),
            _list(content.bottleneck_lines),
        ),
        *_traces(content),
        *_section("Recommendations", _list(content.recommendations)),
        *_section(
            "Turns",
            _table(
                ("", "Turns", "Share"),
                "lrr",
                [(row.outcome, row.turns, row.share) for row in content.turns],
            ),
            _paragraph([content.turn_line]),
        ),
        *_section("Display and set-up", _facts(content.setup)),
        *_section("Machine", _facts(content.machine)),
        *_section("Telemetry", _list(content.telemetry_lines)),
    )


def _budgets(content: ReportContent) -> Iterable[RenderableType]:
    if not content.burns:
        return ()
    rows = [(row.budget, row.over, row.allowed, row.burn) for row in content.burns]
    headings = ("Budget", "Over the limit", "Allowed", "Used up")
    return _section("Budgets", _table(headings, "lrrr", rows))


def _comparison(content: ReportContent) -> Iterable[RenderableType]:
    if not content.comparison_lines:
        return ()
    rows = [
        (row.name, row.percentile, row.baseline, row.now, row.ratio, row.change) for row in content.comparison
    ]
    table = _table(("Series", "", "Baseline", "Now", "Ratio", "Change"), "llrrll", rows)
    return _section("Against the baseline", table, _paragraph(content.comparison_lines))


def _traces(content: ReportContent) -> Iterable[RenderableType]:
    if not content.traces:
        return ()
    # The whole identity does not fit beside the rest; Markdown, HTML and JSON have it.
    rows = [(f"{row.trace[:8]}…", row.duration, row.path) for row in content.traces]
    table = _table(("Trace", "Duration", "Critical path"), "lrl", rows)
    return _section("Slowest traces", table, _paragraph(content.trace_lines))


def _section(heading: str, *parts: RenderableType | None) -> Iterable[RenderableType]:
    yield Text()
    yield Text(heading, style="bold underline")
    for part in parts:
        if part is not None:
            yield Padding(part, (0, 0, 0, _INDENT), expand=False)


def _table(headings: Sequence[str], alignment: str, rows: Sequence[Sequence[str]]) -> Table | None:
    if not rows:
        return None
    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0)
    )
    for heading, at in zip(headings, alignment, strict=True):
        # A name may be broken where a line is too narrow; a figure never is.
        is_name = at == "l" and heading != "Status"
        table.add_column(
            heading,
            justify="right" if at == "r" else "left",
            no_wrap=not is_name,
            overflow="fold",
            min_width=None if is_name else len(heading),
        )
    for row in rows:
        table.add_row(*(_cell(cell) for cell in row))
    return table


def _cell(text: str) -> Text:
    return Text(text, style=_STYLES.get(text, "dim" if text == ABSENT else ""))


def _paragraph(sentences: Iterable[str]) -> Text | None:
    text = " ".join(sentences)
    return Text(text, style="dim") if text else None


def _list(lines: Iterable[str]) -> Table:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=1)
    grid.add_column(overflow="fold")
    for line in lines:
        grid.add_row("-", Text(line))
    return grid


def _facts(facts: Iterable[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, fact in facts:
        grid.add_row(Text(name, style="dim"), Text(fact))
    return grid
