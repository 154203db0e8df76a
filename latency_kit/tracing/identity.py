"""Identities of spans: drawn when somebody needs them, once, without a lock. Spans live in `span`.

Most spans are asked for their identity by the encoder alone, off the path, so it is kept in the form that
OTLP carries: the payload of `trace_id`, then tag and length of `span_id`, then its payload.
Source: https://github.com/open-telemetry/opentelemetry-proto, trace.proto, message Span.
"""

import os
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import DEFAULT_TRACE_STATE, SpanContext, TraceFlags

if TYPE_CHECKING:
    from latency_kit.tracing.span import Span

__all__ = [
    "CONTEXT_FLAGS",
    "SPAN_ID_TAG",
    "identify",
    "settled",
    "span_context_of",
    "span_id_bytes",
]

_RANDOM_TRACE_ID = getattr(TraceFlags, "RANDOM_TRACE_ID", 0)
"""Level 2 of W3C Trace Context; API packages before it know the sampled flag only."""

CONTEXT_FLAGS = TraceFlags(TraceFlags.SAMPLED | _RANDOM_TRACE_ID)
"""Flags of a trace that begins here: sampled, with an identifier that is random in all its bits."""

SPAN_ID_TAG = b"\x12\x08"
"""Tag and length of `span_id` in OTLP's message Span: field 2, length-delimited, 8 bytes."""

_TRACE_ID_SIZE = 16
_SPAN_ID_SIZE = 8
_SPAN_ID_START = _TRACE_ID_SIZE + len(SPAN_ID_TAG)
_NO_SPAN_ID = bytes(_SPAN_ID_SIZE)
_NO_TRACE_ID = bytes(_TRACE_ID_SIZE)

_claims: dict[tuple[int, str], Any] = {}


def settled(span: "Span", slot: str, candidate: Any) -> Any:
    """Fill an empty slot of `span` once, whatever threads and signal handlers do; return what it holds.

    `setdefault` is atomic: the first candidate wins while its claim stands. The claim goes only after the
    slot is filled, so a thread that comes later finds the slot filled, even where its own claim was let in.
    """
    key = (id(span), slot)
    winner = _claims.setdefault(key, candidate)
    held = getattr(span, slot)
    if held is None:
        setattr(span, slot, winner)
        held = winner
    _claims.pop(key, None)
    return held


def identify(span: "Span") -> "bytes | SpanContext":
    """Give `span` and the unidentified spans above it their identities; return that of `span`.

    * A span is identified once.
    * An identified span holds its parent no longer, only the parent's identity: a chain of spans, each
      begun in the one before, is freed as it goes.
    """
    if span.identity is None:
        # Not recursion: a chain of parents may be longer than the stack is deep.
        unidentified = [span]
        parent = span.up
        while parent is not None and type(parent) is type(span) and parent.identity is None:
            unidentified.append(parent)
            parent = parent.up
        for each in reversed(unidentified):
            _identify_below(each)
    identity = span.identity
    assert identity is not None  # noqa: S101  # settled above, and never emptied
    return identity


def _identify_below(span: "Span") -> None:
    up = span.up
    parent = up if up is None or isinstance(up, bytes | SpanContext) else up.identity
    if parent is None:
        drawn = os.urandom(_TRACE_ID_SIZE + _SPAN_ID_SIZE)
        trace_id, span_id = drawn[:_TRACE_ID_SIZE], drawn[_TRACE_ID_SIZE:]
        while trace_id == _NO_TRACE_ID:
            trace_id = os.urandom(_TRACE_ID_SIZE)
    else:
        span_id = os.urandom(_SPAN_ID_SIZE)
        trace_id = parent[:_TRACE_ID_SIZE] if isinstance(parent, bytes) else b""
    while span_id == _NO_SPAN_ID:
        span_id = os.urandom(_SPAN_ID_SIZE)
    if isinstance(parent, SpanContext):
        # What is unusual about the parent (trace state, flags) is the child's too.
        settled(
            span,
            "identity",
            SpanContext(
                parent.trace_id, int.from_bytes(span_id), False, parent.trace_flags, parent.trace_state
            ),
        )
    else:
        settled(span, "identity", trace_id + SPAN_ID_TAG + span_id)
    span.up = parent


def span_context_of(identity: "bytes | SpanContext") -> SpanContext:
    """Return an identity in the form of the API."""
    if isinstance(identity, SpanContext):
        return identity
    return SpanContext(
        int.from_bytes(identity[:_TRACE_ID_SIZE]),
        int.from_bytes(identity[_SPAN_ID_START:]),
        False,
        CONTEXT_FLAGS,
        DEFAULT_TRACE_STATE,
    )


def span_id_bytes(identity: bytes) -> bytes:
    """Return the payload of `span_id` of an identity in bytes."""
    return identity[_SPAN_ID_START:]
