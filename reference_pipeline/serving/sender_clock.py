"""When a sample was taken, on our clock, by what the sender's clock says. Reads no clock itself."""

from reference_pipeline.display.clock_sync import ClockEstimate, ClockSync, Exchange
from reference_pipeline.display.wire import PagePong, ping_frame

__all__ = ["SenderClock"]

_PINGS_KEPT = 16

_WEIGH_EVERY_NS = 1_000_000_000
"""How long an offset stands unless a ping is answered: the clocks part by a tenth of a millisecond in it."""


class SenderClock:
    """The clock of one sender, known from pings that it answers.

    * No sample is taken after it has arrived.
    * `bound_ns` says how far a time may be from the truth: half of the best round trip, and the drift since.
    """

    def __init__(self) -> None:
        self._sync = ClockSync()
        self._pinged_ns: dict[int, int] = {}
        self._pings = 0
        self._offset_ns: int | None = None
        self._weigh_again_ns = 0

    def ping(self, now_ns: int) -> str:
        """Return the next ping, to be sent now."""
        self._pings += 1
        self._pinged_ns[self._pings] = now_ns
        self._pinged_ns.pop(self._pings - _PINGS_KEPT, None)
        return ping_frame(self._pings)

    def ponged(self, pong: PagePong, *, arrived_ns: int) -> bool:
        """Learn from the answer to a ping; False where it answers none or cannot be true."""
        pinged_ns = self._pinged_ns.pop(pong.number, None)
        if pinged_ns is None:
            return False
        self._offset_ns = None
        return self._sync.add(
            Exchange(
                sent_ns=pinged_ns,
                page_received_ns=pong.received_ns,
                page_sent_ns=pong.replied_ns,
                received_ns=arrived_ns,
            )
        )

    def captured_ns(self, sender_ns: int, *, arrived_ns: int) -> int:
        """Return on our clock the sender's moment `sender_ns`, told in a message that came at `arrived_ns`.

        Raises:
            LookupError: No ping has been answered yet.
        """
        if self._offset_ns is None or arrived_ns >= self._weigh_again_ns:
            self._offset_ns = self._estimate(arrived_ns).offset_ns
            self._weigh_again_ns = arrived_ns + _WEIGH_EVERY_NS
        return min(sender_ns - self._offset_ns, arrived_ns)

    def bound_ns(self, at_ns: int) -> int:
        """Return how far a time may be from the truth at `at_ns`.

        Raises:
            LookupError: No ping has been answered yet.
        """
        return self._estimate(at_ns).bound_ns

    def _estimate(self, at_ns: int) -> ClockEstimate:
        estimate = self._sync.estimate(at_ns)
        if estimate is None:
            raise LookupError("the sender's clock is not known yet; have a ping answered first")
        return estimate
