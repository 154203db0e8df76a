"""One alert between its begin and its end: told what is true now, it says only what has changed."""

from enum import Enum
from typing import NamedTuple

from latency_kit.budget.notices import NoticeKind

__all__ = ["AlertChange", "AlertState", "Sight"]


class Sight(Enum):
    """What can be said now of that which an alert watches for."""

    TRUE = "true"
    FALSE = "false"
    UNCLEAR = "unclear"
    """Too few calls to say so just now, but not for so long that it is out of sight."""
    LOST = "lost"
    """Too few calls for as long as the alert looks back."""


class AlertChange(NamedTuple):
    """That an alert began or ended, when, and when it had begun."""

    kind: NoticeKind
    at_ns: int
    since_ns: int


class AlertState:
    """Turns what is seen at each moment into the begin and the end of an alert.

    * It fires once, however often it is seen to be true; then it ends once.
    * It recovers only by what calls have shown: without data it ends as such, and while unclear it stays.

    Attributes:
        since_ns: When it fired, while it is firing; None while it is not.
    """

    __slots__ = ("since_ns",)

    def __init__(self) -> None:
        self.since_ns: int | None = None

    def see(self, sight: Sight, now_ns: int) -> AlertChange | None:
        """Take what is seen now; return what that changes."""
        since_ns = self.since_ns
        if since_ns is None:
            if sight is Sight.TRUE:
                self.since_ns = now_ns
                return AlertChange(NoticeKind.FIRED, now_ns, now_ns)
            return None
        if sight is Sight.TRUE or sight is Sight.UNCLEAR:
            return None
        self.since_ns = None
        kind = NoticeKind.RECOVERED if sight is Sight.FALSE else NoticeKind.NO_DATA
        return AlertChange(kind, now_ns, since_ns)
