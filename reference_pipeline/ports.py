"""The plug points of the pipeline as Protocols. Adapters implement them and know ports and events only.

Every port has an adapter that runs offline; one contract test kit under `tests/reference_pipeline`
runs over all implementations of a port. `composition` is the only module that picks adapters.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from reference_pipeline.events import (
    AnswerChunk,
    AnswerCost,
    AudioBlock,
    Completeness,
    DisplayMessage,
    DisplayReceipt,
    Provider,
    Question,
    RawBlock,
    TermExplanation,
    Transcript,
    Utterance,
)

if TYPE_CHECKING:
    from opentelemetry.trace import Span

__all__ = [
    "Answerer",
    "AnswererError",
    "AudioSource",
    "CompletenessJudge",
    "Display",
    "EarlyAnswer",
    "EarlyAsker",
    "PipelineError",
    "QuestionDetector",
    "SettingsError",
    "SourceError",
    "SpeechSink",
    "TermExplainer",
    "Transcriber",
    "TranscriberError",
    "VoiceActivityDetector",
]


class PipelineError(Exception):
    """Base of what the assistant raises on purpose; the message is one line that says what to do."""


class SettingsError(PipelineError):
    """What was chosen for a run does not go together."""


class SourceError(PipelineError):
    """Sound cannot be had: absent or unreadable file, no such device, device lost."""


class TranscriberError(PipelineError):
    """A transcription engine cannot be used: model absent or broken."""


class AnswererError(PipelineError):
    """A provider failed to answer; the next one is asked.

    Spans keep an exception's message, so that it must hold none of the words that came from elsewhere.

    Args:
        message: What failed, in our own words.
        told: The same with the words of whoever failed, for the page and the log; the message by default.
    """

    def __init__(self, message: str, *, told: str = "") -> None:
        super().__init__(message)
        self.told = told or message


class AudioSource(Protocol):
    """Where sound comes from. Delivers blocks from a thread of its own (or of the sound card)."""

    @property
    def name(self) -> str:
        """What is shown to the user: a file's name or a device's."""
        ...

    @property
    def sample_rate(self) -> int:
        """Frames a second of the raw blocks."""
        ...

    def start(self, deliver: Callable[[RawBlock], None], ended: Callable[[SourceError | None], None]) -> None:
        """Begin to call `deliver` for each block, in order, and `ended` once after the last one.

        Returns at once. `deliver` must be quick; it is called on the source's thread. `ended` gets the
        error that ended the source early, or None at a regular end or after `stop`.

        Raises:
            SourceError: The source cannot begin.
        """
        ...

    def stop(self) -> None:
        """End early; idempotent, returns when no further block will be delivered."""
        ...

    @property
    def overruns(self) -> int:
        """How many blocks the source lost because they were not taken in time."""
        ...


class VoiceActivityDetector(Protocol):
    """Tells speech from everything else, block by block; keeps state between blocks."""

    @property
    def block_samples(self) -> int:
        """How many samples at SAMPLE_RATE one call takes."""
        ...

    def speech_probability(self, block: AudioBlock) -> float:
        """Return the probability, 0 to 1, that the block holds speech."""
        ...

    def reset(self) -> None:
        """Forget all earlier blocks."""
        ...


class SpeechSink(Protocol):
    """What the listening thread tells the rest of the pipeline. Calls are quick and never block.

    Order: for each utterance `speech_started`, `speech_block` for every block from the pre-roll to the
    decision (silence included), then `speech_ended` or `speech_discarded`; at the very end `source_ended`.
    Within an utterance `speech_paused` and `speech_resumed` alternate, beginning with `speech_paused`; an
    utterance that ends while paused has `last_sample` equal to the `last_voiced_sample` told.
    """

    def speech_started(self, first_block: AudioBlock) -> None:
        """Speech has begun; `first_block` (the first of the pre-roll) comes again as a `speech_block`."""
        ...

    def speech_block(self, block: AudioBlock) -> None:
        """Take the next block of the utterance."""
        ...

    def speech_paused(self, last_voiced_sample: int) -> None:
        """Silence inside the utterance has lasted about 100 ms; it may be its end.

        Comes after the `speech_block` that holds the silence, and once a pause. The utterance so far ends
        at `last_voiced_sample` (the index just after it), so that work on its end can begin on speculation.
        """
        ...

    def speech_resumed(self) -> None:
        """Voice has come back before the utterance was committed; comes before the block that holds it."""
        ...

    def speech_ended(self, utterance: Utterance) -> None:
        """The endpointer has decided that the utterance is over."""
        ...

    def speech_discarded(self, reason: str) -> None:
        """What had begun was no speech after all (too short, a click)."""
        ...

    def source_ended(self, error: SourceError | None) -> None:
        """No further block will come."""
        ...


class CompletenessJudge(Protocol):
    """Tells from its words whether an utterance may be over. Pure, quick, and called from any thread."""

    def completeness(self, text: str) -> Completeness:
        """Judge the text of an utterance so far, as recognisers print it (case and punctuation optional)."""
        ...


class Transcriber(Protocol):
    """Turns one utterance at a time into text. All calls come from one thread.

    Order of calls: `warm_up` once; then for each utterance `begin`, `feed` for each block, in between, where
    there is time for it, `interim` and `speculate`, and either `finish` or `abandon`; `close` at the end.
    """

    @property
    def name(self) -> str:
        """The engine's name as reports show it."""
        ...

    @property
    def is_streaming(self) -> bool:
        """Whether `feed` decodes, so that the text so far rests on everything that was fed."""
        ...

    @property
    def interim_is_stable(self) -> bool:
        """Whether interim text only grows: all of it stands in what comes after it, the final text too."""
        ...

    def warm_up(self) -> None:
        """Do what the first utterance would otherwise pay for."""
        ...

    def begin(self) -> None:
        """Start a new utterance."""
        ...

    def feed(self, block: AudioBlock) -> str | None:
        """Take the next block; return interim text when it has changed, else None."""
        ...

    def interim(self, wanted: Callable[[], bool]) -> str | None:
        """Use a moment in which no block waits; return interim text when it has changed, else None.

        Unlike that of `feed` it will not change any more: all later text of the utterance begins with it.

        Args:
            wanted: Asked now and then; once it says no, the work is given up.
        """
        ...

    def speculate(self, wanted: Callable[[], bool], *, whole: bool = False) -> Transcript | None:
        """Return the text of the utterance if it ended here, which it may not; it stays open.

        A text that is marked final is returned at once by a `finish` that comes before a `feed`.

        Args:
            wanted: Asked now and then; once it says no, the work is given up and None is returned.
            whole: Whether the words so far seem to be all. An engine that has to break off the search that it
                is at in order to tell a final text does so only then.
        """
        ...

    def finish(self) -> Transcript:
        """Return the final text of what was fed since `begin` (empty text where nothing was said)."""
        ...

    def abandon(self) -> None:
        """Forget the utterance that was begun."""
        ...

    def close(self) -> None:
        """Free the model; idempotent."""
        ...


