"""The one door to matplotlib: an empty figure, and a figure as SVG that stands in a page.

The SVG is themed by the page: ink, lines and areas are drawn in the colours of `Ink` and come out as CSS
variables, so that one drawing reads on paper, in light and in dark. Text stays text, in the page's own font.
What is drawn lives in the modules of the figures.
"""

import io
import re
import warnings
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from latency_kit.errors import MissingExtraError

try:
    from matplotlib import rc_context
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
except ImportError as error:
    raise MissingExtraError("matplotlib", "report") from error

__all__ = ["STAGE_INKS", "Axes", "Ink", "draw", "millisecond_tick", "plain"]


class Ink(StrEnum):
    """A colour that the page decides about; its value is what stands for it while drawing."""

    TEXT = "#010101"
    GRID = "#020202"
    PAPER = "#030303"
    NOW = "#040404"
    """The session that is reported."""
    BASELINE = "#050505"
    LIMIT = "#060606"
    """A budget's limit."""
    SERVICE = "#070707"
    WAIT = "#080808"
    GAP = "#090909"
    OFF_PATH = "#0a0a0a"
    STAGE_1 = "#0b0b0b"
    STAGE_2 = "#0c0c0c"
    STAGE_3 = "#0d0d0d"
    STAGE_4 = "#0e0e0e"
    STAGE_5 = "#0f0f0f"
    STAGE_6 = "#101010"
    STAGE_7 = "#111111"
    OTHERS = "#121212"
    REST = "#131313"

    @property
    def variable(self) -> str:
        """The CSS variable that holds the colour."""
        return f"--ink-{self.name.lower().replace('_', '-')}"


STAGE_INKS = (Ink.STAGE_1, Ink.STAGE_2, Ink.STAGE_3, Ink.STAGE_4, Ink.STAGE_5, Ink.STAGE_6, Ink.STAGE_7)

_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",  # text, that can be found, copied and read aloud
    "svg.image_inline": True,
    "text.parse_math": False,  # a dollar in a name is a dollar
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": Ink.TEXT.value,
    "axes.labelcolor": Ink.TEXT.value,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": Ink.GRID.value,
    "grid.linewidth": 0.6,
    "figure.facecolor": "none",
    "text.color": Ink.TEXT.value,
    "xtick.color": Ink.TEXT.value,
    "ytick.color": Ink.TEXT.value,
    "legend.frameon": False,
    "hatch.linewidth": 0.8,
    "hatch.color": Ink.PAPER.value,
}

_WIDTH_IN = 4.7
"""Natural width: on a phone of 390 pixels letters are 10 pixels high, in two columns on paper 8 points."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff￾￿]")
_HEAD = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
_SIZE = re.compile(r'(<svg[^>]*?) width="[^"]*"', re.DOTALL)
_HEIGHT = re.compile(r'(<svg[^>]*?) height="[^"]*"', re.DOTALL)
_ID = re.compile(r'\bid="([^"]*)"')
_REFERENCE = re.compile(r'url\(#([^)]*)\)|href="#([^"]*)"')
_FAMILY = re.compile(r" ?font-family: [^;\"]*;?")
_STYLE = re.compile(r"<style.*?</style>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_INK = re.compile("|".join(ink.value for ink in Ink))
_VARIABLES = {ink.value: f"var({ink.variable})" for ink in Ink}
_MARGINS = {"left": 0.155, "right": 0.975, "bottom": 0.2, "top": 0.955}


def draw(
    name: str,
    paint: Callable[[Axes], None],
    *,
    height_in: float = 2.5,
    margins: Mapping[str, float] | None = None,
) -> str:
    """Return what `paint` draws on one pair of axes as an `<svg>` element.

    Args:
        name: A word that no other figure of the page has: identities in the SVG begin with it.
        paint: Draws.
        height_in: Natural height in inches.
        margins: Edges of the axes as shares of the figure, where they are other than usual.
    """
    stream = io.StringIO()
    with rc_context({**_SETTINGS, "svg.hashsalt": name}), warnings.catch_warnings():
        # A sign that matplotlib's own font lacks is drawn by the browser, in another.
        warnings.filterwarnings("ignore", message="Glyph")
        figure = Figure(figsize=(_WIDTH_IN, height_in))
        FigureCanvasSVG(figure)
        # A layout that measures everything takes twice as long as drawing it.
        figure.subplots_adjust(**{**_MARGINS, **(margins or {})})
        paint(figure.subplots())
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return _themed(stream.getvalue(), name)


def plain(text: str, most: int = 80) -> str:
    """Return a text that an SVG can hold on one line: no control signs, at most so many others."""
    flat = " ".join(_CONTROL.sub(" ", text).split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"


def millisecond_tick(value_ms: float) -> str:
    """Write a duration at an axis: "250 ms", "1.5 s", "20 µs"."""
    if value_ms == 0:
        return "0"
    if value_ms >= 1000:  # noqa: PLR2004  # milliseconds of a second
        return f"{value_ms / 1000:g} s"
    return f"{value_ms:g} ms" if value_ms >= 1 else f"{1000 * value_ms:.3g} µs"


def _themed(svg: str, name: str) -> str:
    svg = _STYLE.sub("", _METADATA.sub("", _HEAD.sub("", svg)))
    svg = _HEIGHT.sub(r"\1", _SIZE.sub(r"\1", svg, count=1), count=1)
    # Within tags only: what is between them is somebody's text.
    return _TAG.sub(lambda tag: _themed_tag(tag[0], name), svg).strip()


def _themed_tag(tag: str, name: str) -> str:
    tag = _ID.sub(rf'id="{name}-\1"', tag)
    tag = _REFERENCE.sub(
        lambda found: f"url(#{name}-{found[1]})" if found[1] else f'href="#{name}-{found[2]}"', tag
    )
    return _INK.sub(lambda found: _VARIABLES[found[0]], _FAMILY.sub("", tag))
