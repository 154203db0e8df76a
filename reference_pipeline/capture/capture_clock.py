"""The capture clock: at which monotonic time a frame of sound was taken.

Sources stamp each block with the time of its last frame; the stamps of a sound card jitter by some
milliseconds and drift against the processor's clock. This module turns them into one smooth line. It
reads no clock itself.
"""

from latency_kit.units import NS_PER_S

__all__ = ["CaptureClock"]

_GAIN = 1 / 16
"""Share of the difference between prediction and stamp that is taken over at each block: jitter shrinks to
about sqrt(gain / (2 - gain)) = 18 % of its size, and the card's drift (tens of parts per million, under
1 µs a block) is followed within a few blocks."""
_JUMP_NS = NS_PER_S // 10
"""A stamp this far from the prediction is no jitter: frames were lost or the machine slept."""


class CaptureClock:
    """Maps frame positions of one source to monotonic nanoseconds, block by block.

    * Stamps without jitter are reproduced to the nanosecond.
    * Within one block, frames are exactly 1 / rate apart.
    * A jump (lost frames, suspension) is followed at once; smaller differences are smoothed.
    """

    __slots__ = ("_anchor_frame", "_anchor_ns", "_rate")

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._anchor_frame = 0
        self._anchor_ns: int | None = None

    def observe(self, end_frame: int, captured_ns: int) -> None:
        """Take a block's stamp.

        Args:
            end_frame: Position just after the last frame of the block.
            captured_ns: The source's stamp of that position.
        """
        if self._anchor_ns is None:
            self._anchor_frame, self._anchor_ns = end_frame, captured_ns
            return
        predicted_ns = self.time_of(end_frame)
        difference_ns = captured_ns - predicted_ns
        if abs(difference_ns) < _JUMP_NS:
            # The rounding of two frame counts to nanoseconds may differ by one; that is no jitter.
            captured_ns = (
                predicted_ns + round(difference_ns * _GAIN) if abs(difference_ns) > 1 else captured_ns
            )
        self._anchor_frame, self._anchor_ns = end_frame, captured_ns

    def time_of(self, frame: float) -> int:
        """Return the capture time of a frame position (fractions allowed) near the newest block.

        Raises:
            LookupError: No block has been observed yet.
        """
        if self._anchor_ns is None:
            raise LookupError("no block has been observed yet; call observe first")
        return self._anchor_ns + round((frame - self._anchor_frame) * NS_PER_S / self._rate)
