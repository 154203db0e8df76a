"""The sessions of one process, by name, each with its own channel; viewers can join one, not make one."""

import re

from reference_pipeline.display.channel import Channel
from reference_pipeline.ports import PipelineError

__all__ = ["MAIN_SESSION", "Sessions"]

MAIN_SESSION = "main"

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Sessions:
    """The channels of the sessions that run now.

    * Only the pipeline opens a session; asking for another by name gives nothing.
    * A message published on one session's channel reaches no viewer of another.
    """

    def __init__(self) -> None:
        self._channels: dict[str, Channel] = {}

    def open(self, session: str = MAIN_SESSION) -> Channel:
        """Begin a session.

        Raises:
            PipelineError: The name is unfit, or such a session runs already.
        """
        if not _NAME.fullmatch(session):
            raise PipelineError(
                f"{session!r} cannot name a session; use 1 to 64 letters, digits, hyphens and underscores"
            )
        if session in self._channels:
            raise PipelineError(f"the session {session!r} runs already; give the other one another name")
        channel = Channel(session)
        self._channels[session] = channel
        return channel

    def find(self, session: str) -> Channel | None:
        """Return the channel of a running session."""
        return self._channels.get(session)

    def names(self) -> tuple[str, ...]:
        """Return the names of the sessions that run, in the order in which they began."""
        return tuple(self._channels)

    def watched(self) -> tuple[Channel, ...]:
        """Return the channels that somebody watches."""
        return tuple(channel for channel in self._channels.values() if channel.viewers)

    def end(self, session: str) -> None:
        """End a session and send its viewers away; idempotent."""
        channel = self._channels.pop(session, None)
        if channel is not None:
            channel.end()

    def end_all(self) -> None:
        """End every session."""
        for session in list(self._channels):
            self.end(session)
