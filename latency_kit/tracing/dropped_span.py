"""The span of a trace that is sampled out: it keeps nothing, and hands its trace down."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.trace import DEFAULT_TRACE_STATE, NonRecordingSpan, SpanContext, TraceFlags

from latency_kit.tracing.identity import CONTEXT_FLAGS, identify, span_context_of

__all__ = ["DroppedSpan", "dropped_span"]

_DROPPED_FLAGS = TraceFlags(CONTEXT_FLAGS & ~TraceFlags.SAMPLED)


class DroppedSpan(NonRecordingSpan):
    """A `NonRecordingSpan` whose identity is drawn when somebody asks for it.

    * Its identity is valid, says "not sampled" and never changes.

    Attributes:
        up: The parent, a span of this kind or its identity; None above the root.
        identity: What `identify` has drawn, else None.
        context_made: The identity in the form of the API, else None.
    """

    __slots__ = ("context_made", "identity", "up")

    up: "DroppedSpan | bytes | SpanContext | None"
    identity: bytes | SpanContext | None
    context_made: SpanContext | None

    def __init__(self) -> None:
        # The base class would ask for the identity at once.
        pass

    def get_span_context(self) -> SpanContext:
        """Return the identity that children and other processes refer to."""
        made = self.context_made
        if made is None:
            drawn = span_context_of(identify(self))
            made = self.context_made = SpanContext(
                drawn.trace_id, drawn.span_id, False, _DROPPED_FLAGS, DEFAULT_TRACE_STATE
            )
        return made

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Keep nothing."""

    def __repr__(self) -> str:
        return f"DroppedSpan({self.get_span_context()!r})"


def dropped_span(up: DroppedSpan | None, identity: bytes | None) -> DroppedSpan:
    """Return a span below `up`, or a root whose identity was drawn for the sampler."""
    span = DroppedSpan()
    span.up = up
    span.identity = identity
    span.context_made = None
    return span
