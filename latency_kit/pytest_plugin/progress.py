"""The line that shows how far a long measurement is. Where it is written to is given."""

from collections.abc import Callable

from latency_kit.clock import SYSTEM_CLOCK, Clock
from latency_kit.units import NS_PER_S

__all__ = ["Progress"]

_SILENT_NS = 2 * NS_PER_S
"""Most measurements have ended by then; a line that flashes by only disturbs."""

_TERMINAL_EVERY_NS = NS_PER_S // 4
_LOG_EVERY_NS = 15 * NS_PER_S
"""In a log every line stays."""


class Progress:
    """Shows how many samples of one measurement are taken.

    * Nothing is written in the first two seconds.
    * On a terminal one line is written over and over, and gone when the measurement has ended.

    Args:
        title: What is measured.
        write: Takes the text, with carriage returns on a terminal, line ends in a log; None writes nowhere.
        is_terminal: Whether a line can be written over.
        clock: By which it is long.
    """

    def __init__(
        self,
        title: str,
        write: Callable[[str], None] | None,
        *,
        is_terminal: bool,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._title = title
        self._write = write
        self._is_terminal = is_terminal
        self._now_ns = clock.monotonic_ns
        self._start_ns = self._now_ns()
        self._next_ns = self._start_ns + _SILENT_NS
        self._width = 0

    def show(self, count: int, planned: int) -> None:
        """Note that `count` of `planned` samples are taken, and write it when it is time."""
        if self._write is None:
            return
        now_ns = self._now_ns()
        if now_ns < self._next_ns:
            return
        self._next_ns = now_ns + (_TERMINAL_EVERY_NS if self._is_terminal else _LOG_EVERY_NS)
        text = f"{self._title}: {count} of {planned} samples, {(now_ns - self._start_ns) / NS_PER_S:.0f} s"
        if not self._is_terminal:
            self._write(f"\n{text}")
            return
        beginning = "\r" if self._width else "\n"
        self._write(f"{beginning}{text.ljust(self._width)}")
        self._width = len(text)

    def end(self) -> None:
        """Take the line away."""
        if self._write is not None and self._width:
            self._write(f"\r{' ' * self._width}\r")
            self._width = 0
