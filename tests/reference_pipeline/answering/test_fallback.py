"""The order of providers, and what is seen when one of them fails."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import pytest

from latency_kit.testing import FakeClock
from reference_pipeline.answering.fallback import FallbackAnswerer
from reference_pipeline.events import AnswerChunk, Provider, Question
from reference_pipeline.ports import AnswererError


@dataclass
class Scripted:
    """An answerer that says `texts` and then ends, fails with `failure`, or says no more (`stalls`)."""

    provider: Provider
    texts: Sequence[str] = ("one ", "two")
    failure: str | None = None
    ends: bool = True
    stalls: bool = False
    there: bool = True
    probes: int = 0
    asked: int = 0
    closed: bool = False
    left: bool = field(default=False)

    async def available(self) -> bool:
        self.probes += 1
        return self.there

    async def answer(self, question: Question) -> AsyncIterator[AnswerChunk]:
        self.asked += 1
        try:
            for index, text in enumerate(self.texts):
                last = self.ends and not self.stalls and self.failure is None and index == len(self.texts) - 1
                yield AnswerChunk(text=text, provider=self.provider, source="s", last=last)
            if self.stalls:
                await asyncio.Event().wait()
            if self.failure is not None:
                raise AnswererError(self.failure)
        finally:
            self.left = True

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def question(ask: Callable[[str], Question]) -> Question:
    return ask("what is a memory leak")


def cloud(**options: object) -> Scripted:
    return Scripted(Provider.OLLAMA_CLOUD, **options)  # type: ignore[arg-type]  # a test's shorthand


def local(**options: object) -> Scripted:
    return Scripted(Provider.OLLAMA_LOCAL, **options)  # type: ignore[arg-type]  # a test's shorthand


def notes(**options: object) -> Scripted:
    return Scripted(Provider.NOTES, **options)  # type: ignore[arg-type]  # a test's shorthand


def heard(answerer: FallbackAnswerer, question: Question) -> list[AnswerChunk]:
    async def go() -> list[AnswerChunk]:
        return [chunk async for chunk in answerer.answer(question)]

    return asyncio.run(go())


def test_the_preferred_provider_answers_alone_where_it_can(question: Question) -> None:
    first, second = cloud(), notes()
    chunks = heard(FallbackAnswerer([first, second]), question)
    assert [(chunk.text, chunk.provider, chunk.last) for chunk in chunks] == [
        ("one ", Provider.OLLAMA_CLOUD, False),
        ("two", Provider.OLLAMA_CLOUD, True),
    ]
    assert second.asked == 0


def test_a_provider_that_is_not_available_is_not_asked(question: Question) -> None:
    first, second = cloud(there=False), notes()
    chunks = heard(FallbackAnswerer([first, second]), question)
    assert {chunk.provider for chunk in chunks} == {Provider.NOTES}
    assert first.asked == 0


def test_a_provider_that_fails_before_its_first_text_leaves_no_trace(question: Question) -> None:
    chunks = heard(FallbackAnswerer([cloud(texts=(), failure="down"), local(), notes()]), question)
    assert [chunk.provider for chunk in chunks] == [Provider.OLLAMA_LOCAL] * 2
    assert not any(chunk.restart for chunk in chunks)


def test_a_provider_that_fails_half_way_is_replaced_and_the_restart_is_marked_once(
    question: Question,
) -> None:
    chunks = heard(FallbackAnswerer([cloud(texts=("half",), failure="cut"), notes()]), question)
    assert [(chunk.text, chunk.provider, chunk.restart, chunk.last) for chunk in chunks] == [
        ("half", Provider.OLLAMA_CLOUD, False, False),
        ("one ", Provider.NOTES, True, False),
        ("two", Provider.NOTES, False, True),
    ]


def test_each_replacement_in_a_row_is_marked(question: Question) -> None:
    failing = [cloud(texts=("a",), failure="x"), local(texts=("b",), failure="y"), notes(texts=("c",))]
    chunks = heard(FallbackAnswerer(failing), question)
    assert [(chunk.text, chunk.restart) for chunk in chunks] == [("a", False), ("b", True), ("c", True)]


def test_a_stream_that_ends_without_its_last_piece_is_not_passed_off_as_whole(question: Question) -> None:
    chunks = heard(FallbackAnswerer([cloud(ends=False), notes(texts=("whole",))]), question)
    assert [chunk.last for chunk in chunks] == [False, False, True]
    assert chunks[-1].restart


def test_when_nobody_answers_each_reason_is_told(question: Question) -> None:
    answerer = FallbackAnswerer([cloud(there=False), local(texts=(), failure="no slot")])
    with pytest.raises(AnswererError, match="nobody answered: ollama-cloud is not available; no slot"):
        heard(answerer, question)


def test_availability_is_asked_again_only_after_the_recheck_time(question: Question) -> None:
    clock = FakeClock()
    first = cloud(there=False)
    answerer = FallbackAnswerer([first, notes()], recheck_s=5, now_ns=clock.monotonic_ns)
    heard(answerer, question)
    clock.advance(s=4.999)
    heard(answerer, question)
    assert first.probes == 1
    first.there = True
    clock.advance(s=0.001)
    assert heard(answerer, question)[0].provider is Provider.OLLAMA_CLOUD
    assert first.probes == 2


def test_a_provider_that_failed_is_left_out_until_the_recheck_time(question: Question) -> None:
    clock = FakeClock()
    first = cloud(texts=(), failure="down")
    answerer = FallbackAnswerer([first, notes()], recheck_s=5, now_ns=clock.monotonic_ns)
    heard(answerer, question)
    heard(answerer, question)
    assert first.asked == 1
    assert answerer.provider is Provider.NOTES
    clock.advance(s=5)
    first.texts, first.failure = ("back",), None
    assert heard(answerer, question)[0].text == "back"


def test_a_silent_provider_gets_the_next_one_beside_it_and_is_given_up_when_that_speaks(
    question: Question,
) -> None:
    first, second, third = cloud(texts=(), stalls=True), local(), notes()
    chunks = heard(FallbackAnswerer([first, second, third], patience_s=0.01), question)
    assert [chunk.provider for chunk in chunks] == [Provider.OLLAMA_LOCAL] * 2
    assert (first.left, third.asked) == (True, 0)
    assert not any(chunk.restart for chunk in chunks)


def test_a_provider_that_speaks_in_time_is_not_raced(question: Question) -> None:
    first, second = cloud(), notes()
    heard(FallbackAnswerer([first, second], patience_s=10), question)
    assert second.asked == 0


def test_the_silent_one_may_still_win_when_the_one_beside_it_fails(question: Question) -> None:
    class Late(Scripted):
        async def answer(self, question: Question) -> AsyncIterator[AnswerChunk]:
            await failed.wait()
            yield AnswerChunk(text="late", provider=self.provider, source="s", last=True)

    class Failing(Scripted):
        async def answer(self, question: Question) -> AsyncIterator[AnswerChunk]:
            failed.set()
            raise AnswererError("down")
            yield  # makes it a stream

    async def go() -> list[AnswerChunk]:
        answerer = FallbackAnswerer(
            [Late(Provider.OLLAMA_CLOUD), Failing(Provider.OLLAMA_LOCAL)], patience_s=0.01
        )
        return [chunk async for chunk in answerer.answer(question)]

    failed = asyncio.Event()
    assert [chunk.text for chunk in asyncio.run(go())] == ["late"]


def test_a_winner_that_dies_half_way_is_replaced_by_one_that_was_not_asked_yet(question: Question) -> None:
    providers = [cloud(texts=(), stalls=True), local(texts=("half",), failure="cut"), notes(texts=("whole",))]
    chunks = heard(FallbackAnswerer(providers, patience_s=0.01), question)
    assert [(chunk.text, chunk.restart) for chunk in chunks] == [("half", False), ("whole", True)]


def test_who_leaves_early_closes_the_stream_that_runs(question: Question) -> None:
    first = cloud(stalls=True)

    async def go() -> None:
        stream = FallbackAnswerer([first]).answer(question)
        await anext(stream)
        assert not first.left
        await stream.aclose()  # type: ignore[attr-defined]  # an async generator

    asyncio.run(go())
    assert first.left


def test_closing_closes_all(question: Question) -> None:
    answerers = [cloud(), notes()]
    asyncio.run(FallbackAnswerer(answerers).close())
    assert all(answerer.closed for answerer in answerers)


def test_it_is_available_when_anyone_is() -> None:
    assert asyncio.run(FallbackAnswerer([cloud(there=False), notes()]).available())
    assert not asyncio.run(FallbackAnswerer([cloud(there=False)]).available())


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(AnswererError, match="at least the notes"):
        FallbackAnswerer([])


def test_who_answers_instead_says_why_and_only_once(question: Question) -> None:
    failing = [
        cloud(texts=(), failure="cloud is down"),
        local(texts=("half",), failure="local was cut"),
        notes(),
    ]
    chunks = heard(FallbackAnswerer(failing), question)
    assert [chunk.notice for chunk in chunks] == ["cloud is down", "cloud is down; local was cut", ""]


def test_one_that_was_overtaken_is_named(question: Question) -> None:
    chunks = heard(FallbackAnswerer([cloud(texts=(), stalls=True), notes()], patience_s=0.01), question)
    assert chunks[0].notice == "ollama-cloud was silent for too long"
