"""From a page's times to ours: offset-corrected and clamped to what cause and effect allow. Pure."""

from dataclasses import dataclass

__all__ = ["PagePaint", "PaintTimes", "to_our_clock"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PagePaint:
    """What a page says about one message, in nanoseconds of the page's clock.

    Attributes:
        seq: The message.
        received_ns: When it arrived (the first thing that `onmessage` reads).
        dom_updated_ns: When the document held it.
        painted_ns: In the first task after the frame that shows it.
        replied_ns: When the page sent this.
        hidden: Whether the page was hidden, or got no frame: the document holds the message, nobody saw it.
    """

    seq: int
    received_ns: int
    dom_updated_ns: int
    painted_ns: int
    replied_ns: int
    hidden: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintTimes:
    """The same on our clock.

    * `received_ns <= dom_updated_ns <= painted_ns`.

    Attributes:
        clamped: Whether a corrected time had to be moved, which happens when the clock's offset is known
            less well than the time that a message takes.
    """

    received_ns: int
    dom_updated_ns: int
    painted_ns: int
    clamped: bool


def to_our_clock(page: PagePaint, *, offset_ns: int, sending_ns: int, arrived_ns: int) -> PaintTimes:
    """Put a page's times on our clock.

    Nothing is received before it was sent (`sending_ns`) nor painted after we were told of it
    (`arrived_ns`), and the three times do not decrease; what the correction moves outside is clamped.

    Args:
        page: The page's own times.
        offset_ns: The page's clock minus ours.
        sending_ns: Just before the message was written to that page's socket.
        arrived_ns: When the page's report was read.
    """
    corrected = (
        page.received_ns - offset_ns,
        page.dom_updated_ns - offset_ns,
        page.painted_ns - offset_ns,
    )
    earliest_ns = sending_ns
    kept: list[int] = []
    for moment_ns in corrected:
        earliest_ns = min(max(moment_ns, earliest_ns), max(arrived_ns, sending_ns))
        kept.append(earliest_ns)
    return PaintTimes(
        received_ns=kept[0],
        dom_updated_ns=kept[1],
        painted_ns=kept[2],
        clamped=tuple(kept) != corrected,
    )
