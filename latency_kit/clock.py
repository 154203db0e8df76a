"""The two clocks: a monotonic one for durations, and the wall clock that only stamps records.

Span ends are never read from the wall clock: `WallAnchor` ties one wall reading to one monotonic
reading, and every wall stamp of the process is the anchor plus a monotonic difference. A step of the
wall clock (NTP, a person, a virtual machine resumed) can therefore never make a duration negative.
"""

import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

__all__ = ["SYSTEM_CLOCK", "Clock", "SystemClock", "WallAnchor"]


class Clock(Protocol):
    """Where times come from; `latency_kit.testing.FakeClock` is the other implementation.

    Both members are attributes that hold a callable, so that a hot path can bind them once.
    """

    @property
    def monotonic_ns(self) -> Callable[[], int]:
        """Nanoseconds of a clock that never goes back; its origin means nothing."""
        ...

    @property
    def unix_nano(self) -> Callable[[], int]:
        """Nanoseconds since 1970-01-01T00:00:00Z as the wall clock tells them now."""
        ...


class SystemClock:
    """The clocks of the machine: `time.perf_counter_ns` and `time.time_ns`.

    `perf_counter_ns` is the monotonic clock of the highest resolution that the platform has; on Linux it
    is the same clock as `time.monotonic_ns` (CLOCK_MONOTONIC), on Windows it is far finer.
    """

    __slots__ = ()

    @property
    def monotonic_ns(self) -> Callable[[], int]:
        """The monotonic clock, in nanoseconds."""
        return time.perf_counter_ns

    @property
    def unix_nano(self) -> Callable[[], int]:
        """The wall clock, in nanoseconds since the Unix epoch."""
        return time.time_ns


SYSTEM_CLOCK = SystemClock()


class WallAnchor(NamedTuple):
    """One instant, read on both clocks.

    Not a dataclass, because that module alone would take a fifth of the time that our whole import takes.

    * `to_unix_nano` is a translation: differences between its results equal the monotonic differences.
    * `to_monotonic_ns` is its inverse.
    """

    unix_nano: int
    monotonic_ns: int

    @classmethod
    def take(cls, clock: Clock = SYSTEM_CLOCK) -> "WallAnchor":
        """Read both clocks as close together as three tries allow.

        The wall reading is put between two monotonic readings; the try whose pair lies closest wins.
        """
        best: WallAnchor | None = None
        best_spread_ns = 0
        for _ in range(3):
            before_ns = clock.monotonic_ns()
            wall = clock.unix_nano()
            spread_ns = clock.monotonic_ns() - before_ns
            if best is None or spread_ns < best_spread_ns:
                best = cls(unix_nano=wall, monotonic_ns=before_ns + spread_ns // 2)
                best_spread_ns = spread_ns
        assert best is not None  # noqa: S101  # the loop ran
        return best

    def to_unix_nano(self, monotonic_ns: int) -> int:
        """Return the wall stamp of a monotonic reading."""
        return self.unix_nano + (monotonic_ns - self.monotonic_ns)

    def to_monotonic_ns(self, unix_nano: int) -> int:
        """Return the monotonic reading of a wall stamp that this anchor made."""
        return self.monotonic_ns + (unix_nano - self.unix_nano)
