"""What the display is told of an answer, and what a turn's record keeps of it."""

from collections.abc import Callable
from typing import Any

from latency_kit.testing import capture_measurements
from reference_pipeline.events import AnswerChunk, AnswerCost, MessageKind, Provider, TermExplanation
from reference_pipeline.shedding import Step

Fixture = Callable[..., Any]
QUESTION = "what is a mutex"
COST = AnswerCost(requests=2, wasted_requests=1, prompt_tokens=300, answer_tokens=40, busy_ns=5_000_000)


def piece(text: str, **more: Any) -> AnswerChunk:
    who: dict[str, Any] = {"provider": Provider.OLLAMA_CLOUD, "source": "m", "last": False}
    return AnswerChunk(text=text, **(who | more))


DRAFT = piece("A note.", provider=Provider.NOTES, source="locks", draft=True)
WHOLE = [DRAFT, piece("It ", restart=True), piece("is.", last=True, cost=COST)]


def answer_messages(on: Any) -> list[Any]:
    return [message for message in on.display.messages if message.kind is MessageKind.ANSWER]


def test_a_draft_is_shown_as_one_and_is_no_part_of_the_answer(
    run: Fixture, stage: Fixture, hear: Fixture
) -> None:
    async def scenario() -> None:
        on = stage()
        on.answerer.pieces = WHOLE
        hear(on.conversation, QUESTION)
        await on.conversation.finish(5)
        (record,) = on.records
        assert (record.answer, record.answered_by) == ("It is.", "ollama-cloud")
        assert record.answering.drafted
        told = [(one.text, one.data["draft"], one.data["restart"], one.last) for one in answer_messages(on)]
        assert told == [
            ("A note.", True, False, False),
            ("It ", False, True, False),
            ("is.", False, False, True),
        ]

    run(scenario())


def test_the_first_text_the_first_of_the_answer_and_the_first_of_a_model_are_told_apart(
    run: Fixture, stage: Fixture, hear: Fixture
) -> None:
    async def scenario() -> None:
        on = stage()
        on.answerer.pieces = WHOLE
        with capture_measurements() as captured:
            hear(on.conversation, QUESTION)
            await on.conversation.finish(5)
        points = on.records[0].points_ns
        assert points["first_text"] < points["first_token"] <= points["first_model_token"]
        assert points["first_text_painted"] < points["first_answer_painted"]
        for name in ("first_text_painted", "first_answer_painted", "first_model_token"):
            (measured,) = captured.named(f"turn.{name}")
            assert measured.end_ns - measured.start_ns == points[name]
        data = on.display.messages[-1].data
        assert data["first_text_ms"] < data["first_answer_ms"]
        assert data["first_model_token_ms"] == answer_messages(on)[-1].data["first_model_token_ms"]

    run(scenario())


def test_notes_are_no_model(run: Fixture, stage: Fixture, hear: Fixture) -> None:
    async def scenario() -> None:
        on = stage()
        hear(on.conversation, QUESTION)
        await on.conversation.finish(5)
        assert "first_model_token" not in on.records[0].points_ns
        assert "first_model_token_ms" not in on.display.messages[-1].data

    run(scenario())


def test_cost_and_cuts_are_on_the_record_and_on_the_last_messages(
    run: Fixture, stage: Fixture, hear: Fixture
) -> None:
    async def scenario() -> None:
        on = stage()
        on.answerer.pieces = [piece("half ...", last=True, cut=True, cost=COST), piece("", cost=COST + COST)]
        hear(on.conversation, QUESTION)
        await on.conversation.finish(5)
        (record,) = on.records
        assert record.answering.cut
        assert record.answering.cost == COST + COST
        (message,) = answer_messages(on)
        assert message.data["cut"] is True
        assert message.data["cost"]["requests"] == 2
        turn = on.display.messages[-1].data
        assert (turn["cut"], turn["cached"]) == (True, False)
        assert turn["cost"] == {
            "requests": 4,
            "wasted_requests": 2,
            "prompt_tokens": 600,
            "answer_tokens": 80,
            "wasted_tokens": 0,
            "busy_ms": 10.0,
        }

    run(scenario())


def test_an_answer_that_was_shortened_says_so_on_its_message_the_turns_and_the_record(
    run: Fixture, stage: Fixture, hear: Fixture
) -> None:
    async def scenario() -> None:
        on = stage()
        on.answerer.pieces = [piece("It is."), piece("", last=True, shortened=True)]
        hear(on.conversation, QUESTION)
        await on.conversation.finish(5)
        assert (on.records[0].answering.shortened, on.records[0].answering.cut) == (True, False)
        last = answer_messages(on)[-1].data
        assert (last["shortened"], last["cut"]) == (True, False)
        assert on.display.messages[-1].data["shortened"] is True

    run(scenario())


