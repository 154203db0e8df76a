"""What the endpointer tells of an utterance, as frozen data."""

from dataclasses import dataclass

from reference_pipeline.events import AudioBlock

__all__ = [
    "EndpointEvent",
    "SpeechContinued",
    "SpeechDiscarded",
    "SpeechEnded",
    "SpeechPaused",
    "SpeechResumed",
    "SpeechStarted",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStarted:
    """An utterance has begun; `blocks` are its pre-roll and onset, and come in no other event."""

    blocks: tuple[AudioBlock, ...]
    first_sample: int
    start_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechContinued:
    """The next block of the utterance."""

    block: AudioBlock


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechPaused:
    """Silence inside the utterance has lasted the pause limit; `last_sample` is just after the last voice."""

    last_sample: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechResumed:
    """Voice has come back after a `SpeechPaused`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechEnded:
    """The utterance is over.

    Attributes:
        first_sample: Position of the first voiced sample.
        last_sample: Position just after the last voiced sample.
        start_ns: Capture time of `first_sample`.
        end_ns: Capture time of `last_sample`: the T0 of the turn.
        heard_ns: Capture time just after the last block that the decision rests on.
        forced: Whether the utterance was cut at its maximum length.
    """

    first_sample: int
    last_sample: int
    start_ns: int
    end_ns: int
    heard_ns: int
    forced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechDiscarded:
    """What had begun was too short to be speech."""

    reason: str


EndpointEvent = SpeechStarted | SpeechContinued | SpeechPaused | SpeechResumed | SpeechEnded | SpeechDiscarded
