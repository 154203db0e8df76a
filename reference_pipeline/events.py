"""What travels between the stages: frozen data, no behaviour beyond derived figures.

Times are monotonic nanoseconds of the capture clock (the process's `perf_counter_ns` scale); samples are
float32 mono at `SAMPLE_RATE` in [-1, 1]. Nothing here knows of a stage, an adapter or a span.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "SAMPLE_RATE",
    "AnswerChunk",
    "AnswerCost",
    "AudioBlock",
    "Completeness",
    "DisplayMessage",
    "DisplayReceipt",
    "HeardText",
    "MessageKind",
    "Provider",
    "Question",
    "RawBlock",
    "Samples",
    "TermExplanation",
    "Transcript",
    "TurnStatus",
    "Understanding",
    "Utterance",
]

SAMPLE_RATE = 16_000
"""Samples a second that every stage after preprocessing works with (what the speech models take)."""

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class RawBlock:
    """Sound as the source delivers it.

    Attributes:
        samples: Shape (frames, channels), float32 in [-1, 1], at the source's own rate.
        first_sample: Index of the first frame since the source began, at the source's rate.
        captured_ns: Capture-clock time at which the *last* frame of the block was taken.
        own_power: Mean square, over the block's time, of the channel or device that hears the user of the
            assistant; None where there is no such one.
    """

    samples: Samples
    first_sample: int
    captured_ns: int
    own_power: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioBlock:
    """A block after preprocessing.

    Attributes:
        samples: Shape (n,), float32 mono at `SAMPLE_RATE`.
        first_sample: Index of the first sample since the source began, at `SAMPLE_RATE`.
        start_ns: Capture-clock time of the first sample.
    """

    samples: Samples
    first_sample: int
    start_ns: int

    @property
    def end_ns(self) -> int:
        """Capture-clock time just after the last sample."""
        return self.time_of(self.first_sample + len(self.samples))

    def time_of(self, sample: int) -> int:
        """Return the capture-clock time at which a sample began; it may lie outside the block."""
        return self.start_ns + (sample - self.first_sample) * 1_000_000_000 // SAMPLE_RATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """One stretch of speech between two pauses, as the endpointer cut it.

    Attributes:
        number: 1, 2, 3 ... within the session.
        first_sample: Index of the first voiced sample at `SAMPLE_RATE`.
        last_sample: Index just after the last voiced sample.
        start_ns: Capture-clock time of the first voiced sample.
        end_ns: Capture-clock time of the last voiced sample; the T0 of the turn.
        decided_ns: When the endpointer decided that the utterance was over.
    """

    number: int
    first_sample: int
    last_sample: int
    start_ns: int
    end_ns: int
    decided_ns: int

    @property
    def speech_ns(self) -> int:
        """How long was spoken."""
        return self.end_ns - self.start_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardText:
    """What an engine has understood of the open utterance so far.

    Attributes:
        text: All of it since the utterance began; may still change.
        heard_to_sample: Index just after the last sample that the text rests on.
    """

    text: str
    heard_to_sample: int


class Completeness(StrEnum):
    """Whether what has been said so far may be all, judged by its words alone."""

    COMPLETE = "complete"
    """A whole question or sentence: nothing needs to follow."""
    UNKNOWN = "unknown"
    """The words do not tell."""
    UNFINISHED = "unfinished"
    """It breaks off: "and how would you"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Understanding:
    """A judgement of the open utterance, good only where nothing was voiced after what it rests on.

    Attributes:
        completeness: The judgement.
        heard_to_sample: Index just after the last sample that the judged text rests on.
    """

    completeness: Completeness
    heard_to_sample: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What a transcriber heard: lower case words without punctuation that it did not itself produce.

    Attributes:
        text: All of the utterance.
        engine: Who heard it.
        final: Whether the text stands where nothing more is fed.
        agreed: Of a text on speculation: the beginning of the utterance's text that will not change any more,
            where there is more of it than was told before.
    """

    text: str
    engine: str
    final: bool
    agreed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question found in a turn's text.

    Attributes:
        text: The question alone, without what was said around it.
        normalised: Lower case, no punctuation, single spaces; what deduplication and caches compare.
        kind: How it was recognised, such as "direct", "imperative" or "indirect".
    """

    text: str
    normalised: str
    kind: str


class Provider(StrEnum):
    """Who answered."""

    OLLAMA_CLOUD = "ollama-cloud"
    OLLAMA_LOCAL = "ollama-local"
    NOTES = "notes"


