"""Reports: what a session says, composed once and rendered as Markdown, in the terminal, or as a page.

    compose(session)           the content, as frozen text: pure, no optional package
    render_markdown(session)   `performance-report.md`: no optional package
    print_report(session)      the terminal; needs `latency-kit[cli]` and is imported when first used
    render_html(session)       one HTML file with figures; needs `latency-kit[report]`, imported as well

Nothing here measures, judges a budget or reads a file.
"""

from typing import TYPE_CHECKING

from latency_kit.report.bottlenecks import Breakdown, StageShare, break_down
from latency_kit.report.content import ReportContent, compose
from latency_kit.report.markdown import render_markdown
from latency_kit.report.recommendations import Recommendation, recommend

if TYPE_CHECKING:
    from latency_kit.report.html import render_html
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
    "render_html",
    "render_markdown",
]


if not TYPE_CHECKING:
    # Hidden from type checkers, which would otherwise take any name for a public one.

    def __getattr__(name: str) -> object:
        if name == "print_report":
            from latency_kit.report.terminal import print_report  # noqa: PLC0415  # needs an extra

            return print_report
        if name == "render_html":
            from latency_kit.report.html import render_html  # noqa: PLC0415  # as well

            return render_html
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
