"""Fakes of every port that a conversation speaks to, and a transcript to give it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

import latency_kit
from latency_kit.budget import LatencyBudget
from latency_kit.units import ms_to_ns
from reference_pipeline.conversation import Conversation, Stages, TurnBudgets
from reference_pipeline.decision import Decider
from reference_pipeline.events import (
    AnswerChunk,
    DisplayMessage,
    DisplayReceipt,
    Provider,
    Question,
    TermExplanation,
    Transcript,
    Utterance,
)
from reference_pipeline.questions.detector import RuleQuestionDetector
from reference_pipeline.settings import ConversationSettings
from reference_pipeline.transcription.deduplication import Deduplicator
from reference_pipeline.transcription.segmentation import Segmenter
from reference_pipeline.transcription.worker import FinalState, FinalTranscript
from reference_pipeline.turn import Turn, TurnRecord


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
    """Answers with the pieces it is given, once `released`; raises an error among them."""

    provider = Provider.NOTES

    def __init__(self) -> None:
        self.pieces: list[str | Exception] = ["It is ", "a lock."]
        self.released = asyncio.Event()
        self.released.set()
        self.asked: list[str] = []
        self.on_asked: Callable[[], None] = lambda: None

    async def available(self) -> bool:
        return True

    async def answer(self, question: Question) -> AsyncIterator[AnswerChunk]:
        self.asked.append(question.normalised)
        self.on_asked()
        await self.released.wait()
        for number, piece in enumerate(self.pieces, 1):
            if isinstance(piece, Exception):
                raise piece
            yield AnswerChunk(
                text=piece, provider=self.provider, source="locks", last=number == len(self.pieces)
            )

    async def close(self) -> None: ...


class FakeExplainer:
    def explain(self, question: Question) -> Sequence[TermExplanation]:
        return [TermExplanation(term="mutex", explanation="a lock")] if "mutex" in question.text else []


@pytest.fixture
def stage() -> Callable[..., SimpleNamespace]:
    """Make a conversation over fakes; must be called inside a running event loop."""

    def make(*, limit_ms: float = 4000, **settings: Any) -> SimpleNamespace:
        records: list[TurnRecord] = []
        display, answerer = FakeDisplay(), FakeAnswerer()
        conversation = Conversation(
            Stages(
                decider=Decider(Segmenter(), RuleQuestionDetector(), Deduplicator()),
                answerer=answerer,
                explainer=FakeExplainer(),
                display=display,
            ),
            settings=ConversationSettings(**settings),
            budgets=TurnBudgets(
                end_to_end=LatencyBudget(
                    name="end_to_end", component="turn", operation="end_to_end", limit_ns=ms_to_ns(limit_ms)
                ),
                terms=LatencyBudget(
                    name="terms", component="answering", operation="explain_terms", limit_ns=ms_to_ns(200)
                ),
            ),
            on_turn=records.append,
        )
        return SimpleNamespace(conversation=conversation, records=records, display=display, answerer=answerer)

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
