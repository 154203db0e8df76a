"""The ring that sound is written into: equal blocks out, the last ones kept as pre-roll.

Nothing here listens or decides. Stages get views of the ring, never copies.
"""

from collections import deque
from collections.abc import Callable

import numpy as np

from reference_pipeline.events import AudioBlock, Samples

__all__ = ["RingBuffer"]

_BLOCKS_PER_SEGMENT = 64


class RingBuffer:
    """Cuts a stream into blocks of `block_samples` and keeps the newest `keep_blocks` of them.

    The ring is a chain of segments. A segment that is full is replaced, not overwritten, so that a view
    that a slow stage still holds never changes under it; it is freed when nobody looks at it any more.

    * Concatenated, the blocks are exactly what was written.
    * A block is a read-only view, and no later write changes it.
    * At most `keep_blocks` blocks and two segments are held by the ring itself.
    """

    __slots__ = ("_block_samples", "_kept", "_position", "_segment", "_segment_start", "_unread")

    def __init__(self, *, block_samples: int, keep_blocks: int) -> None:
        self._block_samples = block_samples
        self._kept: deque[AudioBlock] = deque(maxlen=keep_blocks)
        self._segment = self._new_segment()
        self._segment_start = 0
        self._position = 0
        self._unread = 0

    @property
    def position(self) -> int:
        """How many samples have been written since the beginning."""
        return self._position

    @property
    def kept(self) -> tuple[AudioBlock, ...]:
        """The newest whole blocks, oldest first."""
        return tuple(self._kept)

    def write(self, samples: Samples, time_of: Callable[[int], int]) -> list[AudioBlock]:
        """Append samples and return the blocks that they complete.

        Args:
            samples: Shape (n,), any n.
            time_of: Gives the capture time of a sample position.
        """
        completed: list[AudioBlock] = []
        written = 0
        while written < len(samples):
            offset = self._position - self._segment_start
            if offset == len(self._segment):
                self._segment = self._new_segment()
                self._segment_start, offset = self._position, 0
            part = samples[written : written + len(self._segment) - offset]
            self._segment[offset : offset + len(part)] = part
            written += len(part)
            self._position += len(part)
            while self._position - self._unread >= self._block_samples:
                completed.append(self._take(self._block_samples, time_of))
        return completed

    def flush(self, time_of: Callable[[int], int]) -> AudioBlock | None:
        """Return what is left as a last, shorter block, or None where nothing is."""
        left = self._position - self._unread
        return self._take(left, time_of) if left else None

    def _take(self, count: int, time_of: Callable[[int], int]) -> AudioBlock:
        begin = self._unread - self._segment_start
        view = self._segment[begin : begin + count]
        view.flags.writeable = False
        block = AudioBlock(samples=view, first_sample=self._unread, start_ns=time_of(self._unread))
        self._unread += count
        self._kept.append(block)
        return block

    def _new_segment(self) -> Samples:
        # A whole number of blocks, so that no block lies across two segments.
        return np.empty(self._block_samples * _BLOCKS_PER_SEGMENT, dtype=np.float32)
