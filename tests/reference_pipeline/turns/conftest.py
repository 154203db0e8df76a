"""Fakes of every port that a conversation speaks to, and a transcript to give it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

import latency_kit
from latency_kit.budget import LatencyBudget
from latency_kit.testing import Capture, FakeClock, capture_measurements, simulated_run
from latency_kit.units import ms_to_ns
from reference_pipeline.conversation import Conversation, Stages, TurnBudgets
from reference_pipeline.decision import Decider
from reference_pipeline.events import (
    AnswerChunk,
    AnswerCost,
    DisplayMessage,
    DisplayReceipt,
    Provider,
    Question,
    TermExplanation,
    Transcript,
    Utterance,
)
from reference_pipeline.questions.detector import RuleQuestionDetector
from reference_pipeline.settings import AnswerTimes, ConversationSettings
from reference_pipeline.shedding import Shedding
from reference_pipeline.transcription.deduplication import Deduplicator
from reference_pipeline.transcription.segmentation import Segmenter
from reference_pipeline.transcription.worker import FinalState, FinalTranscript
from reference_pipeline.turn import Turn, TurnRecord

JUDGED = (
    LatencyBudget(name="wait", component="capture", operation="endpoint_wait", limit_ns=ms_to_ns(200)),
    LatencyBudget(name="answer", component="answering", operation="answer", limit_ns=ms_to_ns(60_000)),
)


class FakeDisplay:
    """Keeps what is shown; paints at once."""

    name = "terminal"

    def __init__(self) -> None:
        self.messages: list[DisplayMessage] = []

    async def show(self, message: DisplayMessage) -> DisplayReceipt:
        self.messages.append(message)
        now_ns = latency_kit.now_ns()
        return DisplayReceipt(
            sent_ns=now_ns,
            broadcast_ns=now_ns,
            received_ns=now_ns,
            dom_updated_ns=now_ns,
            painted_ns=now_ns,
            display="terminal",
        )

    async def close(self) -> None: ...


class FakeAnswerer:
    """Answers with the pieces it is given, once `released`; raises an error among them.

    A piece may be a text, a whole chunk, or an error. It begins early where `begins_early`.
    """

    provider = Provider.NOTES

    def __init__(self) -> None:
        self.pieces: list[str | Exception | AnswerChunk] = ["It is ", "a lock."]
        self.released = asyncio.Event()
        self.released.set()
        self.asked: list[str] = []
        self.on_asked: Callable[[], None] = lambda: None
        self.begins_early = True
        self.begun: list[FakeEarlyAnswer] = []

    async def available(self) -> bool:
        return True

    async def answer(self, question: Question) -> AsyncIterator[AnswerChunk]:
        self.asked.append(question.normalised)
        self.on_asked()
        await self.released.wait()
        for number, piece in enumerate(self.pieces, 1):
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, AnswerChunk):
                yield piece
                continue
            yield AnswerChunk(
                text=piece, provider=self.provider, source="locks", last=number == len(self.pieces)
            )

    def begin_early(self, question: Question) -> "FakeEarlyAnswer | None":
        if not self.begins_early:
            return None
        self.begun.append(FakeEarlyAnswer(self, question))
        return self.begun[-1]

    async def close(self) -> None: ...


class FakeEarlyAnswer:
    """An early request that has cost one request and seven tokens."""

    cost = AnswerCost(requests=1, wasted_requests=1, answer_tokens=7, wasted_tokens=7)

    def __init__(self, answerer: FakeAnswerer, question: Question) -> None:
        self._answerer = answerer
        self.question = question
        self.state = "running"

    def adopt(self, span: Any) -> AsyncIterator[AnswerChunk]:
        self.state = "adopted"
        return self._answerer.answer(self.question)

    def leave(self) -> None:
        self.state = "given up"

    async def give_up(self) -> None:
        self.leave()


class FakeExplainer:
    def explain(self, question: Question) -> Sequence[TermExplanation]:
        return [TermExplanation(term="mutex", explanation="a lock")] if "mutex" in question.text else []

    def learn(self, terms: Iterable[TermExplanation]) -> None:
        self.learned = list(terms)


@pytest.fixture
def stage() -> Callable[..., SimpleNamespace]:
    """Make a conversation over fakes; must be called inside a running event loop."""

    def make(*, limit_ms: float = 4000, **settings: Any) -> SimpleNamespace:
        records: list[TurnRecord] = []
        explainer = FakeExplainer()
        display, answerer, shedding = FakeDisplay(), FakeAnswerer(), Shedding()
        conversation = Conversation(
            Stages(
                decider=Decider(Segmenter(), RuleQuestionDetector(), Deduplicator()),
                answerer=answerer,
                explainer=explainer,
                display=display,
                early=answerer,
                shedding=shedding,
            ),
            settings=ConversationSettings(**settings),
            budgets=TurnBudgets(
                end_to_end=LatencyBudget(
                    name="end_to_end", component="turn", operation="end_to_end", limit_ns=ms_to_ns(limit_ms)
                ),
                answer=AnswerTimes().within(ms_to_ns(limit_ms)),
                judged=JUDGED,
            ),
            on_turn=records.append,
        )
        return SimpleNamespace(
            conversation=conversation,
            records=records,
            display=display,
            answerer=answerer,
            shedding=shedding,
            explainer=explainer,
        )

    return make


@pytest.fixture
def hear() -> Callable[..., None]:
    """Give a conversation the final transcript of utterance `number`."""

    def give(
        conversation: Conversation,
        text: str,
        *,
        number: int = 1,
        state: FinalState = FinalState.COMPLETE,
        error: Exception | None = None,
    ) -> None:
        now_ns = latency_kit.now_ns()
        utterance = Utterance(
            number=number,
            first_sample=0,
            last_sample=16_000,
            start_ns=now_ns - 1_300_000_000,
            end_ns=now_ns - 300_000_000,
            decided_ns=now_ns - 90_000_000,
        )
        heard = state in {FinalState.COMPLETE, FinalState.TRUNCATED}
        final = FinalTranscript(
            utterance=utterance,
            state=state,
            transcript=Transcript(text=text, engine="fake", final=True) if heard else None,
            error=error,
            queued_ns=now_ns - 90_000_000,
            started_ns=now_ns - 80_000_000,
            finished_ns=now_ns - 10_000_000,
        )
        conversation.heard(Turn(utterance), final)

    return give


@pytest.fixture
def run() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    def run_bounded(coroutine: Coroutine[Any, Any, Any]) -> Any:
        async def bounded() -> Any:
            async with asyncio.timeout(20):
                return await coroutine

        return asyncio.run(bounded())

    return run_bounded


@pytest.fixture
def simulate() -> Callable[[Callable[[], Coroutine[Any, Any, None]]], Capture]:
    """Run a scenario in simulated time; return what was measured. Threads have no time in it."""

    def simulate_on_fake_clock(scenario: Callable[[], Coroutine[Any, Any, None]]) -> Capture:
        clock = FakeClock(monotonic_ns=100_000_000_000)
        with capture_measurements(clock=clock) as captured:
            simulated_run(scenario(), clock)
        return captured

    return simulate_on_fake_clock
