"""One trace as a waterfall: its spans over time, and below them what was waited for, instant by instant."""

from collections.abc import Sequence

from latency_kit.errors import UsageError
from latency_kit.report.drawing import Axes, Ink, draw, millisecond_tick, plain
from latency_kit.report.figure import ReportFigure
from latency_kit.report.wording import counted, ms_figure, share_figure
from latency_kit.session import KeptTrace, PathKind, PathSegment, SpanRecord

__all__ = ["waterfall_figure"]

MAX_ROWS = 24
"""Spans that are drawn; of more the shortest are left out, and counted."""

_ROW_IN = 0.2
_INKS = {PathKind.SERVICE: Ink.SERVICE, PathKind.QUEUE_WAIT: Ink.WAIT, PathKind.GAP: Ink.GAP}
_HATCHES = {PathKind.SERVICE: "", PathKind.QUEUE_WAIT: "////", PathKind.GAP: ""}
_LEAST_SEEN = 0.004
"""A span is drawn at least as wide as this share of the time, so that it can be seen."""

_LABELS_TURN_AT = 0.55
"""A span that begins beyond this share of the time has its name on its left."""


def waterfall_figure(name: str, trace: KeptTrace) -> ReportFigure:
    """Draw the spans of a trace in the order in which they began, with the critical path upon them.

    Args:
        name: Identity of the figure in its page.
        trace: The trace.
    """
    explained = trace.explained
    shown = _shown(trace)
    try:
        segments: Sequence[PathSegment] = trace.critical_path().segments
    except UsageError:
        segments = ()
    hidden = len(trace.spans) - len(shown) + trace.left_out

    def paint(axes: Axes) -> None:
        start_ns = explained.start_ns
        for row, span in enumerate(shown):
            seen_ns = max(span.duration_ns, _LEAST_SEEN * explained.duration_ns)
            _bar(axes, row, (span.start_ns - start_ns, seen_ns), Ink.OFF_PATH)
        rows = {span.span_id: row for row, span in enumerate(shown)}
        for segment in segments:
            ink, hatch = _INKS[segment.kind], _HATCHES[segment.kind]
            its_own = [rows[segment.span_id]] if segment.span_id in rows else []
            for row in (len(shown), *its_own):
                _bar(axes, row, (segment.start_ns - start_ns, segment.duration_ns), ink, hatch)
        for row, span in enumerate(shown):
            _label(axes, row, span, explained)
        axes.text(0, len(shown) - 0.5, "critical path", fontsize=8.5, va="center")
        axes.set_ylim(len(shown) + 0.6, -0.9)
        axes.set_xlim(-0.005 * explained.duration_ns, 1.005 * max(explained.duration_ns, 1))
        axes.xaxis.set_major_formatter(lambda value, _at: millisecond_tick(round(value / 1e6, 6)))
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)

    height_in = _ROW_IN * 1.6 * (len(shown) + 1.5) + 0.35
    return ReportFigure(
        svg=draw(
            name,
            paint,
            height_in=height_in,
            margins={"left": 0.02, "bottom": 0.3 / height_in, "top": 1 - 0.03 / height_in},
        ),
        caption=plain(f"{explained.name}, {ms_figure(explained.duration_ns)}, trace {trace.trace_id:032x}"),
        text=_text(trace, segments, hidden),
    )


def _shown(trace: KeptTrace) -> list[SpanRecord]:
    """Return the spans to draw: the explained one, and the longest that reach into its time."""
    explained = trace.explained
    inside = [
        span
        for span in trace.spans
        if span.end_ns > explained.start_ns
        and span.start_ns < explained.end_ns
        and span is not explained
        # What encloses it whole says nothing about it.
        and not (span.start_ns < explained.start_ns and span.end_ns >= explained.end_ns)
    ]
    inside.sort(key=lambda span: -span.duration_ns)
    return sorted(
        [explained, *inside[: MAX_ROWS - 1]],
        key=lambda span: (span is not explained, span.start_ns, -span.end_ns),
    )


def _bar(axes: Axes, row: int, stretch_ns: tuple[float, float], ink: Ink, hatch: str = "") -> None:
    at_ns, length_ns = stretch_ns
    axes.barh(row, length_ns, left=at_ns, height=0.42, color=ink.value, hatch=hatch, linewidth=0)


def _label(axes: Axes, row: int, span: SpanRecord, explained: SpanRecord) -> None:
    whole = max(explained.duration_ns, 1)
    begin = max(0, span.start_ns - explained.start_ns)
    said = f"{plain(span.name, 34)}  {ms_figure(span.duration_ns)}"
    if begin > _LABELS_TURN_AT * whole:
        end = min(whole, span.end_ns - explained.start_ns)
        axes.text(end, row - 0.5, said, ha="right", va="center", fontsize=8.5)
    else:
        axes.text(begin, row - 0.5, said, ha="left", va="center", fontsize=8.5)


def _text(trace: KeptTrace, segments: Sequence[PathSegment], hidden: int) -> str:
    whole = max(trace.duration_ns, 1)
    parts: dict[str, int] = {}
    for segment in segments:
        parts[segment.part] = parts.get(segment.part, 0) + segment.duration_ns
    listed = [
        f"{part} {ms_figure(part_ns)} ({share_figure(part_ns / whole)})" for part, part_ns in parts.items()
    ]
    text = (
        f"Critical path: {', '.join(listed)}"
        if listed
        else "Its spans make no tree, so there is no critical path"
    )
    if hidden:
        text += f". {counted(hidden, 'span is', 'spans are')} not drawn"
    return f"{plain(text, 2000)}."
