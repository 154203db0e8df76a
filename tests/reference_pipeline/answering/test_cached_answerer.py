"""Which answers are kept, for how long, and how they are shown again."""

import asyncio
from collections.abc import Callable
from types import ModuleType

import pytest

import latency_kit
from latency_kit.testing import FakeClock
from reference_pipeline.answering.cached_answerer import CachedAnswerer
from reference_pipeline.answering.expiring_cache import ExpiringCache
from reference_pipeline.answering.fallback import FallbackAnswerer
from reference_pipeline.events import AnswerChunk, Provider, Question
from reference_pipeline.ports import SettingsError
from reference_pipeline.settings import AnswerTimes

Ask = Callable[[str], Question]


def heard(answerer: CachedAnswerer, *questions: Question) -> list[list[AnswerChunk]]:
    async def go() -> list[list[AnswerChunk]]:
        try:
            return [[chunk async for chunk in answerer.answer(question)] for question in questions]
        finally:
            await answerer.close()

    return asyncio.run(go())


def test_a_repeated_question_is_answered_from_memory_and_shown_as_cached(
    ask: Ask, providers: ModuleType
) -> None:
    model = providers.cloud()
    answerer = CachedAnswerer(FallbackAnswerer(providers.guarded(model), providers.Notes()))
    first, again = heard(answerer, ask("What is a mutex?"), ask("what is a mutex"))
    assert not any(chunk.cached for chunk in first)
    (chunk,) = again
    assert (chunk.text, chunk.provider, chunk.source) == ("one two", Provider.OLLAMA_CLOUD, "s")
    assert (chunk.cached, chunk.last, chunk.draft) == (True, True, False)
    assert model.asked == 1


def test_neither_notes_nor_halves_are_kept(ask: Ask, providers: ModuleType) -> None:
    dying = providers.cloud(texts=("half",), failure="cut", slow=True)
    for notes in (providers.Notes(None), providers.Notes()):
        answerer = CachedAnswerer(FallbackAnswerer(providers.guarded(dying), notes))
        answers = heard(answerer, ask("what is a mutex"), ask("what is a mutex"))
        assert not any(chunk.cached for chunks in answers for chunk in chunks)


def test_an_answer_that_was_shortened_to_be_in_time_is_not_kept(ask: Ask, providers: ModuleType) -> None:
    model = providers.cloud(texts=("It is.", " And so", " on."))
    times = AnswerTimes(ending_ns=0, deadline_ns=20_000_000_000)
    answerer = CachedAnswerer(FallbackAnswerer(providers.guarded(model), providers.Notes(), times=times))
    with latency_kit.deadline(20_000):
        answers = heard(answerer, ask("what is a mutex"), ask("what is a mutex"))
    assert all(any(chunk.shortened for chunk in chunks) for chunks in answers)
    assert not any(chunk.cached for chunks in answers for chunk in chunks)
    assert model.asked == 2


def test_what_is_kept_expires(ask: Ask, providers: ModuleType) -> None:
    clock, model = FakeClock(), providers.cloud()
    fallback = FallbackAnswerer(providers.guarded(model), providers.Notes())
    answerer = CachedAnswerer(fallback, lives_ns=1_000_000_000, now_ns=clock.monotonic_ns)

    async def go() -> None:
        for step_s in (0.999, 0.001, 0):
            async for _ in answerer.answer(ask("what is a mutex")):
                pass
            clock.advance(s=step_s)
        await answerer.close()

    asyncio.run(go())
    assert model.asked == 2


def test_nothing_begins_early_for_an_answer_that_is_kept_and_an_early_one_is_kept(
    ask: Ask, providers: ModuleType
) -> None:
    model = providers.cloud()
    answerer = CachedAnswerer(FallbackAnswerer(providers.guarded(model), providers.Notes()))

    async def go() -> None:
        early = answerer.begin_early(ask("what is a mutex"))
        assert early is not None
        async for _ in early.adopt(None):
            pass
        assert answerer.begin_early(ask("what is a mutex")) is None
        await answerer.close()

    asyncio.run(go())
    assert model.asked == 1


def test_the_memory_is_bounded_and_forgets_the_least_recently_used_first() -> None:
    cache: ExpiringCache[int] = ExpiringCache(most_entries=2, lives_ns=10, now_ns=lambda: 0)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.find("a") == 1
    cache.put("c", 3)
    assert (cache.find("a"), cache.find("b"), cache.find("c")) == (1, None, 3)
    assert len(cache) == 2


@pytest.mark.parametrize(("entries", "lives"), [(0, 1), (1, 0), (-1, 1)])
def test_a_memory_without_room_or_time_is_refused(entries: int, lives: int) -> None:
    with pytest.raises(SettingsError, match="above zero"):
        ExpiringCache(most_entries=entries, lives_ns=lives)
