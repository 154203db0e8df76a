"""Identities of spans: drawn when somebody needs them, once, without a lock. Spans live in `span`.

Most spans are asked for their identity by the encoder alone, off the path, so it is kept in the form that
OTLP carries: the payload of `trace_id`, then tag and length of `span_id`, then its payload.
Source: https://github.com/open-telemetry/opentelemetry-proto, trace.proto, message Span.
"""

import os
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import DEFAULT_TRACE_STATE, SpanContext, TraceFlags

if TYPE_CHECKING:
    from latency_kit.tracing.dropped_span import DroppedSpan
    from latency_kit.tracing.span import Span

__all__ = [
    "CONTEXT_FLAGS",
    "IDENTITY_SIZE",
    "SPAN_ID_TAG",
    "drawn_identity",
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

IDENTITY_SIZE = _SPAN_ID_START + _SPAN_ID_SIZE
"""Bytes of an identity."""

_NO_SPAN_ID = bytes(_SPAN_ID_SIZE)

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


def drawn_identity() -> bytes:
    """Return a new root's identity, for a sampler that must know it before there is a span."""
    return _drawn(_identities, IDENTITY_SIZE)


def identify(span: "Span | DroppedSpan") -> "bytes | SpanContext":
    """Give `span` and the unidentified spans above it their identities; return that of `span`.

    * A span is identified once.
    * An identified span holds its parent no longer, only the parent's identity: a chain of spans, each
      begun in the one before, is freed as it goes.
    """
    identity = span.identity
    if identity is not None:
        return identity
    parent: Any = span.up
    if parent is not None and type(parent) is type(span) and parent.identity is None:
        # Not recursion: a chain of parents may be longer than the stack is deep.
        unidentified = []
        above: Any = parent
        while type(above) is type(span) and above.identity is None:
            unidentified.append(above)
            above = above.up
        while unidentified:
            identify(unidentified.pop())
    if parent is not None and type(parent) is type(span):
        parent = parent.identity
    candidate: bytes | SpanContext
    if parent is None:
        candidate = _drawn(_identities, IDENTITY_SIZE)
    elif type(parent) is bytes:
        candidate = parent[:_SPAN_ID_START] + _drawn(_span_ids, _SPAN_ID_SIZE)
    else:
        # What is unusual about the parent (trace state, flags) is the child's too.
        assert isinstance(parent, SpanContext)  # noqa: S101  # the only other kind of identity
        candidate = SpanContext(
            parent.trace_id,
            int.from_bytes(_drawn(_span_ids, _SPAN_ID_SIZE)),
            False,
            parent.trace_flags,
            parent.trace_state,
        )
    # As in `settled`, which explains it.
    key = id(span)
    winner = _identity_claims.setdefault(key, candidate)
    identity = span.identity
    if identity is None:
        identity = span.identity = winner
    _identity_claims.pop(key, None)
    span.up = parent
    return identity


_identity_claims: "dict[int, bytes | SpanContext]" = {}

_span_ids: list[bytes] = []
_identities: list[bytes] = []
"""Random span identifiers, and identities of roots, at hand: asking the system for each would cost five times
as much."""

_DRAWN_AT_ONCE = 256


def _drawn(at_hand: list[bytes], size: int) -> bytes:
    """Return an identifier or identity which nobody else in this or any other process is given."""
    while True:
        try:
            # Taking one away is one step: two threads never get the same.
            return at_hand.pop()
        except IndexError:
            drawn = bytearray(os.urandom(size * _DRAWN_AT_ONCE))
            if size == IDENTITY_SIZE:
                drawn[_TRACE_ID_SIZE::size] = SPAN_ID_TAG[:1] * _DRAWN_AT_ONCE
                drawn[_TRACE_ID_SIZE + 1 :: size] = SPAN_ID_TAG[1:] * _DRAWN_AT_ONCE
            block = bytes(drawn)
            # An identifier of zeros would be invalid; eight zeros in a row are that rare, too.
            if _NO_SPAN_ID not in block:
                at_hand += [block[at : at + size] for at in range(0, len(block), size)]


def _forget_drawn() -> None:
    _span_ids.clear()
    _identities.clear()


if hasattr(os, "register_at_fork"):
    # Parent and child would otherwise go on with the same identifiers.
    os.register_at_fork(after_in_child=_forget_drawn)


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
