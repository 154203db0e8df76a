"""Several questions of one turn: answered beside each other, shown one after the other; in simulated time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

import latency_kit
from latency_kit.units import NS_PER_S
from reference_pipeline.events import AnswerChunk, AnswerCost, MessageKind, Provider, Question, TurnStatus
from reference_pipeline.ports import AnswererError

Fixture = Callable[..., Any]
BOTH = "What is a mutex? How does a semaphore work?"
COST = AnswerCost(requests=1, answer_tokens=5)


class SlowAnswerer:
    """A model that speaks after so many seconds and is done half a second later, or fails then."""

    def __init__(self, *first_text_s: float, fails: str = "") -> None:
        self._first_text_s = first_text_s
        self._fails = fails
        self.begun_ns: list[int] = []
        self.left_ms: list[float] = []

    async def answer(self, question: Question) -> AsyncIterator[AnswerChunk]:
        wait_s = self._first_text_s[len(self.begun_ns)]
        self.begun_ns.append(latency_kit.now_ns())
        self.left_ms.append(latency_kit.remaining())
        await asyncio.sleep(wait_s)
        word = question.normalised.split()[3]
        yield AnswerChunk(text=f"{word} ", provider=Provider.OLLAMA_CLOUD, source="m", last=False)
        await asyncio.sleep(0.5)
        if word == self._fails:
            raise AnswererError("the model broke off")
        yield AnswerChunk(text="is.", provider=Provider.OLLAMA_CLOUD, source="m", last=True, cost=COST)


@pytest.fixture
def ask(stage: Fixture, simulate: Fixture, hear: Fixture) -> Fixture:
    """Ask both questions in a turn; return the conversation, and how long it took until the answers stood."""

    def ask_both(answerer: SlowAnswerer) -> Any:
        kept: list[Any] = []

        async def scenario() -> None:
            on = stage()
            on.shedding.press(0.8)  # no thread explains terms: simulated time does not wait for one
            on.answerer.answer = answerer.answer
            hear(on.conversation, BOTH)
            await on.conversation.finish(20)
            kept.append(on)

        captured = simulate(scenario)
        on = kept[0]
        on.made_ns = [one.end_ns - one.start_ns for one in captured.named("answering.answer")]
        return on

    return ask_both


def shown(on: Any) -> list[str]:
    kinds = (MessageKind.QUESTION, MessageKind.ANSWER)
    return [message.text for message in on.display.messages if message.kind in kinds]


def test_all_models_begin_at_once_with_all_of_the_time_that_is_left(ask: Fixture) -> None:
    answerer = SlowAnswerer(1.0, 1.0)
    on = ask(answerer)
    assert answerer.begun_ns[0] == answerer.begun_ns[1]
    assert answerer.left_ms[0] == answerer.left_ms[1] > 3000
    (record,) = on.records
    # 0.3 s until the transcript, 1.5 s for both answers together; one after the other it were 3.3 s.
    assert record.points_ns["displayed"] == pytest.approx(1.8 * NS_PER_S, abs=1e6)
    assert on.made_ns == pytest.approx([1.5 * NS_PER_S] * 2, abs=1e6)
    account = record.account
    assert sum(account.stages_ns.values()) + account.rest_ns == account.end_to_end_ns


@pytest.mark.parametrize("first_text_s", [(1.0, 0.1), (0.1, 1.0)])
def test_they_are_shown_in_the_order_in_which_they_were_asked(
    ask: Fixture, first_text_s: tuple[float, float]
) -> None:
    on = ask(SlowAnswerer(*first_text_s))
    mutex, semaphore = on.records[0].questions
    assert shown(on) == [mutex, "mutex ", "is.", semaphore, "semaphore ", "is."]
    assert on.records[0].answer == "mutex is.\n\nsemaphore is."
    assert on.records[0].answering.cost == COST + COST
    assert on.records[0].points_ns["displayed"] == pytest.approx(1.8 * NS_PER_S, abs=1e6)


@pytest.mark.parametrize("fails", ["mutex", "semaphore"])
def test_one_that_fails_does_not_take_the_other_with_it(ask: Fixture, fails: str) -> None:
    on = ask(SlowAnswerer(0.1, 0.1, fails=fails))
    (record,) = on.records
    assert (record.status, record.detail) == (TurnStatus.FAILED, "the model broke off")
    assert shown(on).count("is.") == 1
    assert record.answering.cost == COST


def test_a_turn_that_ends_while_its_answers_begin_leaves_no_request_behind(
    simulate: Fixture, stage: Fixture, hear: Fixture
) -> None:
    async def scenario() -> None:
        on = stage()
        on.conversation.heard_provisional(1, BOTH)
        decided = iter([()])
        on.shedding.decide = lambda: next(decided)
        hear(on.conversation, BOTH)
        await on.conversation.finish(5)
        assert [begun.state for begun in on.answerer.begun] == ["given up"] * 2
        (record,) = on.records
        assert record.status is TurnStatus.FAILED
        assert record.answering.cost.wasted_requests == 2

    simulate(scenario)
