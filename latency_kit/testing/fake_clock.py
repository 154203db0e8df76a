"""A clock that moves when it is told to. Nothing here reads the real time."""

from collections.abc import Callable

from latency_kit.errors import UsageError
from latency_kit.units import ms_to_ns, s_to_ns

__all__ = ["FakeClock"]


class FakeClock:
    """A `latency_kit.clock.Clock` for tests.

    * It stands still until it is advanced.
    * The monotonic reading never goes back; the wall reading may be stepped to anything.

    Args:
        monotonic_ns: First monotonic reading.
        unix_nano: First wall reading; 2026-01-01T00:00:00Z by default.
    """

    def __init__(
        self, *, monotonic_ns: int = 1_000_000_000, unix_nano: int = 1_767_225_600_000_000_000
    ) -> None:
        self._monotonic_ns = monotonic_ns
        self._unix_nano = unix_nano

    @property
    def monotonic_ns(self) -> Callable[[], int]:
        """The monotonic clock, in nanoseconds."""
        return self._read_monotonic

    @property
    def unix_nano(self) -> Callable[[], int]:
        """The wall clock, in nanoseconds since the Unix epoch."""
        return self._read_wall

    def advance(self, *, ns: int = 0, ms: float = 0, s: float = 0) -> None:
        """Let time pass on both clocks.

        Raises:
            UsageError: The sum is negative: monotonic time never goes back.
        """
        step_ns = ns + ms_to_ns(ms) + s_to_ns(s)
        if step_ns < 0:
            raise UsageError(
                f"a monotonic clock cannot go back by {-step_ns} ns; use step_wall for the wall clock"
            )
        self._monotonic_ns += step_ns
        self._unix_nano += step_ns

    def step_wall(self, *, ns: int) -> None:
        """Step the wall clock alone, as NTP or a person does; may be negative."""
        self._unix_nano += ns

    def _read_monotonic(self) -> int:
        return self._monotonic_ns

    def _read_wall(self) -> int:
        return self._unix_nano
