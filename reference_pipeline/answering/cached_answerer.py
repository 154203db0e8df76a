"""Answers that were given before, to the same question: shown at once, and shown as cached."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import latency_kit
from latency_kit.units import NS_PER_S
from reference_pipeline.answering.expiring_cache import ExpiringCache
from reference_pipeline.events import AnswerChunk, AnswerCost, Provider, Question, TermExplanation
from reference_pipeline.ports import Answerer, EarlyAnswer, EarlyAsker

if TYPE_CHECKING:
    from opentelemetry.trace import Span

__all__ = ["CachedAnswerer"]

MOST_ANSWERS = 256
LIVES_NS = 1800 * NS_PER_S
"""Half an hour: within a conversation an answer stays right, tomorrow the notes may say something else."""


class EarlyAskingAnswerer(Answerer, EarlyAsker, Protocol):
    """One that answers, and begins early where it is asked to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    text: str
    provider: Provider
    source: str
    terms: tuple[TermExplanation, ...]


class CachedAnswerer:
    """Passes questions on, and answers those that were answered before from memory.

    - Only whole answers of models are kept; notes are at hand anyway, half an answer is none, and
      one that was shortened to be in time may be longer next time.
    - What is kept is found by the question's normalised text, for half an hour; at most 256 are.
    - A cached answer comes as one chunk with `cached` set; its terms follow.
    - No request begins early for a question whose answer is kept.
    """

    def __init__(
        self,
        answerer: EarlyAskingAnswerer,
        *,
        most_answers: int = MOST_ANSWERS,
        lives_ns: int = LIVES_NS,
        now_ns: Callable[[], int] = latency_kit.now_ns,
    ) -> None:
        self._answerer = answerer
        self._kept: ExpiringCache[_Kept] = ExpiringCache(
            most_entries=most_answers, lives_ns=lives_ns, now_ns=now_ns
        )

    @property
    def provider(self) -> Provider:
        """Whom an unknown question would go to."""
        return self._answerer.provider

    async def available(self) -> bool:
        """Whether the answerer behind is."""
        return await self._answerer.available()

    def begin_early(self, question: Question) -> EarlyAnswer | None:
        """Begin on a question whose answer is not known."""
        if question.normalised in self._kept:
            return None
        begun = self._answerer.begin_early(question)
        return None if begun is None else _RememberedEarly(begun, self._remembering)

    def answer(self, question: Question) -> AsyncIterator[AnswerChunk]:
        """Stream the answer, the kept one where there is one."""
        kept = self._kept.find(question.normalised)
        if kept is not None:
            return _again(kept)
        return self._remembering(question, self._answerer.answer(question))

    async def close(self) -> None:
        """Close the answerer behind."""
        await self._answerer.close()

    async def _remembering(
        self, question: Question, chunks: AsyncIterator[AnswerChunk]
    ) -> AsyncGenerator[AnswerChunk, None]:
        text, last = "", None
        terms: list[TermExplanation] = []
        try:
            async for chunk in chunks:
                text = chunk.text if chunk.restart else text + chunk.text
                terms += chunk.terms
                last = chunk if chunk.last else last
                if chunk.last:
                    self._keep(question, text, chunk, terms)
                yield chunk
            if last is not None and terms:
                self._keep(question, text, last, terms)
        finally:
            close = getattr(chunks, "aclose", None)
            if close is not None:
                await close()

    def _keep(self, question: Question, text: str, last: AnswerChunk, terms: list[TermExplanation]) -> None:
        if last.cut or last.shortened or last.provider is Provider.NOTES:
            return
        kept = _Kept(text=text, provider=last.provider, source=last.source, terms=tuple(terms))
        self._kept.put(question.normalised, kept)


class _RememberedEarly:
    """An early answer that is kept when it is adopted and whole."""

    def __init__(
        self,
        begun: EarlyAnswer,
        remembering: Callable[[Question, AsyncIterator[AnswerChunk]], AsyncIterator[AnswerChunk]],
    ) -> None:
        self._begun = begun
        self._remembering = remembering

    @property
    def question(self) -> Question:
        return self._begun.question

    @property
    def cost(self) -> AnswerCost:
        return self._begun.cost

    def adopt(self, span: "Span | None") -> AsyncIterator[AnswerChunk]:
        return self._remembering(self.question, self._begun.adopt(span))

    def leave(self) -> None:
        self._begun.leave()

    async def give_up(self) -> None:
        await self._begun.give_up()


async def _again(kept: _Kept) -> AsyncGenerator[AnswerChunk, None]:
    yield AnswerChunk(text=kept.text, provider=kept.provider, source=kept.source, last=True, cached=True)
    if kept.terms:
        yield AnswerChunk(
            text="", provider=kept.provider, source=kept.source, last=False, cached=True, terms=kept.terms
        )
