"""Reports: what a session says, composed once and rendered as Markdown or in the terminal.

    compose(session)           the content, as frozen text: pure, no optional package
    render_markdown(session)   `performance-report.md`: no optional package
    print_report(session)      the terminal; needs `latency-kit[cli]` and is imported when first used

Nothing here measures, judges a budget or reads a file.
"""

from typing import TYPE_CHECKING

from latency_kit.report.bottlenecks import Breakdown, StageShare, break_down
from latency_kit.report.content import ReportContent, compose
from latency_kit.report.markdown import render_markdown
from latency_kit.report.recommendations import Recommendation, recommend

if TYPE_CHECKING:
    from latency_kit.report.terminal import print_report

__all__ = [
    "Breakdown",
    "Recommendation",
    "ReportContent",
    "StageShare",
    "break_down",
    "compose",
    "print_report",
    "recommend",
    "render_markdown",
]


if not TYPE_CHECKING:
    # Hidden from type checkers, which would otherwise take any name for a public one.

    def __getattr__(name: str) -> object:
        if name == "print_report":
            from latency_kit.report.terminal import print_report  # noqa: PLC0415  # needs an extra

            return print_report
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
