"""One turn: an utterance on its way from the last voiced sample to the painted answer, as one trace.

    turn.utterance           first voiced sample ... painted
      capture.speech         first ... last voiced sample
      turn.end_to_end        last voiced sample (T0) ... painted
        capture.endpoint_wait, transcription.final, questions.detect, answering.answer, display.show ...

A turn knows times and spans; what happens in its stages it does not know.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from operator import itemgetter
from typing import TYPE_CHECKING

import latency_kit
from latency_kit import Outcome
from latency_kit.budget import LatencyBudget
from latency_kit.session import TurnAccount, account
from reference_pipeline.events import AnswerCost, TurnStatus, Utterance

if TYPE_CHECKING:
    from opentelemetry.trace import Span

__all__ = ["AnsweringRecord", "MonitoringPoint", "Turn", "TurnRecord"]


class MonitoringPoint(StrEnum):
    """What every turn passes, in about this order; a statement passes only the first four.

    The first text may be a draft from the notes, the first token is of the answer itself, whoever gives it;
    the first model token is passed only where a model speaks.
    """

    CAPTURE_START = "capture_start"
    END_OF_SPEECH = "end_of_speech"
    ENDPOINT_DECIDED = "endpoint_decided"
    TRANSCRIPTION_COMPLETE = "transcription_complete"
    QUESTION_DETECTED = "question_detected"
    REQUEST_SENT = "request_sent"
    FIRST_TEXT = "first_text"
    FIRST_TOKEN = "first_token"  # noqa: S105  # a word of a language model, not a password
    FIRST_MODEL_TOKEN = "first_model_token"  # noqa: S105  # the same
    FIRST_TEXT_PAINTED = "first_text_painted"
    FIRST_ANSWER_PAINTED = "first_answer_painted"
    RESPONSE_RECEIVED = "response_received"
    DISPLAYED = "displayed"


_OUTCOMES = {
    TurnStatus.ANSWERED: Outcome.OK,
    TurnStatus.DUPLICATE: Outcome.OK,
    TurnStatus.NO_QUESTION: Outcome.OK,
    TurnStatus.NO_SPEECH: Outcome.OK,
    TurnStatus.DROPPED: Outcome.DROPPED,
    TurnStatus.CANCELLED: Outcome.CANCELLED,
    TurnStatus.TIMED_OUT: Outcome.TIMED_OUT,
    TurnStatus.FAILED: Outcome.ERROR,
}

_NOT_FOR_ANSWERING = {TurnStatus.NO_QUESTION, TurnStatus.NO_SPEECH, TurnStatus.DUPLICATE}


_MEASURED_FROM_T0 = (
    MonitoringPoint.FIRST_TEXT_PAINTED,
    MonitoringPoint.FIRST_ANSWER_PAINTED,
    MonitoringPoint.FIRST_MODEL_TOKEN,
)
"""Points whose distance from T0 is a series of its own, such as `turn.first_model_token`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweringRecord:
    """How a turn's answers came about.

    Attributes:
        drafted: A note was shown as a draft.
        cached: All answers came from the cache.
        cut: An answer is not whole.
        shortened: An answer ended with a sentence, before all was said, to be in time.
        speculations_started: Requests that began before the question was certain.
        speculations_adopted: How many of them became an answer.
        cost: Of all requests, those of speculation included.
        shed: What was left out, in the words of `shedding.Step`.
    """

    drafted: bool = False
    cached: bool = False
    cut: bool = False
    shortened: bool = False
    speculations_started: int = 0
    speculations_adopted: int = 0
    cost: AnswerCost = field(default_factory=AnswerCost)
    shed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRecord:
    """A finished turn as data.

    Attributes:
        number: Of the utterance.
        text: What was heard.
        questions: The questions found in it, in order.
        answer: What was shown as the answer; empty where there was none.
        answered_by: The provider; empty where there was no answer.
        answer_source: The note or the model.
        status: How the turn ended.
        detail: Why, in a line, where it did not end well or another provider than the preferred one answered.
        first_sample: Index of the first voiced sample at 16 kHz.
        last_sample: Index just after the last voiced sample.
        t0_ns: Capture-clock time of the last voiced sample, which all of the turn's times count from.
        points_ns: Monitoring points passed, in nanoseconds after T0 (capture start is negative).
        account: Where the time from T0 to the end went.
        display: What the answer (or the transcript) was painted on.
        trace_id: 32 hexadecimal digits, empty without tracing.
        answering: How the answers came about.
    """

    number: int
    text: str
    questions: tuple[str, ...]
    answer: str
    answered_by: str
    answer_source: str
    status: TurnStatus
    detail: str
    first_sample: int
    last_sample: int
    t0_ns: int
    points_ns: dict[str, int]
    account: TurnAccount
    display: str
    trace_id: str
    answering: AnsweringRecord = field(default_factory=AnsweringRecord)

    @property
    def asks(self) -> bool:
        """Whether the turn counts among the questions: all but statements, silence and repetitions."""
        return self.status not in _NOT_FOR_ANSWERING


