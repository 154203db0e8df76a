"""Where a streamed answer ends when its time is short, and what it then says of itself."""

import asyncio
from collections.abc import AsyncIterator

import pytest

import latency_kit
from reference_pipeline.answering.ending_in_time import ending_in_time
from reference_pipeline.events import AnswerChunk, Provider

LONG_MS = 20_000
LATE_NS = LONG_MS * 1_000_000
"""As the time before the deadline in which no sentence begins: it is late from the beginning."""


def heard(*texts: str, stalls: bool = False, deadline_ms: int = LONG_MS, ending_ns: int) -> list[AnswerChunk]:
    """What is passed on of a stream of `texts`, of which the last one ends it unless it `stalls`."""

    async def stream() -> AsyncIterator[AnswerChunk]:
        for index, text in enumerate(texts):
            last = index == len(texts) - 1 and not stalls
            yield AnswerChunk(text=text, provider=Provider.OLLAMA_CLOUD, source="m", last=last)
        if stalls:
            await asyncio.Event().wait()

    async def go() -> list[AnswerChunk]:
        with latency_kit.deadline(deadline_ms):
            return [chunk async for chunk in ending_in_time(stream(), ending_ns=ending_ns)]

    return asyncio.run(go())


def test_late_no_new_sentence_begins_and_the_answer_says_that_it_was_shortened() -> None:
    chunks = heard("So ", "it is.", " And", " so on.", ending_ns=LATE_NS)
    assert [(chunk.text, chunk.last, chunk.cut, chunk.shortened) for chunk in chunks] == [
        ("So ", False, False, False),
        ("it is.", False, False, False),
        ("", True, False, True),
    ]


def test_before_that_sentences_follow_each_other() -> None:
    chunks = heard("So ", "it is.", " And", " so on.", ending_ns=1)
    assert [chunk.text for chunk in chunks] == ["So ", "it is.", " And", " so on."]
    assert not any(chunk.shortened or chunk.cut for chunk in chunks)


@pytest.mark.parametrize(
    "texts",
    [
        ("So it is.",),
        ("So ", "it", " is."),
        ("It is 3.", "5 ms", "."),
        ("Locks, e.g.", " a mutex", "."),
        ("It is.", "\n", ""),
        ("No end", " Here", "."),
        ("It is.", " Truly."),
    ],
)
def test_one_that_ends_by_itself_with_its_sentence_was_not_shortened(texts: tuple[str, ...]) -> None:
    chunks = heard(*texts, ending_ns=LATE_NS)
    assert [chunk.text for chunk in chunks] == list(texts)
    assert not any(chunk.shortened or chunk.cut for chunk in chunks)


def test_one_that_pauses_for_long_after_a_late_sentence_ends_with_it_and_is_marked() -> None:
    chunks = heard("So it is.", stalls=True, ending_ns=LATE_NS)
    assert [(chunk.text, chunk.shortened) for chunk in chunks] == [("So it is.", False), ("", True)]


def test_at_the_deadline_it_ends_with_an_ellipsis_marked_as_cut() -> None:
    chunks = heard("on and on", stalls=True, deadline_ms=50, ending_ns=0)
    assert [(chunk.text, chunk.cut) for chunk in chunks] == [("on and on", False), (" ...", True)]
    assert [chunk.last for chunk in chunks] == [False, True]
