"""An answer that is being made in a task of its own, so that several can be waited for at once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from reference_pipeline.events import AnswerChunk, Question
from reference_pipeline.ports import Answerer, AnswererError

__all__ = ["PumpedAnswer"]

_AHEAD = 64
"""Pieces that a provider may be ahead of the display; a model's answer has a few hundred."""


class PumpedAnswer:
    """Pulls one answerer's stream; what came can be taken piece by piece.

    * `first` is done when the first text came, or when the stream ended without any (it is false then).
    * Iterating gives the pieces in order and ends after the last one; an answer that fails, or ends without
      its last piece, raises `AnswererError` in its place.
    * After `give_up` nothing of it runs any more.
    """

    def __init__(self, answerer: Answerer, question: Question) -> None:
        self.answerer = answerer
        self.first: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._pieces: asyncio.Queue[AnswerChunk | AnswererError] = asyncio.Queue(_AHEAD)
        self._task = asyncio.create_task(self._pump(question), name=f"ask {answerer.provider}")

    async def __aiter__(self) -> AsyncIterator[AnswerChunk]:
        while True:
            piece = await self._pieces.get()
            if isinstance(piece, AnswererError):
                raise piece
            yield piece
            if piece.last:
                return

    async def reason(self) -> AnswererError:
        """Return why the stream ended before its first text; to be asked only where `first` is false."""
        while True:
            piece = await self._pieces.get()
            if isinstance(piece, AnswererError):
                return piece

    async def give_up(self) -> None:
        """Cancel what still runs and wait until it has ended; idempotent."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        if not self.first.done():
            self.first.cancel()

    async def _pump(self, question: Question) -> None:
        failure: AnswererError | None = None
        ended = False
        chunks = self.answerer.answer(question)
        try:
            async for chunk in chunks:
                if chunk.text and not self.first.done():
                    self.first.set_result(True)
                await self._pieces.put(chunk)
                ended = chunk.last
        except AnswererError as error:
            failure = error
        finally:
            close = getattr(chunks, "aclose", None)
            if close is not None:
                await close()
        if not ended:
            name = self.answerer.provider
            await self._pieces.put(failure or AnswererError(f"{name} ended without its last piece"))
        if not self.first.done():
            self.first.set_result(ended)
