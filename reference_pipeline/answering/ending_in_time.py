"""Ending a streamed answer by its deadline: where a sentence ends in time, else marked as cut.

Knows neither providers nor displays.
"""

import asyncio
import dataclasses
import re
from collections.abc import AsyncGenerator, AsyncIterator

import latency_kit
from reference_pipeline.answering.reply import CUT_MARK
from reference_pipeline.events import AnswerChunk

__all__ = ["ending_in_time"]

_SENTENCE_END = re.compile(r"[.!?][\"'\u201d\u2019)]*\s*\Z")


async def ending_in_time(
    chunks: AsyncIterator[AnswerChunk], *, ending_ns: int
) -> AsyncGenerator[AnswerChunk, None]:
    """Pass `chunks` on until the current deadline.

    * An answer that ends by itself is passed on as it is, what follows its last piece of text included.
    * In the last `ending_ns` before the deadline the first end of a sentence is the end of the answer.
    * At the deadline it ends with an ellipsis and `cut` set. Nothing follows after either of the two.
    * Without a deadline, or before any text, nothing is ended.
    """
    deadline = latency_kit.current_deadline()
    pending = aiter(chunks)
    shown: AnswerChunk | None = None
    while True:
        wait_s = None if deadline is None or shown is None or shown.last else deadline.remaining_s()
        try:
            async with asyncio.timeout(wait_s):
                chunk = await anext(pending, None)
        except TimeoutError:
            if shown is None or deadline is None or not deadline.has_passed:
                raise
            yield dataclasses.replace(_bare(shown), text=CUT_MARK, last=True, cut=True)
            return
        if chunk is None:
            return
        is_late = deadline is not None and deadline.remaining_ns() < ending_ns
        if is_late and not chunk.last and _SENTENCE_END.search(chunk.text):
            yield dataclasses.replace(chunk, last=True)
            return
        yield chunk
        if chunk.text or chunk.last:
            shown = chunk


def _bare(chunk: AnswerChunk) -> AnswerChunk:
    """Return who speaks, without what the piece told."""
    return AnswerChunk(text="", provider=chunk.provider, source=chunk.source, last=False)
