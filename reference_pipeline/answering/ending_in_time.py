"""Ending a streamed answer by its deadline: where a sentence ends in time, else marked as cut.

Knows neither providers nor displays.
"""

import asyncio
import dataclasses
import re
from collections.abc import AsyncGenerator, AsyncIterator

import latency_kit
from latency_kit.units import NS_PER_S
from reference_pipeline.answering.reply import CUT_MARK
from reference_pipeline.events import AnswerChunk

__all__ = ["ending_in_time"]

_SENTENCE_END = re.compile(r"[.!?][\"'\u201d\u2019)*_]*\s*\Z")

_DECIDING_S = 0.25
"""How long it is waited, after a sentence that may be the last, for what tells whether it is."""


async def ending_in_time(
    chunks: AsyncIterator[AnswerChunk], *, ending_ns: int
) -> AsyncGenerator[AnswerChunk, None]:
    """Pass `chunks` on until the current deadline.

    * An answer that ends by itself is passed on as it is, what follows its last piece of text included.
    * In the last `ending_ns` before the deadline no new sentence begins: where one would, or where nothing
      comes for a moment after the end of one, the answer ends with `shortened` set.
    * At the deadline it ends with an ellipsis and `cut` set. Nothing follows after either of the two.
    * Without a deadline, or before any text, nothing is ended.
    """
    deadline = latency_kit.current_deadline()
    pending = aiter(chunks)
    shown: AnswerChunk | None = None
    text = ""
    while True:
        may_be_all = _SENTENCE_END.search(text) is not None
        wait_s = None
        if deadline is not None and shown is not None and not shown.last:
            wait_s = deadline.remaining_s()
            if may_be_all:
                wait_s = min(wait_s, max(0.0, wait_s - ending_ns / NS_PER_S) + _DECIDING_S)
        try:
            async with asyncio.timeout(wait_s) as bound:
                chunk = await anext(pending, None)
        except TimeoutError:
            if shown is None or not bound.expired():
                raise
            yield _shortened(shown) if may_be_all else _cut(shown)
            return
        if chunk is None:
            return
        is_late = deadline is not None and deadline.remaining_ns() < ending_ns
        if is_late and may_be_all and shown and not chunk.last and _begins_a_sentence(text, chunk.text):
            yield _shortened(shown)
            return
        yield chunk
        if chunk.text or chunk.last:
            shown = chunk
            text = (text + chunk.text)[-_TAIL:]


_TAIL = 80
"""Characters: more than any run of quotation marks and white space at the end of a sentence."""


def _begins_a_sentence(before: str, text: str) -> bool:
    """Whether `text` goes on after the end of a sentence, and not in the middle of "3.5" or "e.g. this"."""
    is_apart = before[-1:].isspace() or text[:1].isspace()
    first = text.lstrip()[:1]
    return is_apart and bool(first) and not first.islower()


def _shortened(shown: AnswerChunk) -> AnswerChunk:
    return dataclasses.replace(_bare(shown), last=True, shortened=True)


def _cut(shown: AnswerChunk) -> AnswerChunk:
    return dataclasses.replace(_bare(shown), text=CUT_MARK, last=True, cut=True)


def _bare(chunk: AnswerChunk) -> AnswerChunk:
    """Return who speaks, without what the piece told."""
    return AnswerChunk(text="", provider=chunk.provider, source=chunk.source, last=False)
