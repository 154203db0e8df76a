"""One message as a viewer saw it, whether a program or a page; times on this machine's monotonic clock."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A message of a session, received and painted.

    Attributes:
        text: Length of its text.
        sent_ns: When the server sent it.
        painted_ns: When it was painted, or would have been by a page that paints at its next frame.
    """

    session: str
    seq: int
    turn: int
    kind: str
    text: int
    last: bool
    data: dict[str, Any]
    sent_ns: int
    received_ns: int
    painted_ns: int
