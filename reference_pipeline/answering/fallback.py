"""Asking one provider after the other until one has answered in full.

Knows only the port: neither Ollama nor notes.
"""

import contextlib
import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence

import latency_kit
from latency_kit.units import NS_PER_S
from reference_pipeline.events import AnswerChunk, Provider, Question
from reference_pipeline.ports import Answerer, AnswererError

__all__ = ["FallbackAnswerer"]


class FallbackAnswerer:
    """Asks its answerers in order of preference.

    - One that fails before its first text is followed by the next, and nothing of it is seen.
    - One that fails half-way is followed by the next, whose first chunk has `restart` set: what was shown is
      void. A cut answer never ends with `last`.
    - Whether one is available is asked again only after `recheck_s`; one that failed is left out that long.
    - The chunks name the provider that spoke.
    """

    def __init__(
        self,
        answerers: Sequence[Answerer],
        *,
        recheck_s: float = 5.0,
        now_ns: Callable[[], int] = latency_kit.now_ns,
    ) -> None:
        """Put answerers in order, the preferred one first.

        Raises:
            AnswererError: There is none.
        """
        if not answerers:
            raise AnswererError("no answerer given; expected at least the notes")
        self._answerers = tuple(answerers)
        self._recheck_ns = round(recheck_s * NS_PER_S)
        self._now_ns = now_ns
        self._known: dict[int, tuple[bool, int]] = {}

    @property
    def provider(self) -> Provider:
        """The preferred one that is available as far as is known; chunks name who really spoke."""
        for answerer in self._answerers:
            if self._known.get(id(answerer), (True, 0))[0]:
                return answerer.provider
        return self._answerers[-1].provider

    async def available(self) -> bool:
        """Whether anyone is; asks all of them whose state is not known, and so warms the knowledge up."""
        return any([await self._is_available(answerer) for answerer in self._answerers])

    async def answer(self, question: Question) -> AsyncIterator[AnswerChunk]:
        """Stream the answer of the first provider that comes to its end.

        Raises:
            AnswererError: While iterating: none did; the message holds each one's reason.
        """
        reasons: list[str] = []
        shown = False
        for answerer in self._answerers:
            if not await self._is_available(answerer):
                reasons.append(f"{answerer.provider} is not available")
                continue
            void = shown
            ended = False
            try:
                async with contextlib.aclosing(_as_generator(answerer.answer(question))) as chunks:
                    async for chunk in chunks:
                        yield dataclasses.replace(chunk, restart=True) if void else chunk
                        void = False
                        shown = True
                        ended = chunk.last
            except AnswererError as error:
                reasons.append(str(error))
            else:
                if ended:
                    return
                reasons.append(f"{answerer.provider} ended without its last piece")
            self._remember(answerer, available=False)
        raise AnswererError("nobody answered: " + "; ".join(reasons))

    async def close(self) -> None:
        """Close all answerers, also when closing one of them fails."""
        async with contextlib.AsyncExitStack() as stack:
            for answerer in self._answerers:
                stack.push_async_callback(answerer.close)

    async def _is_available(self, answerer: Answerer) -> bool:
        known, until_ns = self._known.get(id(answerer), (False, 0))
        if id(answerer) in self._known and self._now_ns() < until_ns:
            return known
        return self._remember(answerer, available=await answerer.available())

    def _remember(self, answerer: Answerer, *, available: bool) -> bool:
        self._known[id(answerer)] = (available, self._now_ns() + self._recheck_ns)
        return available


async def _as_generator(chunks: AsyncIterator[AnswerChunk]) -> AsyncGenerator[AnswerChunk, None]:
    """Make an answer closable, whichever kind of iterator the adapter returns."""
    try:
        async for chunk in chunks:
            yield chunk
    finally:
        close = getattr(chunks, "aclose", None)
        if close is not None:
            await close()
