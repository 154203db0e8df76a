"""One message on its way to the viewers of a channel, followed until the first of them has painted it."""

import asyncio
from dataclasses import dataclass

from reference_pipeline.display.paint_times import PaintTimes

__all__ = ["Delivered", "Delivery"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The first paint of a message.

    Attributes:
        viewer: Number of the viewer that painted it.
        broadcast_ns: When it had been written to every viewer that kept up.
        behind: Viewers to whom it had not been written by the time of this paint.
        times: That viewer's times, on our clock.
    """

    viewer: int
    broadcast_ns: int
    behind: int
    times: PaintTimes


class Delivery:
    """Who has yet to get, and who may yet paint, one message.

    * The first paint by a visible viewer decides; later ones change nothing.
    * When nobody is left who could paint it, waiting ends at once with None.
    * A viewer that falls behind delays nothing: what is written by the first paint counts as broadcast.
    """

    __slots__ = ("_broadcast_ns", "_first_paint", "_hopeful", "_sending_ns", "_unwritten", "sent_ns", "seq")

    def __init__(self, seq: int, sent_ns: int) -> None:
        self.seq = seq
        self.sent_ns = sent_ns
        self._broadcast_ns = sent_ns
        self._first_paint: asyncio.Future[Delivered | None] = asyncio.get_running_loop().create_future()
        self._unwritten: set[int] = set()
        self._hopeful: set[int] = set()
        self._sending_ns: dict[int, int] = {}

    @property
    def decided(self) -> bool:
        """Whether a paint has come, or waiting for one has been given up."""
        return self._first_paint.done()

    @property
    def behind(self) -> int:
        """Viewers to whom the message has yet to be written."""
        return len(self._unwritten)

    def addressed(self, viewer: int, *, visible: bool) -> None:
        """Note that the message is queued for a viewer."""
        self._unwritten.add(viewer)
        if visible:
            self._hopeful.add(viewer)

    def written(self, viewer: int, *, sending_ns: int, written_ns: int) -> None:
        """Note that the message has been written to a viewer's socket."""
        self._unwritten.discard(viewer)
        self._sending_ns[viewer] = sending_ns
        self._broadcast_ns = max(self._broadcast_ns, written_ns)

    def sending_ns(self, viewer: int) -> int:
        """When writing to that viewer began; when the message was sent where it has not begun."""
        return self._sending_ns.get(viewer, self.sent_ns)

    def painted(self, viewer: int, times: PaintTimes) -> None:
        """Note that a visible viewer has painted the message."""
        if not self._first_paint.done():
            self._first_paint.set_result(
                Delivered(
                    viewer=viewer,
                    broadcast_ns=self._broadcast_ns,
                    behind=self.behind,
                    times=times,
                )
            )

    def gone(self, viewer: int) -> None:
        """Note that a viewer has left."""
        self._unwritten.discard(viewer)
        self.not_visible(viewer)

    def not_visible(self, viewer: int) -> None:
        """Note that a viewer is hidden, or left: it will not paint this message in anyone's sight."""
        self._hopeful.discard(viewer)
        self.give_up_if_hopeless()

    def give_up_if_hopeless(self) -> None:
        """End the waiting where nobody is left who could paint the message."""
        if not self._hopeful and not self._first_paint.done():
            self._first_paint.set_result(None)

    async def first_paint(self, bound_s: float) -> Delivered | None:
        """Wait for the first paint; None where nobody can give one, or none came within `bound_s` seconds."""
        done, _ = await asyncio.wait({self._first_paint}, timeout=bound_s)
        return self._first_paint.result() if done else None
