"""Every transcript becomes exactly one record, whatever happens to it on its way."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import latency_kit
from latency_kit import Outcome
from latency_kit.testing import capture_measurements
from reference_pipeline.events import AnswerChunk, MessageKind, Provider, TurnStatus
from reference_pipeline.ports import AnswererError
from reference_pipeline.transcription.worker import FinalState

Fixture = Callable[..., Any]
QUESTION = "what is a mutex"


def _piece(text: str, *, source: str = "m", cut: bool = False) -> AnswerChunk:
    return AnswerChunk(text=text, provider=Provider.OLLAMA_CLOUD, source=source, last=True, cut=cut)


def test_a_question_is_answered_and_shown_in_order(run: Fixture, stage: Fixture, hear: Fixture) -> None:
    async def scenario() -> None:
        on = stage()
        hear(on.conversation, QUESTION)
        await on.conversation.finish(5)
        (record,) = on.records
        assert (record.status, record.answer, record.answer_source) == (
            TurnStatus.ANSWERED,
            "It is a lock.",
            "locks",
        )
        shown = [message.kind for message in on.display.messages if message.kind is not MessageKind.TERMS]
        assert shown == [
            MessageKind.TRANSCRIPT,
            MessageKind.QUESTION,
            MessageKind.ANSWER,
            MessageKind.ANSWER,
            MessageKind.TURN,
        ]
        (terms,) = [message for message in on.display.messages if message.kind is MessageKind.TERMS]
        assert terms.data == {"terms": [{"term": "mutex", "explanation": "a lock", "origin": "glossary"}]}

    run(scenario())


def test_the_monitoring_points_are_passed_in_order_and_the_account_adds_up(
    run: Fixture, stage: Fixture, hear: Fixture
) -> None:
    async def scenario() -> None:
        on = stage()
        hear(on.conversation, QUESTION)
        await on.conversation.finish(5)
        (record,) = on.records
        assert list(record.points_ns) == [
            "capture_start",
            "end_of_speech",
            "endpoint_decided",
            "transcription_complete",
            "question_detected",
            "request_sent",
            "first_text",
            "first_token",
            "response_received",
            "first_text_painted",
            "first_answer_painted",
            "displayed",
        ]
        assert list(record.points_ns.values()) == sorted(record.points_ns.values())
        account = record.account
        assert sum(account.stages_ns.values()) + account.rest_ns == account.end_to_end_ns
        assert account.stages_ns["capture.endpoint_wait"] == 210_000_000
        assert account.stages_ns["transcription.queue_wait"] >= 10_000_000
        assert account.stages_ns["transcription.finalise"] == 70_000_000

    run(scenario())


def test_a_statement_is_shown_and_not_answered(run: Fixture, stage: Fixture, hear: Fixture) -> None:
    async def scenario() -> None:
        on = stage()
        with capture_measurements() as captured:
            hear(on.conversation, "we had three weeks to finish the work")
            await on.conversation.finish(5)
        (record,) = on.records
        assert (record.status, record.answer, on.answerer.asked) == (TurnStatus.NO_QUESTION, "", [])
        # A statement is no turn that asks: it stays out of the end-to-end series.
        assert captured.named("turn.end_to_end") == ()
        assert len(captured.named("turn.no_question")) == 1

    run(scenario())


def test_a_question_asked_again_is_not_answered_again(run: Fixture, stage: Fixture, hear: Fixture) -> None:
    async def scenario() -> None:
        on = stage()
        hear(on.conversation, QUESTION, number=1)
        hear(on.conversation, QUESTION, number=2)
        await on.conversation.finish(5)
        assert [record.status for record in on.records if record.number == 2] == [TurnStatus.DUPLICATE]
        assert len(on.answerer.asked) == 1

    run(scenario())


@pytest.mark.parametrize(
    ("pieces", "first"),
    [
        (["It is ", AnswererError("nobody")], TurnStatus.FAILED),
        ([_piece("half ...", cut=True)], TurnStatus.ANSWERED),
        ([_piece("Nothing found.", source="")], TurnStatus.ANSWERED),
    ],
)
def test_a_question_that_was_not_answered_whole_from_a_source_is_answered_when_it_is_asked_again(
    run: Fixture, stage: Fixture, hear: Fixture, pieces: list[Any], first: TurnStatus
) -> None:
    async def scenario() -> None:
        on = stage()
        whole, on.answerer.pieces = on.answerer.pieces, pieces
        hear(on.conversation, QUESTION, number=1)
        await on.conversation.finish(5)
        on.answerer.pieces = whole
        hear(on.conversation, QUESTION, number=2)
        await on.conversation.finish(5)
        hear(on.conversation, QUESTION, number=3)
        await on.conversation.finish(5)
        assert [record.status for record in on.records] == [
            first,
            TurnStatus.ANSWERED,
            TurnStatus.DUPLICATE,
        ]
        assert on.records[1].answer == "It is a lock."

    run(scenario())


def test_questions_that_were_dropped_or_timed_out_are_answered_when_they_are_asked_again(
    simulate: Fixture, stage: Fixture, hear: Fixture
) -> None:
    questions = [QUESTION, "how do you test", "why do you like python"]

    async def scenario() -> None:
        on = stage(answers_at_once=1, answers_waiting=1, turn_limit_ns=5_000_000_000)
        on.shedding.press(0.8)  # no thread explains terms: simulated time does not wait for one
        on.answerer.released.clear()
        for number, text in enumerate(questions, 1):
            hear(on.conversation, text, number=number)
        await asyncio.sleep(6)
        on.answerer.released.set()
        for number, text in enumerate(questions, 4):
            hear(on.conversation, text, number=number)
            await asyncio.sleep(1)
        await on.conversation.finish(5)
        ends = [record.status for record in sorted(on.records, key=lambda record: record.number)]
        assert ends[:3] == [TurnStatus.TIMED_OUT, TurnStatus.TIMED_OUT, TurnStatus.DROPPED]
        assert ends[3:] == [TurnStatus.ANSWERED] * 3

    simulate(scenario)


def test_several_questions_in_one_turn_are_each_answered_once(
    run: Fixture, stage: Fixture, hear: Fixture
) -> None:
    async def scenario() -> None:
        on = stage()
        hear(on.conversation, "What is a mutex? How does a semaphore work?")
        await on.conversation.finish(5)
        assert len(on.answerer.asked) == 2
        assert on.records[0].answer == "It is a lock.\n\nIt is a lock."

    run(scenario())


def test_questions_beyond_the_bound_are_dropped_and_counted(
    run: Fixture, stage: Fixture, hear: Fixture
) -> None:
    questions = ["what is a mutex", "how do you test", "why do you like python", "who was your best mentor"]

    async def scenario() -> None:
        on = stage(answers_at_once=1, answers_waiting=1)
        on.answerer.released.clear()
        for number, text in enumerate(questions, 1):
            hear(on.conversation, text, number=number)
        for _ in range(100):
            await asyncio.sleep(0)
        assert [record.status for record in on.records] == [TurnStatus.DROPPED, TurnStatus.DROPPED]
        on.answerer.released.set()
        await on.conversation.finish(5)
        assert sorted(record.number for record in on.records) == [1, 2, 3, 4]

    run(scenario())


def test_a_turn_that_takes_too_long_ends_as_timed_out_and_stays_in_the_denominator(
    run: Fixture, stage: Fixture, hear: Fixture
) -> None:
    async def scenario() -> None:
        on = stage(turn_limit_ns=20_000_000)
        on.answerer.released.clear()
        with capture_measurements() as captured:
            hear(on.conversation, QUESTION)
            await on.conversation.finish(5)
        assert [record.status for record in on.records] == [TurnStatus.TIMED_OUT]
        assert [measured.outcome for measured in captured.named("turn.end_to_end")] == [Outcome.TIMED_OUT]

    run(scenario())


def test_a_session_that_ends_cancels_what_still_runs(run: Fixture, stage: Fixture, hear: Fixture) -> None:
    async def scenario() -> None:
        on = stage()
        on.answerer.released.clear()
        hear(on.conversation, QUESTION)
        await asyncio.sleep(0)
        await on.conversation.finish(0)
        assert [record.status for record in on.records] == [TurnStatus.CANCELLED]

    run(scenario())


@pytest.mark.parametrize("failure", [AnswererError("nobody answered"), RuntimeError("a bug")])
def test_an_answer_that_fails_ends_its_turn_and_not_the_conversation(
    run: Fixture, stage: Fixture, hear: Fixture, failure: Exception
) -> None:
    async def scenario() -> None:
        on = stage()
        on.answerer.pieces = ["It is ", failure]
        hear(on.conversation, QUESTION)
        await on.conversation.finish(5)
        on.answerer.pieces = ["fine"]
        hear(on.conversation, "how do you test", number=2)
        await on.conversation.finish(5)
        assert [record.status for record in on.records] == [TurnStatus.FAILED, TurnStatus.ANSWERED]
        assert on.records[0].detail == str(failure)

    run(scenario())


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (FinalState.DROPPED, TurnStatus.DROPPED),
        (FinalState.CANCELLED, TurnStatus.CANCELLED),
        (FinalState.FAILED, TurnStatus.FAILED),
    ],
)
def test_an_utterance_that_was_not_transcribed_is_counted_as_what_it_is(
    run: Fixture, stage: Fixture, hear: Fixture, state: FinalState, status: TurnStatus
) -> None:
    async def scenario() -> None:
        on = stage()
        error = RuntimeError("engine") if state is FinalState.FAILED else None
        hear(on.conversation, "", state=state, error=error)
        await on.conversation.finish(5)
        assert [record.status for record in on.records] == [status]

    run(scenario())


def test_an_utterance_of_which_nothing_was_understood_asks_nothing(
    run: Fixture, stage: Fixture, hear: Fixture
) -> None:
    async def scenario() -> None:
        on = stage()
        hear(on.conversation, "")
        await on.conversation.finish(5)
        assert [record.status for record in on.records] == [TurnStatus.NO_SPEECH]
        assert not on.records[0].asks

    run(scenario())


def test_a_question_cut_in_two_is_answered_as_one(run: Fixture, stage: Fixture, hear: Fixture) -> None:
    async def scenario() -> None:
        on = stage()
        hear(on.conversation, "so tell me what is the difference between", number=1)
        hear(on.conversation, "a mutex and a semaphore", number=2)
        await on.conversation.finish(5)
        assert on.answerer.asked == ["tell me what is the difference between a mutex and a semaphore"]

    run(scenario())


def test_the_deadline_begins_at_the_end_of_speech_and_reaches_the_answerer(
    run: Fixture, stage: Fixture, hear: Fixture
) -> None:
    left_ms = []

    async def scenario() -> None:
        on = stage(limit_ms=4000)
        on.answerer.on_asked = lambda: left_ms.append(latency_kit.remaining())
        hear(on.conversation, QUESTION)
        await on.conversation.finish(5)

    run(scenario())
    # The transcript came 300 ms after the last voiced sample.
    assert 3000 < left_ms[0] <= 3700


def test_terms_are_left_out_when_they_no_longer_fit(run: Fixture, stage: Fixture, hear: Fixture) -> None:
    async def scenario() -> None:
        on = stage(limit_ms=400)
        hear(on.conversation, QUESTION)
        await on.conversation.finish(5)
        assert on.records[0].status is TurnStatus.ANSWERED
        assert [shown for shown in on.display.messages if shown.kind is MessageKind.TERMS] == []

    run(scenario())