@dataclass(slots=True, kw_only=True)
class _Stage:
    name: str
    start_ns: int
    end_ns: int


@dataclass(slots=True, kw_only=True)
class _Said:
    text: str = ""
    questions: tuple[str, ...] = ()
    answer: str = ""
    answered_by: str = ""
    answer_source: str = ""
    notice: str = ""
    display: str = ""
    drafted: bool = False
    answers: int = 0
    cached: int = 0
    cut: bool = False
    shortened: bool = False
    speculations_started: int = 0
    speculations_adopted: int = 0
    cost: AnswerCost = field(default_factory=AnswerCost)
    shed: tuple[str, ...] = ()
    stages: list[_Stage] = field(default_factory=list)


class Turn:
    """A turn from the endpointer's decision to its end.

    * It is begun on the listening thread and goes on, after the transcription, on the event loop's only.
    * It ends once, with one status, whatever happens; a second `finish` is ignored.
    * Its stages and the rest between them add up to its end-to-end duration, in nanoseconds.
    """

    def __init__(self, utterance: Utterance) -> None:
        self.utterance = utterance
        self.said = _Said()
        self._finished: TurnRecord | None = None
        self._root = latency_kit.begin(
            "turn", "utterance", start_ns=utterance.start_ns, context=latency_kit.new_trace()
        )
        latency_kit.record(
            "capture",
            "speech",
            start_ns=utterance.start_ns,
            end_ns=utterance.end_ns,
            context=self._root.context,
        )
        self._operation = latency_kit.begin(
            "turn", "end_to_end", start_ns=utterance.end_ns, context=self._root.context
        )
        self.context = self._operation.context
        self.passed(MonitoringPoint.CAPTURE_START, utterance.start_ns)
        self.passed(MonitoringPoint.END_OF_SPEECH, utterance.end_ns)
        self.passed(MonitoringPoint.ENDPOINT_DECIDED, utterance.decided_ns)
        self.stage_was("capture", "endpoint_wait", utterance.end_ns, utterance.decided_ns)

    @property
    def number(self) -> int:
        """The utterance's number."""
        return self.utterance.number

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits, empty without tracing."""
        return self._operation.trace_id

    @property
    def traceparent(self) -> str:
        """W3C `traceparent` of the end-to-end span, for messages that leave the process."""
        return self._operation.traceparent

    def passed(self, point: MonitoringPoint, at_ns: int | None = None) -> int:
        """Note that a monitoring point was passed (its first time counts); return when."""
        is_first = point in _MEASURED_FROM_T0 and point.value not in self._operation.checkpoints
        passed_ns = self._operation.checkpoint(point.value, at_ns)
        if is_first:
            latency_kit.record(
                "turn",
                point.value,
                start_ns=self.utterance.end_ns,
                end_ns=max(passed_ns, self.utterance.end_ns),
                context=self.context,
                span=False,
            )
        return passed_ns

    def point_ns(self, point: MonitoringPoint) -> int | None:
        """Return when a point was passed, in nanoseconds after T0; None where it was not."""
        at_ns = self._operation.checkpoints.get(point.value)
        return None if at_ns is None else at_ns - self.utterance.end_ns

    def observed_ns(self) -> dict[str, int]:
        """Return how long each stage took, and each series from T0, by the name of the series."""
        observed: dict[str, int] = {}
        for stage in self.said.stages:
            observed[stage.name] = observed.get(stage.name, 0) + stage.end_ns - stage.start_ns
        for point in _MEASURED_FROM_T0:
            at_ns = self.point_ns(point)
            if at_ns is not None:
                observed[f"turn.{point.value}"] = at_ns
        return observed

    @contextmanager
    def deadline(self, budget: LatencyBudget) -> Iterator[None]:
        """Let `budget` be the deadline of everything that happens in the block, counted from T0."""
        with (
            latency_kit.use_context(self.context),
            latency_kit.deadline(budget, start_ns=self.utterance.end_ns, name="turn"),
        ):
            self.context = latency_kit.current_context()
            yield

    @contextmanager
    def stage(self, component: str, operation: str) -> Iterator["Span | None"]:
        """Measure the block as a stage of this turn: a span under it and an entry in its account.

        The block is given the span, None where none is made.
        """
        start_ns = latency_kit.now_ns()
        try:
            with (
                latency_kit.use_context(self.context),
                latency_kit.measure_latency(component, operation) as call,
            ):
                yield call.span
        finally:
            self.noted(f"{component}.{operation}", start_ns, latency_kit.now_ns())

    def stage_was(self, component: str, operation: str, start_ns: int, end_ns: int) -> None:
        """Record a stage that is known only afterwards."""
        latency_kit.record(component, operation, start_ns=start_ns, end_ns=end_ns, context=self.context)
        self.noted(f"{component}.{operation}", start_ns, end_ns)

    def noted(self, name: str, start_ns: int, end_ns: int) -> None:
        """Enter into the account a stretch whose span somebody else has made."""
        self.said.stages.append(_Stage(name=name, start_ns=start_ns, end_ns=end_ns))

    def finish(
        self,
        status: TurnStatus,
        *,
        at_ns: int | None = None,
        detail: str = "",
        error: BaseException | None = None,
    ) -> TurnRecord:
        """End the turn (now, or at the time of its paint) and return its record."""
        if self._finished is not None:
            return self._finished
        end_ns = max(latency_kit.now_ns() if at_ns is None else at_ns, self.utterance.end_ns)
        if status in _NOT_FOR_ANSWERING:
            self._operation.rename(status.value.replace("-", "_"))
        outcome = _OUTCOMES[status]
        if isinstance(error, asyncio.CancelledError):
            outcome = Outcome.CANCELLED
        self._operation.set_attribute("turn.status", status.value)
        reason = None if outcome is Outcome.OK else error or detail or None
        self._operation.end(at_ns=end_ns, outcome=outcome, error=reason)
        self._root.end(at_ns=end_ns, outcome=outcome, error=reason)
        said = self.said
        self._finished = TurnRecord(
            number=self.number,
            text=said.text,
            questions=said.questions,
            answer=said.answer,
            answered_by=said.answered_by,
            answer_source=said.answer_source,
            status=status,
            detail=detail,
            first_sample=self.utterance.first_sample,
            last_sample=self.utterance.last_sample,
            t0_ns=self.utterance.end_ns,
            points_ns={
                name: at - self.utterance.end_ns
                for name, at in sorted(self._operation.checkpoints.items(), key=itemgetter(1))
            },
            account=account(
                self.utterance.end_ns,
                end_ns,
                [(stage.name, stage.start_ns, stage.end_ns) for stage in said.stages],
            ),
            display=said.display,
            trace_id=self.trace_id,
            answering=_answering(said),
        )
        return self._finished


def _answering(said: _Said) -> AnsweringRecord:
    return AnsweringRecord(
        drafted=said.drafted,
        cached=0 < said.answers == said.cached,
        cut=said.cut,
        shortened=said.shortened,
        speculations_started=said.speculations_started,
        speculations_adopted=said.speculations_adopted,
        cost=said.cost,
        shed=said.shed,
    )
