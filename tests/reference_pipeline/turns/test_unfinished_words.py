"""What an utterance leaves unfinished is answered with its rest, or as it is when none comes (fake time)."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import latency_kit
from reference_pipeline.awaited_rest import REST_BEGINS_WITHIN_NS, AwaitedRest
from reference_pipeline.events import MessageKind, TurnStatus
from reference_pipeline.shedding import Step
from reference_pipeline.transcription.segmentation import DEFAULT_JOIN_WITHIN_NS
from reference_pipeline.transcription.worker import FinalState

Fixture = Callable[..., Any]
UNFINISHED = "what is a mutex and"
T0_BEFORE_S = 0.3
"""How long before its final transcript the fixture lets the last voiced sample be."""


@pytest.fixture
def quiet(stage: Fixture) -> Fixture:
    """Make a conversation without the thread that explains terms, for which simulated time does not wait."""

    def make(**settings: Any) -> Any:
        on = stage(**settings)
        on.shedding.press(0.8)
        assert Step.TERMS in on.shedding.pressed
        return on

    return make


def ends(on: Any) -> list[tuple[int, TurnStatus]]:
    return sorted((record.number, record.status) for record in on.records)


def test_without_a_rest_the_words_are_answered_as_they_are_less_than_a_second_after_the_hold(
    simulate: Fixture, quiet: Fixture, hear: Fixture
) -> None:
    async def scenario() -> None:
        on = quiet()
        hear(on.conversation, UNFINISHED)
        await asyncio.sleep(REST_BEGINS_WITHIN_NS / 1e9 - T0_BEFORE_S - 0.001)
        assert on.answerer.asked == []
        await asyncio.sleep(0.002)
        assert on.answerer.asked == [UNFINISHED]
        await on.conversation.finish(5)
        (record,) = on.records
        assert (record.status, record.questions) == (TurnStatus.ANSWERED, (UNFINISHED,))
        assert (
            0 <= record.points_ns["question_detected"] - REST_BEGINS_WITHIN_NS <= 1000
        )  # a timer is a float
        # What was waited for is a stage of the turn, not a gap in its account.
        waited_ns = REST_BEGINS_WITHIN_NS - round(T0_BEFORE_S * 1e9)
        assert 0 <= record.account.stages_ns["transcription.wait_for_rest"] - waited_ns <= 1000
        shown = [message.kind for message in on.display.messages]
        assert shown.count(MessageKind.TRANSCRIPT) == 1

    captured = simulate(scenario)
    assert len(captured.named("turn.end_to_end")) == 1
    assert REST_BEGINS_WITHIN_NS <= 1_800_000_000


@pytest.mark.parametrize("words", ["how do you", "and how would you", "what is the difference between a"])
def test_a_misheard_last_word_does_not_keep_the_asker_waiting(
    simulate: Fixture, quiet: Fixture, hear: Fixture, words: str
) -> None:
    async def scenario() -> None:
        on = quiet()
        hear(on.conversation, words)
        await asyncio.sleep(2)
        assert len(on.answerer.asked) == 1
        await on.conversation.finish(5)

    simulate(scenario)


def test_a_rest_that_comes_in_time_is_joined_and_nothing_is_answered_twice(
    simulate: Fixture, quiet: Fixture, hear: Fixture
) -> None:
    async def scenario() -> None:
        on = quiet()
        hear(on.conversation, UNFINISHED, number=1)
        await asyncio.sleep(1.2)
        on.conversation.speech_started()
        await asyncio.sleep(3)  # longer than the wait, but somebody speaks
        hear(on.conversation, "how does it work", number=2)
        await asyncio.sleep(20)
        await on.conversation.finish(5)
        assert on.answerer.asked == ["what is a mutex and how does it work"]
        assert ends(on) == [(1, TurnStatus.NO_QUESTION), (2, TurnStatus.ANSWERED)]

    captured = simulate(scenario)
    assert captured.named("transcription.wait_for_rest") == ()


def test_a_noise_after_the_words_puts_the_answer_off_no_longer_than_it_lasts(
    simulate: Fixture, quiet: Fixture, hear: Fixture
) -> None:
    async def scenario() -> None:
        on = quiet()
        hear(on.conversation, UNFINISHED)
        await asyncio.sleep(1)
        on.conversation.speech_started()
        await asyncio.sleep(1)
        assert on.answerer.asked == []
        on.conversation.speech_discarded(2)
        await asyncio.sleep(0.001)
        assert on.answerer.asked == [UNFINISHED]
        await on.conversation.finish(5)

    simulate(scenario)


@pytest.mark.parametrize("state", [FinalState.DROPPED, FinalState.COMPLETE])
def test_an_utterance_that_was_lost_or_has_no_words_is_no_rest(
    simulate: Fixture, quiet: Fixture, hear: Fixture, state: FinalState
) -> None:
    async def scenario() -> None:
        on = quiet()
        hear(on.conversation, UNFINISHED, number=1)
        on.conversation.speech_started()
        await asyncio.sleep(2)
        hear(on.conversation, "", number=2, state=state)
        await asyncio.sleep(0.001)
        assert on.answerer.asked == [UNFINISHED]
        await on.conversation.finish(5)

    simulate(scenario)


def test_talk_without_an_end_puts_the_answer_off_to_the_join_bound_at_most(
    simulate: Fixture, quiet: Fixture, hear: Fixture
) -> None:
    async def scenario() -> None:
        on = quiet()
        hear(on.conversation, UNFINISHED, number=1)
        on.conversation.speech_started()
        await asyncio.sleep(DEFAULT_JOIN_WITHIN_NS / 1e9)
        assert on.answerer.asked == [UNFINISHED]
        hear(on.conversation, "so that was the project", number=2)
        await on.conversation.finish(5)
        assert ends(on) == [(1, TurnStatus.ANSWERED), (2, TurnStatus.NO_QUESTION)]

    simulate(scenario)


def test_the_end_of_a_session_answers_what_is_held(simulate: Fixture, quiet: Fixture, hear: Fixture) -> None:
    async def scenario() -> None:
        on = quiet()
        hear(on.conversation, UNFINISHED)
        ended_ns = latency_kit.now_ns()
        await on.conversation.finish(5)
        assert ends(on) == [(1, TurnStatus.ANSWERED)]
        assert latency_kit.now_ns() - ended_ns < REST_BEGINS_WITHIN_NS // 10

    simulate(scenario)


def test_what_asks_nothing_as_it_is_waits_for_its_rest_and_ends_its_turn_at_once(
    simulate: Fixture, quiet: Fixture, hear: Fixture
) -> None:
    async def scenario() -> None:
        on = quiet()
        hear(on.conversation, "it is a small team and", number=1)
        await asyncio.sleep(0.001)
        assert ends(on) == [(1, TurnStatus.NO_QUESTION)]
        await asyncio.sleep(8)
        hear(on.conversation, "how would you lead it", number=2)
        await on.conversation.finish(5)
        assert on.answerer.asked == ["how would you lead it"]

    simulate(scenario)


def test_a_whole_question_before_the_unfinished_words_is_answered_at_once_and_they_after_it(
    simulate: Fixture, quiet: Fixture, hear: Fixture
) -> None:
    async def scenario() -> None:
        on = quiet()
        hear(on.conversation, "What is a queue? And how would you test the")
        await asyncio.sleep(0.001)
        assert on.answerer.asked == ["what is a queue"]
        await asyncio.sleep(2)
        await on.conversation.finish(5)
        (record,) = on.records
        assert record.questions == ("What is a queue", "how would you test the")
        assert record.answer == "It is a lock.\n\nIt is a lock."

    simulate(scenario)


def test_a_request_begins_while_the_rest_is_waited_for(
    simulate: Fixture, stage: Fixture, hear: Fixture
) -> None:
    async def scenario() -> None:
        on = stage()
        hear(on.conversation, UNFINISHED, number=1)
        await asyncio.sleep(0.1)
        (begun,) = on.answerer.begun
        assert begun.state == "running"
        hear(on.conversation, "a semaphore", number=2)
        await on.conversation.finish(5)
        assert begun.state == "given up"
        assert min(on.records, key=lambda one: one.number).answering.cost.wasted_requests == 1

    simulate(scenario)


def test_the_request_that_began_meanwhile_is_adopted_where_no_rest_comes(
    simulate: Fixture, stage: Fixture, hear: Fixture
) -> None:
    async def scenario() -> None:
        on = stage()
        hear(on.conversation, UNFINISHED)
        await asyncio.sleep(2)
        await on.conversation.finish(5)
        assert [begun.state for begun in on.answerer.begun] == ["adopted"]
        (record,) = on.records
        assert (record.status, record.answering.speculations_adopted) == (TurnStatus.ANSWERED, 1)

    simulate(scenario)


def test_another_wait_ends_the_one_before(simulate: Fixture) -> None:
    async def scenario() -> None:
        rest = AwaitedRest()
        now_ns = latency_kit.now_ns()
        first = rest.begin(begins_by_ns=now_ns + 100, ends_by_ns=now_ns + 200)
        second = rest.begin(begins_by_ns=now_ns + 100, ends_by_ns=now_ns + 200)
        assert (first.done(), second.done()) == (True, False)
        await second
        rest.end()

    simulate(scenario)
