"""What is seen of the providers: the draft, who speaks, and what becomes of one that fails."""

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import latency_kit
from latency_kit.testing import capture_measurements
from reference_pipeline.answering.fallback import STILL_ASKING, FallbackAnswerer
from reference_pipeline.events import AnswerChunk, Provider, Question
from reference_pipeline.settings import AnswerTimes
from reference_pipeline.shedding import Step, shedding_steps

MS = 1_000_000
SOON = AnswerTimes(first_text_ns=20 * MS, ending_ns=20_000 * MS, deadline_ns=20_000 * MS)
"""Models that have not spoken after 20 ms are joined by the notes."""

CLOUD, LOCAL, NOTES = Provider.OLLAMA_CLOUD, Provider.OLLAMA_LOCAL, Provider.NOTES


@pytest.fixture
def question(ask: Callable[[str], Question]) -> Question:
    return ask("what is a memory leak")


def heard(
    answerer: FallbackAnswerer, question: Question, times: AnswerTimes | None = None
) -> list[AnswerChunk]:
    async def go() -> list[AnswerChunk]:
        try:
            if times is None:
                return [chunk async for chunk in answerer.answer(question)]
            with latency_kit.deadline(times.deadline_ns / MS):
                return [chunk async for chunk in answerer.answer(question)]
        finally:
            await answerer.close()

    return asyncio.run(go())


def told(chunks: list[AnswerChunk]) -> list[tuple[str, Provider]]:
    """What was said by whom, from the last restart on."""
    texts: list[tuple[str, Provider]] = []
    for chunk in chunks:
        texts = [] if chunk.restart else texts
        texts += [(chunk.text, chunk.provider)] if chunk.text else []
    return texts


def test_the_note_is_a_draft_at_once_and_the_models_text_replaces_it(
    question: Question, providers: ModuleType
) -> None:
    first, notes = providers.cloud(), providers.Notes()
    chunks = heard(FallbackAnswerer(providers.guarded(first), notes), question)
    assert [(chunk.text, chunk.provider, chunk.draft, chunk.restart, chunk.last) for chunk in chunks] == [
        ("a note", NOTES, True, False, False),
        ("one ", CLOUD, False, True, False),
        ("two", CLOUD, False, False, True),
        ("", CLOUD, False, False, False),
    ]
    assert notes.asked == 0


def test_without_models_the_note_is_the_answer_and_no_draft(
    question: Question, providers: ModuleType
) -> None:
    (chunk,) = heard(FallbackAnswerer([], providers.Notes()), question)
    assert (chunk.text, chunk.last, chunk.draft, chunk.notice) == ("a note", True, False, "")


def test_without_a_note_there_is_no_draft(question: Question, providers: ModuleType) -> None:
    chunks = heard(FallbackAnswerer(providers.guarded(providers.cloud()), providers.Notes(None)), question)
    assert [chunk.text for chunk in chunks] == ["one ", "two", ""]
    assert not any(chunk.draft or chunk.restart for chunk in chunks)


def test_a_provider_that_is_left_out_is_not_asked(question: Question, providers: ModuleType) -> None:
    first, second = providers.cloud(), providers.local()
    models = providers.guarded(first, second)
    models[0].breaker.open("down")
    chunks = heard(FallbackAnswerer(models, providers.Notes()), question)
    assert told(chunks) == [("one ", LOCAL), ("two", LOCAL)]
    assert first.asked == 0


def test_a_provider_that_fails_before_its_first_text_leaves_no_trace_but_a_notice(
    question: Question, providers: ModuleType
) -> None:
    failing = providers.guarded(providers.cloud(texts=(), failure="cloud is down"), providers.local())
    chunks = heard(FallbackAnswerer(failing, providers.Notes(None)), question)
    assert told(chunks) == [("one ", LOCAL), ("two", LOCAL)]
    assert not any(chunk.restart for chunk in chunks)
    assert [chunk.notice for chunk in chunks] == ["cloud is down", "", ""]


def test_when_all_models_fail_the_note_is_the_answer_and_says_why(
    question: Question, providers: ModuleType
) -> None:
    failing = providers.guarded(
        providers.cloud(texts=(), failure="cloud is down"), providers.local(texts=(), failure="no slot")
    )
    chunks = heard(FallbackAnswerer(failing, providers.Notes()), question)
    assert told(chunks) == [("a note", NOTES)]
    assert [chunk.notice for chunk in chunks if chunk.notice] == ["cloud is down; no slot"]
    assert chunks[1].restart
    assert chunks[1].last


def test_a_provider_that_dies_half_way_is_replaced_and_the_restart_is_marked_once(
    question: Question, providers: ModuleType
) -> None:
    failing = providers.guarded(
        providers.cloud(texts=("half",), failure="cloud was cut"),
        providers.local(texts=("bit",), failure="local was cut"),
    )
    chunks = heard(FallbackAnswerer(failing, providers.Notes()), question)
    assert [(chunk.text, chunk.restart, chunk.notice) for chunk in chunks[1:4]] == [
        ("half", True, ""),
        ("bit", True, "cloud was cut"),
        ("a note", True, "local was cut"),
    ]
    assert [chunk.last for chunk in chunks] == [False, False, False, True, False]


