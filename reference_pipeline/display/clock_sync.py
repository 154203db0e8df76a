"""The offset between a page's clock and ours, estimated from ping exchanges. Pure arithmetic, no sockets.

A page tells times by `performance.now()`, which counts from the page's own origin. Each exchange bounds the
offset from both sides, since nothing arrives before it was sent; the tightest bound is used. This is the
on-wire arithmetic of NTP (RFC 5905, section 8) with a dispersion that grows with the age of an exchange.
"""

from dataclasses import dataclass

__all__ = ["DRIFT_PARTS_PER_MILLION", "WINDOW", "ClockEstimate", "ClockSync", "Exchange"]

WINDOW = 16
"""Exchanges that are kept: the one in use, and those that take over as it ages."""

DRIFT_PARTS_PER_MILLION = 100
"""How fast two free-running clocks may part: two ordinary quartz crystals, each off by 50 ppm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One ping and its answer; page times on the page's clock, the others on ours.

    * The true offset lies within `round_trip_ns / 2` of `offset_ns`, however unevenly the two ways share
      the round trip.

    Attributes:
        sent_ns: When we sent the ping.
        page_received_ns: When the page had it.
        page_sent_ns: When the page answered.
        received_ns: When we had the answer.
    """

    sent_ns: int
    page_received_ns: int
    page_sent_ns: int
    received_ns: int

    @property
    def round_trip_ns(self) -> int:
        """Time on the way, both ways together, without the page's own delay."""
        return (self.received_ns - self.sent_ns) - (self.page_sent_ns - self.page_received_ns)

    @property
    def offset_ns(self) -> int:
        """The page's clock minus ours, were both ways of the same length."""
        return ((self.page_received_ns - self.sent_ns) + (self.page_sent_ns - self.received_ns)) // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockEstimate:
    """The page's clock minus ours, and how far the truth may lie from it to either side."""

    offset_ns: int
    bound_ns: int


class ClockSync:
    """What is known of one page's clock.

    * The estimate is the exchange with the least bound: half its round trip plus the drift since then.
    * No more than `window` exchanges are kept; the one with the greatest bound makes room.
    * An exchange that took less than no time is refused: the page's figures cannot be true.
    * When a new exchange contradicts an older one (the page's clock was stepped, the machine slept), the
      older one is forgotten.
    """

    __slots__ = ("_exchanges", "_window")

    def __init__(self, window: int = WINDOW) -> None:
        self._exchanges: list[Exchange] = []
        self._window = window

    def add(self, exchange: Exchange) -> bool:
        """Take an exchange into account; False where its figures cannot be true."""
        if exchange.round_trip_ns < 0 or exchange.page_sent_ns < exchange.page_received_ns:
            return False
        self._exchanges = [known for known in self._exchanges if _agree(known, exchange)]
        self._exchanges.append(exchange)
        if len(self._exchanges) > self._window:
            now_ns = exchange.received_ns
            self._exchanges.remove(max(self._exchanges, key=lambda known: _bound_ns(known, now_ns)))
        return True

    def estimate(self, at_ns: int) -> ClockEstimate | None:
        """Return the best estimate for the moment `at_ns` of our clock; None before the first exchange."""
        if not self._exchanges:
            return None
        best = min(self._exchanges, key=lambda exchange: _bound_ns(exchange, at_ns))
        return ClockEstimate(offset_ns=best.offset_ns, bound_ns=_bound_ns(best, at_ns))


def _agree(older: Exchange, newer: Exchange) -> bool:
    room_ns = _bound_ns(older, newer.received_ns) + _bound_ns(newer, newer.received_ns)
    return abs(older.offset_ns - newer.offset_ns) <= room_ns


def _bound_ns(exchange: Exchange, at_ns: int) -> int:
    age_ns = abs(at_ns - exchange.received_ns)
    # Rounded up, so that the bound holds for odd round trips too.
    return (exchange.round_trip_ns + 1) // 2 + age_ns * DRIFT_PARTS_PER_MILLION // 1_000_000
