"""Requests that begin before the question is certain: when, how many, and what becomes of them."""

import asyncio
from collections.abc import Callable
from typing import Any

from reference_pipeline.events import AnswerCost, MessageKind
from reference_pipeline.shedding import Step

Fixture = Callable[..., Any]
QUESTION = "what is a mutex"


def states(on: Any) -> list[str]:
    return [begun.state for begun in on.answerer.begun]


def test_it_begins_on_text_that_already_asks_and_is_adopted_when_that_is_what_was_said(
    run: Fixture, stage: Fixture, hear: Fixture
) -> None:
    async def scenario() -> None:
        on = stage()
        on.conversation.heard_provisional(1, "well so")
        assert on.answerer.begun == []
        on.conversation.heard_provisional(1, QUESTION)
        on.conversation.heard_provisional(1, QUESTION)
        assert states(on) == ["running"]
        hear(on.conversation, "What is a mutex?")
        await on.conversation.finish(5)
        (record,) = on.records
        assert record.answer == "It is a lock."
        assert on.answerer.asked == [QUESTION]
        answering = record.answering
        assert (answering.speculations_started, answering.speculations_adopted) == (1, 1)
        assert states(on) == ["adopted"]
        shown = [message for message in on.display.messages if message.kind is MessageKind.ANSWER]
        assert all(message.data["speculative"] for message in shown)
        assert on.display.messages[-1].data["speculation"] == {"started": 1, "adopted": 1}

    run(scenario())


def test_it_is_given_up_when_something_else_was_said_and_its_cost_is_counted(
    run: Fixture, stage: Fixture, hear: Fixture
) -> None:
    async def scenario() -> None:
        on = stage()
        on.conversation.heard_provisional(1, QUESTION)
        hear(on.conversation, "what is a mutex used for")
        await on.conversation.finish(5)
        (record,) = on.records
        assert states(on) == ["given up"]
        assert (record.answering.speculations_started, record.answering.speculations_adopted) == (1, 0)
        assert record.answering.cost == AnswerCost(
            requests=1, wasted_requests=1, answer_tokens=7, wasted_tokens=7
        )
        assert on.display.messages[-1].data["cost"]["wasted_tokens"] == 7

    run(scenario())


def test_it_is_given_up_as_soon_as_the_text_asks_something_else(run: Fixture, stage: Fixture) -> None:
    async def scenario() -> None:
        on = stage()
        on.conversation.heard_provisional(1, QUESTION)
        on.conversation.heard_provisional(1, "what is a mutex used for")
        assert states(on) == ["given up", "running"]
        await on.conversation.finish(0)
        assert states(on) == ["given up", "given up"]

    run(scenario())


def test_at_most_two_begin_for_an_utterance(run: Fixture, stage: Fixture, hear: Fixture) -> None:
    async def scenario() -> None:
        on = stage()
        for end in ("mutex", "mutex lock", "mutex lock good for", "mutex lock not"):
            on.conversation.heard_provisional(1, f"what is a {end}")
        assert len(on.answerer.begun) == 2
        hear(on.conversation, "what is a mutex lock not")
        await on.conversation.finish(5)
        assert on.records[0].answering.speculations_started == 2
        on.conversation.heard_provisional(2, "how do you test")
        assert len(on.answerer.begun) == 3
        await on.conversation.finish(0)

    run(scenario())


def test_what_turns_out_to_be_no_utterance_costs_no_more(run: Fixture, stage: Fixture) -> None:
    async def scenario() -> None:
        on = stage()
        on.conversation.heard_provisional(1, QUESTION)
        on.conversation.speech_discarded(1)
        on.conversation.speech_discarded(7)
        assert states(on) == ["given up"]
        await on.conversation.finish(0)

    run(scenario())


def test_the_cost_of_what_became_no_utterance_is_on_the_next_record_once(
    run: Fixture, stage: Fixture, hear: Fixture
) -> None:
    async def scenario() -> None:
        on = stage(speculations=1)
        for key in range(5):  # the oldest of five is forgotten
            on.conversation.heard_provisional(key, QUESTION)
        on.conversation.speech_discarded(4)
        hear(on.conversation, "we are a small team", number=9)
        await on.conversation.finish(5)
        hear(on.conversation, "it was a long project", number=10)
        await on.conversation.finish(5)
        first, second = (record.answering for record in on.records)
        assert (first.cost.wasted_requests, first.cost.wasted_tokens) == (2, 14)
        assert first.speculations_started == 0

        # What is given up at the end, after the last record, is told apart.
        assert second.cost.requests + on.conversation.unclaimed_cost.requests == 3

    run(scenario())


def test_utterances_whose_final_text_never_comes_are_forgotten(run: Fixture, stage: Fixture) -> None:
    async def scenario() -> None:
        on = stage()
        for key in range(6):
            on.conversation.heard_provisional(key, QUESTION)
        assert states(on) == ["given up", "given up", "running", "running", "running", "running"]
        await on.conversation.finish(0)

    run(scenario())


def test_several_questions_of_one_breath_begin_each(run: Fixture, stage: Fixture, hear: Fixture) -> None:
    async def scenario() -> None:
        on = stage()
        both = "What is a mutex? How does a semaphore work?"
        on.conversation.heard_provisional(1, both)
        hear(on.conversation, both)
        await on.conversation.finish(5)
        assert states(on) == ["adopted", "adopted"]
        assert len(on.answerer.asked) == 2

    run(scenario())


def test_nothing_begins_under_load_or_while_others_are_answered(
    run: Fixture, stage: Fixture, hear: Fixture
) -> None:
    async def scenario() -> None:
        on = stage(answers_at_once=1)
        on.shedding.press(0.5)
        assert Step.SPECULATION in on.shedding.pressed
        on.conversation.heard_provisional(1, QUESTION)
        on.shedding.press(0)
        on.answerer.released.clear()
        hear(on.conversation, "how do you test", number=2)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        on.conversation.heard_provisional(3, QUESTION)
        assert on.answerer.begun == []
        on.answerer.released.set()
        await on.conversation.finish(5)

    run(scenario())


def test_it_can_be_switched_off(run: Fixture, stage: Fixture) -> None:
    async def scenario() -> None:
        on = stage(speculations=0)
        on.conversation.heard_provisional(1, QUESTION)
        assert on.answerer.begun == []

    run(scenario())


def test_foreseeing_a_text_leaves_nothing_behind(run: Fixture, stage: Fixture, hear: Fixture) -> None:
    async def scenario() -> None:
        on = stage()
        on.conversation.heard_provisional(1, "and how would you")
        hear(on.conversation, QUESTION, number=2)
        await on.conversation.finish(5)
        assert on.answerer.asked == [QUESTION]

    run(scenario())