def test_a_half_that_nobody_finishes_is_marked_as_cut(question: Question, providers: ModuleType) -> None:
    dying = providers.guarded(providers.cloud(texts=("half",), failure="cloud was cut"))
    chunks = heard(FallbackAnswerer(dying, providers.Notes(None)), question)
    assert told(chunks) == [("half", CLOUD), (" ...", CLOUD)]
    assert [(chunk.last, chunk.cut) for chunk in chunks] == [(False, False), (True, True), (False, False)]
    assert chunks[1].notice == "cloud was cut"


def test_a_stream_that_ends_without_its_last_piece_is_not_passed_off_as_whole(
    question: Question, providers: ModuleType
) -> None:
    chunks = heard(
        FallbackAnswerer(providers.guarded(providers.cloud(ends=False)), providers.Notes()), question
    )
    assert told(chunks) == [("a note", NOTES)]


def test_a_silent_provider_gets_the_next_one_beside_it_and_is_given_up_when_that_speaks(
    question: Question, providers: ModuleType
) -> None:
    first, second = providers.cloud(texts=(), stalls=True), providers.local()
    models = providers.guarded(first, second, first_token_s=0.01)
    with capture_measurements() as captured:
        chunks = heard(FallbackAnswerer(models, providers.Notes()), question)
    assert told(chunks) == [("one ", LOCAL), ("two", LOCAL)]
    assert first.left
    assert chunks[1].notice == "ollama-cloud was silent for too long"
    assert len(captured.named("answering.first_token")) == 1


def test_a_provider_that_speaks_in_time_is_not_raced(question: Question, providers: ModuleType) -> None:
    first, second = providers.cloud(), providers.local()
    heard(FallbackAnswerer(providers.guarded(first, second), providers.Notes()), question)
    assert second.asked == 0


def test_the_silent_one_may_still_win_when_the_one_beside_it_fails(
    question: Question, providers: ModuleType
) -> None:
    async def go() -> list[AnswerChunk]:
        late = providers.cloud(texts=("late",), released=asyncio.Event())
        failing = providers.local(texts=(), failure="down")
        models = providers.guarded(late, failing, first_token_s=0.01)
        chunks = []
        async for chunk in FallbackAnswerer(models, providers.Notes()).answer(question):
            chunks.append(chunk)
            asyncio.get_running_loop().call_later(0.05, late.released.set)
        return chunks

    assert told(asyncio.run(go())) == [("late", CLOUD)]


def test_the_note_is_the_answer_when_no_model_has_spoken_in_time(
    question: Question, providers: ModuleType
) -> None:
    silent = providers.cloud(texts=(), stalls=True)
    chunks = heard(FallbackAnswerer(providers.guarded(silent), providers.Notes(), times=SOON), question, SOON)
    assert told(chunks) == [("a note", NOTES)]
    assert (chunks[1].restart, chunks[1].last) == (True, True)
    assert silent.left


def test_where_no_note_fits_a_draft_says_so_and_the_model_has_its_time(
    question: Question, providers: ModuleType
) -> None:
    async def go() -> list[AnswerChunk]:
        late = providers.cloud(texts=("late",), released=asyncio.Event())
        answerer = FallbackAnswerer(providers.guarded(late), providers.Notes(None), times=SOON)
        chunks = []
        with latency_kit.deadline(SOON.deadline_ns / MS):
            async for chunk in answerer.answer(question):
                chunks.append(chunk)
                late.released.set()
        return chunks

    chunks = asyncio.run(go())
    assert [(chunk.text, chunk.draft, chunk.restart) for chunk in chunks] == [
        (STILL_ASKING, True, False),
        ("late", False, True),
        ("", False, False),
    ]


def test_where_neither_notes_nor_models_know_anything_the_question_is_still_answered(
    question: Question, providers: ModuleType
) -> None:
    times = AnswerTimes(first_text_ns=20 * MS, ending_ns=180 * MS, deadline_ns=180 * MS)
    silent = providers.guarded(providers.cloud(texts=(), stalls=True))
    chunks = heard(FallbackAnswerer(silent, providers.Notes(None), times=times), question, times)
    assert told(chunks) == [("nothing", NOTES)]


@pytest.mark.parametrize("models", [0, 1])
def test_when_the_time_is_over_already_the_notes_speak_at_once_and_announce_nothing(
    models: int, question: Question, providers: ModuleType
) -> None:
    asked = providers.guarded(*[providers.cloud(texts=(), stalls=True)] * models)
    late = AnswerTimes(first_text_ns=1, ending_ns=2, deadline_ns=3)
    chunks = heard(FallbackAnswerer(asked, providers.Notes(None), times=SOON), question, late)
    assert [chunk.text for chunk in chunks if chunk.text] == ["nothing"]


