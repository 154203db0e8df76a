"""What a channel has shown, kept within bounds for viewers who come late or come back."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["HISTORY_BYTES", "HISTORY_MESSAGES", "History", "Kept"]

HISTORY_MESSAGES = 2000
"""Messages kept: an hour of talk."""

HISTORY_BYTES = 1_048_576
"""And never more than this, since all of it is sent in one frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One message as it was sent."""

    seq: int
    turn: int
    body: str


class History:
    """The latest messages of a channel.

    * It never holds more than its bounds, in messages and in bytes.
    * It forgets whole runs of one turn, oldest first, so that no answer begins in its middle.
    """

    def __init__(self, *, messages: int = HISTORY_MESSAGES, size_bytes: int = HISTORY_BYTES) -> None:
        self._kept: deque[Kept] = deque()
        self._bytes = 0
        self._most_messages = messages
        self._most_bytes = size_bytes
        self._forgotten_through = 0

    @property
    def forgotten_through(self) -> int:
        """Sequence number of the last message forgotten; 0 while none is."""
        return self._forgotten_through

    def keep(self, kept: Kept) -> None:
        """Keep one more message."""
        self._kept.append(kept)
        self._bytes += len(kept.body)
        while len(self._kept) > self._most_messages or self._bytes > self._most_bytes:
            self._forget_turn(self._kept[0].turn)

    def since(self, seq: int) -> Sequence[Kept]:
        """Return what is kept of the messages after `seq`, oldest first."""
        return [kept for kept in self._kept if kept.seq > seq]

    def _forget_turn(self, turn: int) -> None:
        while self._kept and self._kept[0].turn == turn:
            forgotten = self._kept.popleft()
            self._bytes -= len(forgotten.body)
            self._forgotten_through = forgotten.seq