class QuestionDetector(Protocol):
    """Finds the questions in a turn's text. Pure: same text, same answer."""

    def detect(self, text: str) -> Sequence[Question]:
        """Return the questions of `text` in the order they were asked; empty for a statement."""
        ...


class Answerer(Protocol):
    """Answers a question, streaming."""

    @property
    def provider(self) -> Provider:
        """Who this is."""
        ...

    async def available(self) -> bool:
        """Whether asking makes sense now; quick (under a second), never raises."""
        ...

    def answer(self, question: Question) -> AsyncIterator[AnswerChunk]:
        """Stream the answer; the chunk that completes its text, and only it, has `last` set.

        What follows that chunk has no text: it explains terms or tells the cost.

        Raises:
            AnswererError: While iterating: the provider failed; what came before it is not a whole answer.
        """
        ...

    async def close(self) -> None:
        """Give back connections; idempotent."""
        ...


class EarlyAnswer(Protocol):
    """A request that began before its question was certain; it is adopted once or given up."""

    @property
    def question(self) -> Question:
        """What was asked."""
        ...

    @property
    def cost(self) -> AnswerCost:
        """What it has cost so far."""
        ...

    def adopt(self, span: "Span | None") -> AsyncIterator[AnswerChunk]:
        """Return its answer, as `Answerer.answer` does; `span` is linked with its own."""
        ...

    def leave(self) -> None:
        """Have the request end, without waiting; idempotent."""
        ...

    async def give_up(self) -> None:
        """End the request and wait until it has ended; idempotent."""
        ...


@runtime_checkable
class EarlyAsker(Protocol):
    """Begins requests before their question is certain."""

    def begin_early(self, question: Question) -> EarlyAnswer | None:
        """Begin on `question`; None where that would gain nothing. Returns at once."""
        ...


class TermExplainer(Protocol):
    """Explains the technical terms that a question uses."""

    def explain(self, question: Question) -> Sequence[TermExplanation]:
        """Return explanations of the terms found, at most a few, none where none is known."""
        ...

    def learn(self, terms: Iterable[TermExplanation]) -> None:
        """Keep explanations that came with an answer, for questions to come."""
        ...


class Display(Protocol):
    """Shows messages and tells when they were painted."""

    @property
    def name(self) -> str:
        """The display of record, "browser" or "terminal"."""
        ...

    async def show(self, message: DisplayMessage) -> DisplayReceipt:
        """Show one message; return when it is painted (or when waiting for the paint was given up).

        A display that has no viewer, or none that answers within its own bound, falls back to the
        terminal, and the receipt says so.
        """
        ...

    async def close(self) -> None:
        """End; idempotent."""
        ...