def test_a_cached_answer_is_shown_as_one(run: Fixture, stage: Fixture, hear: Fixture) -> None:
    async def scenario() -> None:
        on = stage()
        on.answerer.pieces = [piece("again", last=True, cached=True)]
        hear(on.conversation, QUESTION)
        await on.conversation.finish(5)
        assert on.records[0].answering.cached
        assert answer_messages(on)[0].data["cached"] is True
        assert "first_model_token" not in on.records[0].points_ns

    run(scenario())


def test_terms_of_the_model_come_after_the_answer_add_to_the_glossary_and_are_learnt(
    run: Fixture, stage: Fixture, hear: Fixture
) -> None:
    known = TermExplanation(term="Mutex", explanation="a model's word", origin="model")
    new = TermExplanation(term="futex", explanation="a fast one", origin="model")

    async def scenario() -> None:
        on = stage()
        on.answerer.pieces = [piece("It is.", last=True), piece("", terms=(known, new))]
        hear(on.conversation, QUESTION)
        await on.conversation.finish(5)
        terms = [one.data["terms"] for one in on.display.messages if one.kind is MessageKind.TERMS]
        assert terms == [
            [{"term": "mutex", "explanation": "a lock", "origin": "glossary"}],
            [{"term": "futex", "explanation": "a fast one", "origin": "model"}],
        ]
        assert on.explainer.learned == [new]

    run(scenario())


def test_a_tail_that_never_ends_holds_the_turn_up_no_longer_than_allowed(
    run: Fixture, stage: Fixture, hear: Fixture
) -> None:
    async def scenario() -> None:
        on = stage(explain_limit_ns=20_000_000)
        on.answerer.pieces = [piece("It is.", last=True)]
        answer = on.answerer.answer

        async def endless(question: Any) -> Any:
            async for chunk in answer(question):
                yield chunk
            on.answerer.released.clear()
            await on.answerer.released.wait()

        on.answerer.answer = endless
        hear(on.conversation, QUESTION)
        await on.conversation.finish(5)
        assert on.records[0].answer == "It is."

    run(scenario())


def test_what_is_shed_is_on_the_record_and_the_message(run: Fixture, stage: Fixture, hear: Fixture) -> None:
    async def scenario() -> None:
        on = stage()
        on.shedding.press(0.8)
        on.conversation.heard_interim("what is")
        hear(on.conversation, QUESTION)
        await on.conversation.finish(5)
        shed = ("speculation", "interim text", "encoder window", "terms")
        assert on.records[0].answering.shed == shed
        assert on.display.messages[-1].data["shed"] == list(shed)
        kinds = {message.kind for message in on.display.messages}
        assert not kinds & {MessageKind.TERMS, MessageKind.INTERIM}

    run(scenario())


def test_a_turn_that_is_late_sheds_by_itself(run: Fixture, stage: Fixture, hear: Fixture) -> None:
    async def scenario() -> None:
        on = stage(limit_ms=700)
        hear(on.conversation, QUESTION)
        await on.conversation.finish(5)
        assert Step.TERMS.value in on.records[0].answering.shed

    run(scenario())


def test_each_turn_is_held_against_the_budgets_that_it_can_be(
    run: Fixture, stage: Fixture, hear: Fixture
) -> None:
    async def scenario() -> None:
        on = stage()
        hear(on.conversation, QUESTION)
        await on.conversation.finish(5)
        wait, answer = on.display.messages[-1].data["budgets"]
        assert wait == {
            "name": "wait",
            "measured": "capture.endpoint_wait",
            "limit_ms": 200.0,
            "observed_ms": 210.0,
            "met": False,
        }
        assert (answer["name"], answer["met"]) == ("answer", True)

    run(scenario())


def test_interim_text_says_how_much_of_it_is_stable(run: Fixture, stage: Fixture) -> None:
    async def scenario() -> None:
        on = stage()
        on.conversation.heard_interim("what is", 7)
        on.conversation.heard_interim("what is amused")
        await on.conversation.finish(5)
        told = [(message.kind, message.text, message.data) for message in on.display.messages]
        assert told == [
            (MessageKind.INTERIM, "what is", {"stable": 7}),
            (MessageKind.INTERIM, "what is amused", {"stable": 0}),
        ]

    run(scenario())
