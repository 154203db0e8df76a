"""Which measured calls ended while a profiler looked: the link from a profile to the traces."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from latency_kit.clock import SYSTEM_CLOCK, WallAnchor
from latency_kit.configuration.activation import activate, deactivate
from latency_kit.configuration.configure import configured_telemetry
from latency_kit.measurement.active import active
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.measurement import Measurement
from latency_kit.measurement.recording import Recording
from latency_kit.profiling.profile import ProfiledCall

__all__ = ["MAX_CALLS", "CallsMeanwhile"]

MAX_CALLS = 1000
"""The latest calls that are kept with a profile."""


class CallsMeanwhile:
    """Collects what is measured inside a block.

    * Where a configuration is in force, its recent calls are read; it is not touched.
    * Where nothing records, a recording of the block's own does, unless the block configures one.
    """

    def __init__(self) -> None:
        self._taken: list[Measurement] = []
        self._own: Recording | None = None
        self._since_unix_nano = 0

    def __enter__(self) -> Self:
        self._since_unix_nano = time.time_ns()
        if active.append is None:
            anchor, losses = WallAnchor.take(SYSTEM_CLOCK), Losses()
            self._own = Recording(anchor=anchor, losses=losses, observers=(self._take,))
            activate(self._own, clock=SYSTEM_CLOCK, anchor=anchor, losses=losses)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._own is None:
            return
        self._own.drain()
        # Where the block has configured a recording of its own, that goes on.
        if active.append == self._own.append:
            deactivate()

    def calls(self) -> tuple[ProfiledCall, ...]:
        """Return the calls that ended in the block, oldest first."""
        telemetry = configured_telemetry()
        found = list(self._taken)
        if telemetry is not None:
            found += [one for one in telemetry.recent() if one.end_unix_nano >= self._since_unix_nano]
        return tuple(_profiled(one) for one in found[-MAX_CALLS:])

    def _take(self, measurements: Sequence[Measurement], /) -> None:
        self._taken.extend(measurements)
        del self._taken[:-MAX_CALLS]


def _profiled(one: Measurement) -> ProfiledCall:
    return ProfiledCall(
        name=one.name,
        start_unix_nano=one.start_unix_nano,
        duration_ns=one.duration_ns,
        outcome=one.outcome.value,
        trace_id="" if one.trace_id is None else f"{one.trace_id:032x}",
        span_id="" if one.span_id is None else f"{one.span_id:016x}",
    )
