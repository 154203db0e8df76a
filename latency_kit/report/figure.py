"""A figure of a report: a drawing, what stands below it, and what it says in words."""

from dataclasses import dataclass

__all__ = ["ReportFigure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFigure:
    """A drawing for a page.

    Attributes:
        svg: An `<svg>` element, safe to stand in a page as it is.
        caption: What it shows, in a few words.
        text: What a reader of it would say: for those who cannot see it.
    """

    svg: str
    caption: str
    text: str
