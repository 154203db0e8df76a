"""A provider that speaks, but too slowly for its answers to be whole in time: the next one is asked."""

import asyncio
from collections.abc import Callable
from types import ModuleType

import latency_kit
from reference_pipeline.answering.fallback import FallbackAnswerer
from reference_pipeline.events import Question
from reference_pipeline.settings import AnswerTimes

MS = 1_000_000
TIMES = AnswerTimes(first_text_ns=200 * MS, ending_ns=250 * MS, deadline_ns=250 * MS)


def test_a_provider_whose_answers_have_to_be_cut_is_left_out_after_three_and_the_next_one_is_asked(
    ask: Callable[[str], Question], providers: ModuleType
) -> None:
    first, second = providers.cloud(texts=("on and on",), stalls=True), providers.local()

    async def go() -> list[bool]:
        answerer = FallbackAnswerer(providers.guarded(first, second), providers.Notes(None), times=TIMES)
        cut = []
        for _ in range(4):
            with latency_kit.deadline(TIMES.deadline_ns / MS):
                cut.append(any([chunk.cut async for chunk in answerer.answer(ask("what is a lock"))]))
        await answerer.close()
        return cut

    assert asyncio.run(go()) == [True, True, True, False]
    assert (first.asked, second.asked) == (3, 1)