@dataclass(frozen=True, slots=True, kw_only=True)
class TermExplanation:
    """One technical term of the question in a sentence.

    Attributes:
        origin: "glossary" for the user's own words, "model" for those of a model, which may err.
    """

    term: str
    explanation: str
    origin: str = "glossary"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCost:
    """What models have done for an answer; costs add up.

    Attributes:
        requests: Chat requests that were sent.
        wasted_requests: Of them, those that were given up or failed.
        prompt_tokens: Tokens read, as far as servers said so.
        answer_tokens: Tokens generated, as far as they came.
        wasted_tokens: Of them, those of wasted requests.
        busy_ns: How long the requests ran, added up.
    """

    requests: int = 0
    wasted_requests: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    wasted_tokens: int = 0
    busy_ns: int = 0

    def __add__(self, other: "AnswerCost") -> "AnswerCost":
        """Return both together."""
        return AnswerCost(
            requests=self.requests + other.requests,
            wasted_requests=self.wasted_requests + other.wasted_requests,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            answer_tokens=self.answer_tokens + other.answer_tokens,
            wasted_tokens=self.wasted_tokens + other.wasted_tokens,
            busy_ns=self.busy_ns + other.busy_ns,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerChunk:
    """A piece of an answer as it streams in.

    Text may be empty only where `last` is set, or after it: what follows the last piece of text explains
    terms or tells the cost.

    Attributes:
        source: For an answer from notes, the name of the note (empty where none was found); else the
            model's name.
        last: The answer's text is complete with this piece.
        restart: What was shown of this answer so far is void: a draft, or the half of an answer whose
            provider failed. The answer begins anew with this chunk.
        notice: Why a preferred provider does not answer, in a line; on the first chunk of who does.
        draft: The text stands until a model speaks; it is never `last`.
        cached: The answer was given before, to the same question.
        cut: The answer is not whole; only on the last piece of text.
        shortened: The answer ended with a sentence to be in time; more was to come. Only on the last piece.
        terms: Explanations that came with the answer.
        tokens: Tokens of a model that this piece stands for.
        prompt_tokens: Tokens that the model read, on the piece with which its server tells it.
        cost: Of the answer so far; on the last piece of text and at the end of the stream.
    """

    text: str
    provider: Provider
    source: str
    last: bool
    restart: bool = False
    notice: str = ""
    draft: bool = False
    cached: bool = False
    cut: bool = False
    shortened: bool = False
    terms: tuple[TermExplanation, ...] = ()
    tokens: int = 0
    prompt_tokens: int = 0
    cost: AnswerCost | None = None


class MessageKind(StrEnum):
    """What a message to the display is about."""

    INTERIM = "interim"
    TRANSCRIPT = "transcript"
    QUESTION = "question"
    ANSWER = "answer"
    TERMS = "terms"
    TURN = "turn"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayMessage:
    """One thing to show.

    Attributes:
        turn: Number of the utterance that it belongs to.
        text: What to show; for ANSWER the chunk to append.
        data: JSON-ready details (provider, source, terms, timings against budgets).
        traceparent: W3C `traceparent` of the span under which the display's work belongs.
        last: Whether this message completes what its kind shows for the turn.
        traced: Whether its showing makes spans; the middle pieces of a streamed answer are counted only.
    """

    kind: MessageKind
    turn: int
    text: str
    data: dict[str, object]
    traceparent: str
    last: bool = False
    traced: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayReceipt:
    """When a message was seen, on the capture clock (a browser's times are offset-corrected).

    Attributes:
        sent_ns: Just before the message was handed to the socket (or the terminal).
        broadcast_ns: When it had been written to every viewer.
        received_ns: When the first viewer had it.
        dom_updated_ns: When that viewer's document held it.
        painted_ns: When it had been painted.
        display: "browser" or "terminal".
    """

    sent_ns: int
    broadcast_ns: int
    received_ns: int
    dom_updated_ns: int
    painted_ns: int
    display: str


class TurnStatus(StrEnum):
    """How a turn ended. Every turn has exactly one, and all of them are counted."""

    ANSWERED = "answered"
    NO_QUESTION = "no-question"
    NO_SPEECH = "no-speech"
    DUPLICATE = "duplicate"
    DROPPED = "dropped"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed-out"
    FAILED = "failed"
