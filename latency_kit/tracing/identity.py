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
    identity = span.identity
    if identity is not None:
        return identity
    parent = span.up
    if parent is None or type(parent) is not type(span) or parent.identity is not None:
        return _identify_below(span)
    # Not recursion: a chain of parents may be longer than the stack is deep.
    unidentified = []
    above: Any = parent
    while type(above) is type(span) and above.identity is None:
        unidentified.append(above)
        above = above.up
    while unidentified:
        _identify_below(unidentified.pop())
    return _identify_below(span)


def _identify_below(span: "Span") -> "bytes | SpanContext":
    """Identify a span whose parent is identified; it may have been identified meanwhile."""
    up = span.up
    parent = up.identity if up is not None and type(up) is type(span) else up
    candidate: bytes | SpanContext
    if type(parent) is bytes:
        candidate = parent[:_TRACE_ID_SIZE] + SPAN_ID_TAG + _drawn(_SPAN_ID_SIZE)
    elif parent is None:
        drawn = _drawn(_TRACE_ID_SIZE + _SPAN_ID_SIZE)
        candidate = drawn[:_TRACE_ID_SIZE] + SPAN_ID_TAG + drawn[_TRACE_ID_SIZE:]
    else:
        # What is unusual about the parent (trace state, flags) is the child's too.
        assert isinstance(parent, SpanContext)  # noqa: S101  # the only other kind of identity
        candidate = SpanContext(
            parent.trace_id, int.from_bytes(_drawn(_SPAN_ID_SIZE)),
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

_random: dict[int, list[bytes]] = {_SPAN_ID_SIZE: [], _TRACE_ID_SIZE + _SPAN_ID_SIZE: []}
"""Random bytes at hand, by size: asking the system for each identifier would cost five times as much."""

_DRAWN_AT_ONCE = 256


def _drawn(size: int) -> bytes:
    """Return random bytes which nobody else in this or any other process is given; no 8 are all zero."""
    pool = _random[size]
    while True:
        try:
            # Taking one away is one step: two threads never get the same.
            return pool.pop()
        except IndexError:
            drawn = os.urandom(size * _DRAWN_AT_ONCE)
            if _NO_SPAN_ID not in drawn:
                pool += [drawn[at : at + size] for at in range(0, len(drawn), size)]


def _forget_drawn() -> None:
    for pool in _random.values():
        pool.clear()


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
