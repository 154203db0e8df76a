"""The table that commands draw in a terminal: headings over a rule, figures to the right."""

from collections.abc import Iterable

from latency_kit.report.console import Table, box

__all__ = ["empty_table"]


def empty_table(headings: Iterable[str], alignment: str) -> Table:
    """Return a table without rows.

    Args:
        headings: Of its columns.
        alignment: "l" or "r" for each column; what stands to the right is a figure and never wrapped.
    """
    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0)
    )
    for heading, at in zip(headings, alignment, strict=True):
        table.add_column(
            heading, justify="right" if at == "r" else "left", no_wrap=at == "r", overflow="fold"
        )
    return table
