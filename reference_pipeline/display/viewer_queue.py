"""What waits for one viewer's socket: bounded, neighbours merged, what is superseded dropped. Pure."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from reference_pipeline.display.deliveries import Delivery
from reference_pipeline.display.wire import messages_frame

__all__ = ["QUEUE_BYTES", "Frame", "QueueCounts", "ViewerQueue"]

QUEUE_BYTES = 2 * 1_048_576
"""Characters that may wait for one viewer: all that a channel keeps, and as much again on top of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One text to be written to viewers' sockets; the same object goes to all who get the same.

    Attributes:
        text: What is written.
        bodies: The messages in it, by which it can be merged with its neighbours; empty where it must not be.
        awaited: Sequence numbers of those messages whose paint is to be reported.
        deliveries: The messages in it whose paint is waited for.
        ping: The ping's number, where it is one.
        supersedes: What it is the latest of; an older one of the same that still waits is dropped.
    """

    text: str
    bodies: tuple[str, ...] = ()
    awaited: tuple[int, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    ping: int | None = None
    supersedes: str = ""


@dataclass(slots=True, kw_only=True)
class QueueCounts:
    """What queues did to keep within their bounds; it only grows.

    Attributes:
        merged: Frames that went out as a part of another one.
        superseded: Frames dropped since a newer one of the same had come.
    """

    merged: int = 0
    superseded: int = 0


class ViewerQueue:
    """Frames in the order in which they were offered.

    * It never holds more than `frames` frames nor more than `QUEUE_BYTES` characters: `put` says so instead.
    * Of frames that supersede each other only the latest waits.
    * Messages that wait beside each other are taken together, as one frame.
    """

    __slots__ = ("_bound", "_counts", "_size", "_waiting")

    def __init__(self, frames: int, *, counts: QueueCounts) -> None:
        self._bound = frames
        self._counts = counts
        self._waiting: deque[Frame] = deque()
        self._size = 0

    def __len__(self) -> int:
        """Return how many frames wait."""
        return len(self._waiting)

    def put(self, frame: Frame, *, viewer: int) -> bool:
        """Let a frame wait; False where the queue is full."""
        if frame.supersedes:
            self._drop(frame.supersedes, viewer)
        if len(self._waiting) >= self._bound or self._size + len(frame.text) > QUEUE_BYTES:
            return False
        self._waiting.append(frame)
        self._size += len(frame.text)
        return True

    def take(self) -> Frame:
        """Return what is to be written next: the oldest frame, with the messages behind it.

        Raises:
            IndexError: Nothing waits.
        """
        first = self._next()
        if not first.bodies or not self._waiting or not self._waiting[0].bodies:
            return first
        taken = [first]
        while self._waiting and self._waiting[0].bodies:
            taken.append(self._next())
        self._counts.merged += len(taken) - 1
        return _merged(taken)

    def _next(self) -> Frame:
        frame = self._waiting.popleft()
        self._size -= len(frame.text)
        return frame

    def _drop(self, superseded: str, viewer: int) -> None:
        older = [frame for frame in self._waiting if frame.supersedes == superseded]
        for frame in older:
            self._waiting.remove(frame)
            self._size -= len(frame.text)
            self._counts.superseded += 1
            for delivery in frame.deliveries:
                delivery.gone(viewer)


def _merged(frames: Sequence[Frame]) -> Frame:
    bodies = tuple(body for frame in frames for body in frame.bodies)
    awaited = tuple(seq for frame in frames for seq in frame.awaited)
    return Frame(
        text=messages_frame(bodies, awaited=awaited, replay=False),
        bodies=bodies,
        awaited=awaited,
        deliveries=tuple(delivery for frame in frames for delivery in frame.deliveries),
    )
