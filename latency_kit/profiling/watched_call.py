"""One call over its limit while it is watched: its samples, and the events on its span."""

from typing import Any

from latency_kit.measurement.active import active
from latency_kit.profiling.flight import Flight, StackSample
from latency_kit.profiling.stacks import Stack
from latency_kit.units import ns_to_ms

__all__ = ["EVENT", "MAX_EVENTS", "MAX_SAMPLES", "WatchedCall"]

EVENT = "latency.over_limit"
"""Name of the events on the span of a call over its limit."""

MAX_EVENTS = 8
"""Events on one span; the specification's own limit is 128, which belong to the program."""

MAX_SAMPLES = 1000
"""Changes of stack that are kept of one call; what comes after is counted."""


class WatchedCall:
    """A call over its limit.

    * A stack that stays the same is one sample, however often it is seen.
    * An event is put on the span when what is seen has changed, at most `MAX_EVENTS` times.
    """

    __slots__ = (
        "_ages_ns",
        "_events",
        "_last",
        "_limit_ns",
        "_name",
        "_span",
        "_stacks",
        "_start_ns",
        "_trace_id",
        "_unseen",
        "due_ns",
    )

    def __init__(self, name: str, limit_ns: int, start_ns: int, span: Any) -> None:
        self.due_ns = start_ns
        self._name = name
        self._limit_ns = limit_ns
        self._start_ns = start_ns
        self._span = span
        self._trace_id = _trace_id(span)
        self._ages_ns: list[int] = []
        self._stacks: list[tuple[Stack, ...]] = []
        self._last: tuple[Stack, ...] | None = None
        self._events = 0
        self._unseen = 0

    def saw(self, now_ns: int, stacks: tuple[Stack, ...]) -> None:
        """Take what the call does now."""
        stacks = tuple(stack for stack in stacks if stack)
        if stacks == self._last or not stacks:
            return
        if len(self._stacks) >= MAX_SAMPLES:
            self._unseen += 1
            return
        self._last = stacks
        self._ages_ns.append(now_ns - self._start_ns)
        self._stacks.append(stacks)
        if self._events < MAX_EVENTS:
            self._events += 1
            self._tell_span(now_ns, stacks)

    def flight(self, now_ns: int) -> Flight:
        """Return what was seen until now."""
        age_ns = now_ns - self._start_ns
        samples: list[StackSample] = []
        for begun_ns, until_ns, stacks in zip(
            self._ages_ns, [*self._ages_ns[1:], age_ns], self._stacks, strict=True
        ):
            share, left = divmod(until_ns - begun_ns, len(stacks))
            samples.extend(
                StackSample(age_ns=begun_ns, weight_ns=share + (at < left), stack=stack)
                for at, stack in enumerate(stacks)
            )
        return Flight(
            name=self._name,
            limit_ns=self._limit_ns,
            age_ns=age_ns,
            trace_id=self._trace_id,
            samples=tuple(samples),
            unseen_count=self._unseen,
        )

    def _tell_span(self, now_ns: int, stacks: tuple[Stack, ...]) -> None:
        span = self._span
        try:
            if span is None or not span.is_recording():
                return
            span.add_event(
                EVENT,
                {
                    "latency.limit_ms": ns_to_ms(self._limit_ns),
                    "latency.age_ms": ns_to_ms(now_ns - self._start_ns),
                    # https://opentelemetry.io/docs/specs/semconv/registry/attributes/code/
                    "code.stacktrace": "\n\n".join(_text(stack) for stack in stacks),
                },
            )
        except Exception as error:  # noqa: BLE001  # whatever a provider does, the host goes on
            active.losses.count("spans_failed", why=repr(error))


def _text(stack: Stack) -> str:
    return "\n".join(
        f"{frame.name} ({frame.file}:{frame.line})" if frame.file else frame.name for frame in stack
    )


def _trace_id(span: Any) -> int | None:
    if span is None:
        return None
    found = span.get_span_context()
    return found.trace_id if found.is_valid else None
