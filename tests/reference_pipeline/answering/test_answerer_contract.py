"""What every answerer keeps, whoever it is: one kit over all implementations of the port."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from types import ModuleType

import pytest

pytest.importorskip("ollama", reason="ollama comes with the extra 'assistant'")

from reference_pipeline.answering.cached_answerer import CachedAnswerer
from reference_pipeline.answering.fallback import FallbackAnswerer
from reference_pipeline.answering.guarded_answerer import GuardedAnswerer
from reference_pipeline.answering.notes_answerer import NotesAnswerer
from reference_pipeline.answering.ollama_answerer import OllamaAnswerer, OllamaTimeouts
from reference_pipeline.answering.prompt import PromptBuilder
from reference_pipeline.answering.retrieval import NoteIndex
from reference_pipeline.events import AnswerChunk, Provider, Question
from reference_pipeline.ports import Answerer

PATIENT = OllamaTimeouts(first_token_s=20, idle_s=20, total_s=30, probe_s=20)
KINDS = (
    "notes",
    "ollama-local",
    "ollama-cloud",
    "guarded",
    "fallback",
    "fallback-without-ollama",
    "cached",
)

Opened = contextlib.AbstractAsyncContextManager[Answerer]


@pytest.fixture(params=KINDS)
def opened(
    request: pytest.FixtureRequest, ollama_server: ModuleType, bundled_index: NoteIndex
) -> Callable[[], Opened]:
    """Opens an answerer of each kind, with a server that answers where one is needed."""
    prompts = PromptBuilder(bundled_index)

    def ollama(host: str, provider: Provider) -> OllamaAnswerer:
        key = "key" if provider is Provider.OLLAMA_CLOUD else None
        return OllamaAnswerer(
            provider=provider,
            host=host,
            model=ollama_server.MODEL,
            prompts=prompts,
            api_key=key,
            timeouts=PATIENT,
        )

    def composed(host: str, nobody: str) -> Answerer:
        notes = NotesAnswerer(bundled_index)
        match request.param:
            case "notes":
                return notes
            case "ollama-local":
                return ollama(host, Provider.OLLAMA_LOCAL)
            case "ollama-cloud":
                return ollama(host, Provider.OLLAMA_CLOUD)
            case "guarded":
                return GuardedAnswerer(ollama(host, Provider.OLLAMA_LOCAL))
            case "fallback-without-ollama":
                return FallbackAnswerer([GuardedAnswerer(ollama(nobody, Provider.OLLAMA_LOCAL))], notes)
        both = [GuardedAnswerer(ollama(host, one)) for one in (Provider.OLLAMA_CLOUD, Provider.OLLAMA_LOCAL)]
        fallback = FallbackAnswerer(both, notes)
        return CachedAnswerer(fallback) if request.param == "cached" else fallback

    @contextlib.asynccontextmanager
    async def opening() -> AsyncIterator[Answerer]:
        async with ollama_server.OllamaServer() as server, ollama_server.silent_port() as nobody:
            answerer = composed(server.host, nobody)
            try:
                yield answerer
            finally:
                await answerer.close()

    return opening


async def _whole(answerer: Answerer, question: Question) -> list[AnswerChunk]:
    return [chunk async for chunk in answerer.answer(question)]


def test_the_chunk_that_completes_the_text_and_only_it_is_marked_and_no_other_text_is_empty(
    opened: Callable[[], Opened], ask: Callable[[str], Question]
) -> None:
    async def go() -> list[AnswerChunk]:
        async with opened() as answerer:
            return await _whole(answerer, ask("what is a memory leak"))

    chunks = asyncio.run(go())
    at = [chunk.last for chunk in chunks].index(True)
    assert not any(chunk.last or chunk.text for chunk in chunks[at + 1 :])
    assert all(chunk.text for chunk in chunks[:at])
    assert "".join(chunk.text for chunk in chunks).strip()


def test_every_chunk_names_who_speaks_and_from_what_and_only_drafts_are_replaced(
    opened: Callable[[], Opened], ask: Callable[[str], Question]
) -> None:
    async def go() -> list[AnswerChunk]:
        async with opened() as answerer:
            return await _whole(answerer, ask("what is a memory leak"))

    chunks = asyncio.run(go())
    answer = [chunk for chunk in chunks if not chunk.draft]
    assert len({(chunk.provider, chunk.source) for chunk in answer}) == 1
    assert all(chunk.source for chunk in chunks)
    assert [chunk for chunk in chunks if chunk.restart] == (answer[:1] if len(answer) < len(chunks) else [])
    assert not any(chunk.cut for chunk in chunks)


def test_it_is_available_and_says_who_it_is(opened: Callable[[], Opened]) -> None:
    async def go() -> tuple[bool, Provider]:
        async with opened() as answerer:
            return await answerer.available(), answerer.provider

    available, provider = asyncio.run(go())
    assert available
    assert isinstance(provider, Provider)


def test_answers_at_the_same_time_do_not_mix(
    opened: Callable[[], Opened], ask: Callable[[str], Question]
) -> None:
    async def go() -> tuple[list[list[AnswerChunk]], list[AnswerChunk]]:
        async with opened() as answerer:
            alone = await _whole(answerer, ask("what is a memory leak"))
            many = await asyncio.gather(*(_whole(answerer, ask("what is a memory leak")) for _ in range(5)))
            return many, alone

    many, alone = asyncio.run(go())
    assert all(_texts(chunks) == _texts(alone) for chunks in many)


def _texts(chunks: list[AnswerChunk]) -> str:
    return "".join(chunk.text for chunk in chunks if not chunk.draft)


def test_leaving_after_the_first_chunk_harms_no_later_answer(
    opened: Callable[[], Opened], ask: Callable[[str], Question]
) -> None:
    async def go() -> list[AnswerChunk]:
        async with opened() as answerer:
            stream = answerer.answer(ask("what is a race condition"))
            await anext(stream)
            await stream.aclose()  # type: ignore[attr-defined]  # all of ours are async generators
            return await _whole(answerer, ask("what is a race condition"))

    assert any(chunk.last for chunk in asyncio.run(go()))


def test_closing_twice_is_harmless(opened: Callable[[], Opened]) -> None:
    async def go() -> None:
        async with opened() as answerer:
            await answerer.close()
            await answerer.close()

    asyncio.run(go())
