"""The door through which speakers' connections come in: what lies behind it knows no WebSocket library."""

from collections.abc import Callable
from typing import Protocol

__all__ = ["SpeakerConnection", "Speakers"]


class SpeakerConnection(Protocol):
    """One accepted connection of a speaker."""

    async def receive(self) -> str | bytes | None:
        """Return the next message; None once the speaker is gone."""
        ...

    async def send(self, text: str) -> None:
        """Send one message; a speaker that is gone is none of the caller's concern."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """End the connection from our side with a WebSocket close code and a reason; idempotent."""
        ...


class Speakers(Protocol):
    """Attends to speakers."""

    async def attend(
        self, connection: SpeakerConnection, *, token_allowed: Callable[[str | None], bool]
    ) -> None:
        """Hear one speaker to the end of its session; return when the connection is done with."""
        ...
