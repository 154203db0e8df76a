"""Real-time pacing of recorded sound by absolute deadlines, so that delays never add up.

No file is read here; `file_source` asks when each block is due.
"""

from collections.abc import Callable

from latency_kit.units import NS_PER_S

__all__ = ["Pacer"]


class Pacer:
    """Tells when each frame of a recording is due and waits for it.

    * The capture time of frame n is start + n / rate, whenever the thread really wakes: a late wake-up
      delays one block and shifts no later one.
    * With `speed` None nothing is waited for; capture times are the same as at speed 1, so they run
      ahead of the clock.
    """

    __slots__ = ("_now_ns", "_rate", "_speed", "_start_ns", "_wait")

    def __init__(
        self,
        sample_rate: int,
        *,
        speed: float | None,
        now_ns: Callable[[], int],
        wait: Callable[[float], bool],
    ) -> None:
        """Start the clock of the recording now.

        Args:
            sample_rate: Frames a second.
            speed: 1.0 for real time, 2.0 for twice as fast, None for as fast as possible.
            now_ns: The monotonic clock.
            wait: Waits up to that many seconds and returns True when the wait was broken off.

        Raises:
            ValueError: `speed` is not positive.
        """
        if speed is not None and speed <= 0:
            raise ValueError(f"expected a speed over 0 or None, got {speed}")
        self._rate = sample_rate
        self._speed = speed
        self._now_ns = now_ns
        self._wait = wait
        self._start_ns = now_ns()

    def captured_ns(self, frame: int) -> int:
        """Return the capture time of a frame position: when it would have been spoken."""
        return self._start_ns + frame * NS_PER_S // self._rate

    def wait_for(self, frame: int) -> bool:
        """Wait until a frame position is due; return True when broken off."""
        if self._speed is None:
            return self._wait(0.0)
        due_ns = self._start_ns + round(frame * NS_PER_S / (self._rate * self._speed))
        while (left_ns := due_ns - self._now_ns()) > 0:
            if self._wait(left_ns / NS_PER_S):
                return True
        return self._wait(0.0)