def test_an_answer_that_runs_on_is_ended_in_time_and_its_whole_cost_follows(
    question: Question, providers: ModuleType
) -> None:
    times = AnswerTimes(first_text_ns=300 * MS, ending_ns=400 * MS, deadline_ns=400 * MS)
    endless = providers.guarded(providers.cloud(texts=("on and on",), stalls=True))
    chunks = heard(FallbackAnswerer(endless, providers.Notes(None), times=times), question, times)
    assert told(chunks) == [("on and on", CLOUD), (" ...", CLOUD)]
    assert chunks[1].cut
    assert chunks[-1].cost is not None


def test_with_models_shed_the_note_answers_at_once(question: Question, providers: ModuleType) -> None:
    first = providers.cloud()
    answerer = FallbackAnswerer(providers.guarded(first), providers.Notes())
    with shedding_steps([Step.MODEL]):
        chunks = heard(answerer, question)
    assert [(chunk.text, chunk.draft) for chunk in chunks] == [("a note", False)]
    assert first.asked == 0


def test_the_cost_counts_what_was_wasted_apart(question: Question, providers: ModuleType) -> None:
    dying = providers.cloud(texts=("a", "b", "c"), failure="cut")
    answerer = FallbackAnswerer(providers.guarded(dying, providers.local()), providers.Notes())
    cost = heard(answerer, question)[-1].cost
    assert cost is not None
    assert (cost.requests, cost.wasted_requests) == (2, 1)
    assert (cost.answer_tokens, cost.wasted_tokens) == (5, 3)
    assert cost.busy_ns > 0


def test_who_leaves_early_closes_the_stream_that_runs(question: Question, providers: ModuleType) -> None:
    first = providers.cloud(stalls=True)

    async def go() -> None:
        stream: Any = FallbackAnswerer(providers.guarded(first), providers.Notes(None)).answer(question)
        await anext(stream)
        assert not first.left
        await stream.aclose()

    asyncio.run(go())
    assert first.left


def test_closing_closes_all_and_it_is_always_available(providers: ModuleType) -> None:
    first, notes = providers.cloud(there=False), providers.Notes()

    async def go() -> tuple[bool, Provider]:
        answerer = FallbackAnswerer(providers.guarded(first), notes)
        assert answerer.provider is CLOUD
        available = await answerer.available()
        provider = answerer.provider
        await answerer.close()
        return available, provider

    assert asyncio.run(go()) == (True, NOTES)
    assert first.closed
    assert notes.closed


def test_an_early_request_is_adopted_with_what_it_has_said_and_asked_once(
    question: Question, providers: ModuleType
) -> None:
    first = providers.cloud()

    async def go() -> list[AnswerChunk]:
        answerer = FallbackAnswerer(providers.guarded(first), providers.Notes())
        early = answerer.begin_early(question)
        assert early is not None
        await asyncio.sleep(0)
        return [chunk async for chunk in early.adopt(None)]

    with capture_measurements() as captured:
        chunks = asyncio.run(go())
    assert told(chunks) == [("one ", CLOUD), ("two", CLOUD)]
    assert first.asked == 1
    (speculation,) = captured.named("answering.speculation")
    assert speculation.outcome is latency_kit.Outcome.OK


def test_an_early_request_that_nobody_wants_is_cancelled_and_its_cost_counted(
    question: Question, providers: ModuleType
) -> None:
    first = providers.cloud(stalls=True)

    async def go() -> Any:
        early = FallbackAnswerer(providers.guarded(first), providers.Notes()).begin_early(question)
        assert early is not None
        for _ in range(20):
            await asyncio.sleep(0)
        await early.give_up()
        return early.cost

    with capture_measurements() as captured:
        cost = asyncio.run(go())
    assert (cost.requests, cost.wasted_requests, cost.wasted_tokens) == (1, 1, 2)
    assert captured.named("answering.speculation")[0].outcome is latency_kit.Outcome.CANCELLED
    assert first.left


def test_an_early_request_that_fails_leaves_the_question_to_the_others(
    question: Question, providers: ModuleType
) -> None:
    async def go() -> list[AnswerChunk]:
        models = providers.guarded(providers.cloud(texts=(), failure="down"), providers.local())
        early = FallbackAnswerer(models, providers.Notes()).begin_early(question)
        assert early is not None
        await asyncio.sleep(0.01)
        return [chunk async for chunk in early.adopt(None)]

    assert told(asyncio.run(go())) == [("one ", LOCAL), ("two", LOCAL)]


def test_nothing_begins_early_without_a_model(question: Question, providers: ModuleType) -> None:
    assert FallbackAnswerer([], providers.Notes()).begin_early(question) is None
