"""Filling and emptying the slot that every call site looks at. The only module that writes to it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from latency_kit.budget.recent_latency import recent_latencies
from latency_kit.clock import SYSTEM_CLOCK, Clock, WallAnchor
from latency_kit.measurement.active import active
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.recording import MeasurementObserver, Recording

if TYPE_CHECKING:
    from latency_kit.measurement.active import Entry, FastSpans
    from latency_kit.measurement.spans import SpanMaker

__all__ = [
    "activate",
    "activated",
    "deactivate",
    "let_provider_idle",
    "renew_fast_spans",
    "wake_provider",
]


def activate(
    recording: Recording,
    *,
    clock: Clock,
    anchor: WallAnchor,
    losses: Losses,
    span_maker: "SpanMaker | None" = None,
    fast: "FastSpans | None" = None,
    append: "Callable[[Entry], None] | None" = None,
) -> None:
    """Let every call site record into `recording` from now on, by `append` where one is given."""
    active.clock = clock.monotonic_ns
    active.anchor = anchor
    active.losses = losses
    active.span_maker = span_maker
    active.append = recording.append if append is None else append
    recent_latencies.source = recording
    active.fast = None if active.call_class is not None else fast


def deactivate() -> None:
    """Let no call site record any more; calls that are still open end unrecorded.

    Times are the system clock's again, whatever clock the recording had.
    """
    active.fast = None
    active.append = None
    active.span_maker = None
    recent_latencies.source = None
    if active.clock is not SYSTEM_CLOCK.monotonic_ns:
        active.clock = SYSTEM_CLOCK.monotonic_ns
        active.anchor = WallAnchor.take()


def renew_fast_spans(fast: "FastSpans | None") -> None:
    """Change how call sites make spans, where they make any."""
    if active.append is not None and active.span_maker is not None and active.call_class is None:
        active.fast = fast


def let_provider_idle(provider: object) -> None:
    """Let call sites treat `provider`, which stays installed, as if none were."""
    active.idle_provider = provider


def wake_provider() -> None:
    """End `let_provider_idle`."""
    active.idle_provider = None


@contextmanager
def activated(*, clock: Clock, observers: Iterable[MeasurementObserver] = ()) -> Iterator[Recording]:
    """Record into a recording of its own inside the block; put back afterwards what was there."""
    before = (active.clock, active.anchor, active.losses, active.span_maker, active.append, active.fast)
    source = recent_latencies.source
    losses = Losses()
    anchor = WallAnchor.take(clock)
    recording = Recording(anchor=anchor, losses=losses, observers=observers)
    activate(recording, clock=clock, anchor=anchor, losses=losses)
    try:
        yield recording
    finally:
        recording.drain()
        active.clock, active.anchor, active.losses, active.span_maker, active.append, active.fast = before
        recent_latencies.source = source
