"""One stream with two channels, the interviewer's and the user's own, as the source of what is asked.

Only where the sound comes from is told apart here; what the user's channel means is `own_voice`'s matter.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from reference_pipeline.capture.device_losses import DeviceNotice, losses_of, tell_losses_of
from reference_pipeline.events import RawBlock
from reference_pipeline.ports import AudioSource, SourceError

__all__ = ["ChannelSource", "ChannelledSource"]


class ChannelledSource(AudioSource, Protocol):
    """A source that knows beforehand how many channels its blocks will have."""

    @property
    def channels(self) -> int:
        """Channels of the raw blocks."""
        ...


class ChannelSource:
    """Delivers the interviewer's channel, with the power of the user's beside it.

    * The samples delivered are a view of the stream's.
    * Everything else is the stream's: name, rate, times, end.
    """

    def __init__(self, source: ChannelledSource, *, interviewer: int) -> None:
        """Choose the interviewer's channel, 0 (left) or 1 (right); the other one is the user's.

        Raises:
            SourceError: The source has not two channels.
        """
        if source.channels != 2:  # noqa: PLR2004  # left and right
            raise SourceError(
                f"{source.name}: has {source.channels} channel(s), and telling the interviewer from you "
                "takes two; choose a stereo source or leave --interviewer out"
            )
        self._source = source
        self._interviewer = interviewer
        self._own = 1 - interviewer

    @property
    def name(self) -> str:
        """The stream's name and the channel."""
        return f"{self._source.name} ({('left', 'right')[self._interviewer]})"

    @property
    def sample_rate(self) -> int:
        """The stream's rate."""
        return self._source.sample_rate

    @property
    def overruns(self) -> int:
        """How many blocks the stream lost."""
        return self._source.overruns

    @property
    def losses(self) -> int:
        """How often the stream's device was lost."""
        return losses_of(self._source)

    def tell_losses(self, told: Callable[[DeviceNotice], None]) -> None:
        """Have the losses of the stream's device told."""
        tell_losses_of(self._source, told)

    def start(self, deliver: Callable[[RawBlock], None], ended: Callable[[SourceError | None], None]) -> None:
        """Begin the stream.

        Raises:
            SourceError: It cannot begin.
        """

        def take(block: RawBlock) -> None:
            own = block.samples[:, self._own]
            asked = block.samples[:, self._interviewer : self._interviewer + 1]
            # The variance, since a microphone's constant offset is no voice.
            deliver(replace(block, samples=asked, own_power=float(own.var())))

        self._source.start(take, ended)

    def stop(self) -> None:
        """End the stream; idempotent."""
        self._source.stop()
