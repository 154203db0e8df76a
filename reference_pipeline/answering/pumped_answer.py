"""An answer that is being made in a task of its own, so that several can be waited for at once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import latency_kit
from reference_pipeline.answering.guarded_answerer import GuardedAnswer
from reference_pipeline.events import AnswerChunk, AnswerCost, Provider, Question
from reference_pipeline.ports import Answerer, AnswererError

__all__ = ["PumpedAnswer"]

_AHEAD = 256
"""Pieces that a provider may be ahead of the display; a model's answer has some hundred."""


class PumpedAnswer:
    """Pulls one answerer's stream; what came can be taken piece by piece.

    * `spoken` returns when the first text came, and raises where the stream ends without any.
    * Iterating gives the pieces in order. An answer that fails, or ends without its last piece of text,
      raises `AnswererError` in its place; what fails after that piece only ends the iteration.
    * After `give_up` nothing of it runs any more, and the request counts as wasted unless it was whole.
    """

    def __init__(self, answerer: Answerer, question: Question) -> None:
        self.answerer = answerer
        self._chunks: AsyncIterator[AnswerChunk] | None = None
        self._first: asyncio.Future[AnswererError | None] = asyncio.get_running_loop().create_future()
        self._pieces: asyncio.Queue[AnswerChunk | AnswererError | None] = asyncio.Queue(_AHEAD)
        self.begun_ns = latency_kit.now_ns()
        self._ended_ns: int | None = None
        self._tokens = 0
        self._prompt_tokens = 0
        self._is_whole = False
        self._is_left = False
        self._task = asyncio.create_task(self._pump(question), name=f"ask {answerer.provider}")

    @property
    def provider(self) -> Provider:
        """Who is asked."""
        return self.answerer.provider

    @property
    def cost(self) -> AnswerCost:
        """What it has cost so far; nothing where no model is behind it."""
        if self.provider is Provider.NOTES:
            return AnswerCost()
        is_wasted = (self._is_left or self._ended_ns is not None) and not self._is_whole
        return AnswerCost(
            requests=1,
            wasted_requests=int(is_wasted),
            prompt_tokens=self._prompt_tokens,
            answer_tokens=self._tokens,
            wasted_tokens=self._tokens if is_wasted else 0,
            busy_ns=(self._ended_ns or latency_kit.now_ns()) - self.begun_ns,
        )

    def keep(self) -> None:
        """Let what has come count as used, although the rest is given up."""
        self._is_whole = True

    def overdue(self) -> None:
        """Tell who is asked that the answer had to be cut at its deadline."""
        if isinstance(self._chunks, GuardedAnswer):
            self._chunks.overdue()

    async def spoken(self) -> None:
        """Return when the first text came.

        Raises:
            AnswererError: The stream ended before it.
        """
        failure = await asyncio.shield(self._first)
        if failure is not None:
            raise failure

    async def __aiter__(self) -> AsyncIterator[AnswerChunk]:
        while (piece := await self._pieces.get()) is not None:
            if isinstance(piece, AnswererError):
                raise piece
            yield piece

    def leave(self) -> bool:
        """Cancel what still runs, without waiting; return whether it had not spoken by then."""
        self._is_left = True
        self._task.cancel()
        return not self._first.done()

    async def give_up(self) -> None:
        """Cancel what still runs and wait until it has ended; idempotent."""
        self.leave()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        if not self._first.done():
            self._first.cancel()

    async def _pump(self, question: Question) -> None:
        try:
            failure = await self._pull(question)
        finally:
            self._ended_ns = latency_kit.now_ns()
        if not self._first.done():
            self._first.set_result(failure)
        await self._pieces.put(failure)

    async def _pull(self, question: Question) -> AnswererError | None:
        """Queue the pieces; return what is wrong with the answer, None where it is whole."""
        self._chunks = chunks = self.answerer.answer(question)
        try:
            async for chunk in chunks:
                self._tokens += chunk.tokens
                self._prompt_tokens += chunk.prompt_tokens
                self._is_whole = self._is_whole or chunk.last
                if chunk.text and not self._first.done():
                    self._first.set_result(None)
                await self._pieces.put(chunk)
        except AnswererError as error:
            return None if self._is_whole else error
        finally:
            close = getattr(chunks, "aclose", None)
            if close is not None:
                await close()
        if self._is_whole:
            return None
        return AnswererError(f"{self.provider} ended without its last piece")
