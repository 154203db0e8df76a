"""What a provider is spared, and how its recovery is found."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from types import ModuleType
from typing import Any

import pytest

from latency_kit.testing import FakeClock, capture_measurements
from reference_pipeline.answering.circuit_breaker import BreakerState
from reference_pipeline.answering.guarded_answerer import GuardedAnswerer
from reference_pipeline.events import Question
from reference_pipeline.ports import AnswererError


@pytest.fixture
def question(ask: Callable[[str], Question]) -> Question:
    return ask("what is a memory leak")


async def heard(answerer: GuardedAnswerer, question: Question) -> list[str]:
    return [chunk.text async for chunk in answerer.answer(question)]


class Waiting:
    """A `sleep` that moves a fake clock instead, and lets others run."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.waits: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.waits.append(round(seconds, 3))
        self._clock.advance(s=seconds)
        await asyncio.sleep(0)


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await coroutine

    asyncio.run(bounded())


def test_so_many_answers_run_at_a_time_and_the_others_wait(question: Question, providers: ModuleType) -> None:
    async def go() -> None:
        provider = providers.cloud(released=asyncio.Event())
        answerer = GuardedAnswerer(provider, at_once=2)
        asking = [asyncio.create_task(heard(answerer, question)) for _ in range(5)]
        await asyncio.sleep(0.01)
        assert provider.running == 2
        provider.released.set()
        assert await asyncio.gather(*asking) == [["one ", "two"]] * 5
        assert provider.most_running == 2

    run(go())


def test_waiting_for_a_turn_is_measured_apart(question: Question, providers: ModuleType) -> None:
    with capture_measurements() as captured:
        run(heard_once(GuardedAnswerer(providers.cloud()), question))
    assert len(captured.named("answering.provider_queue_wait")) == 1


async def heard_once(answerer: GuardedAnswerer, question: Question) -> None:
    await heard(answerer, question)


def test_a_definite_failure_opens_the_breaker_and_the_next_question_is_not_sent(
    question: Question, providers: ModuleType
) -> None:
    async def go() -> None:
        provider = providers.cloud(texts=(), failure="refused", probe_failure="refused")
        answerer = GuardedAnswerer(provider)
        with pytest.raises(AnswererError, match="refused"):
            await heard(answerer, question)
        assert not answerer.admits
        with pytest.raises(AnswererError, match="ollama-cloud is left out") as left_out:
            await heard(answerer, question)
        assert left_out.value.told == "ollama-cloud is left out: refused"
        assert provider.asked == 1
        await answerer.close()

    run(go())


def test_slow_calls_open_it_after_three_in_a_row(question: Question, providers: ModuleType) -> None:
    async def go() -> None:
        answerer = GuardedAnswerer(providers.cloud(texts=(), failure="slow", slow=True))
        for expected in (BreakerState.CLOSED, BreakerState.CLOSED, BreakerState.OPEN):
            with pytest.raises(AnswererError):
                await heard(answerer, question)
            assert answerer.breaker.state is expected
        await answerer.close()

    run(go())


@pytest.mark.parametrize(
    ("texts", "after_s", "counts"),
    [((), 1.0, True), ((), 0.9, False), (("a",), 0.9, False), (("a",), 5.0, True), (("a",) * 60, 5.0, False)],
)
def test_one_left_without_text_after_its_time_or_while_it_speaks_too_slowly_counts_as_slow(
    texts: tuple[str, ...], after_s: float, counts: bool, question: Question, providers: ModuleType
) -> None:
    async def go() -> None:
        clock = FakeClock()
        provider = providers.cloud(texts=texts, stalls=True)
        answerer = GuardedAnswerer(provider, first_token_s=1.0, now_ns=clock.monotonic_ns)
        for _ in range(3):
            asking = asyncio.create_task(heard(answerer, question))
            for _ in range(5):
                await asyncio.sleep(0)  # its texts come without a pause
            clock.advance(s=after_s)
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking
        assert (answerer.breaker.state is BreakerState.OPEN) == counts
        await answerer.close()

    run(go())


def test_answers_that_had_to_be_cut_open_it_after_three_in_a_row_and_the_pace_does_not_excuse_them(
    question: Question, providers: ModuleType
) -> None:
    async def go() -> None:
        answerer = GuardedAnswerer(providers.cloud(texts=("a",) * 60, stalls=True))
        for expected in (BreakerState.CLOSED, BreakerState.CLOSED, BreakerState.OPEN):
            async with contextlib.aclosing(answerer.answer(question)) as stream:
                await anext(stream)
                stream.overdue()
            assert answerer.breaker.state is expected
        assert "cut at the deadline" in answerer.breaker.reason
        await answerer.close()

    run(go())


def test_a_trial_that_is_left_while_it_speaks_closes_the_breaker(
    question: Question, providers: ModuleType
) -> None:
    async def go() -> None:
        answerer = GuardedAnswerer(providers.cloud(texts=("a",), stalls=True))
        answerer.breaker.open("down")
        answerer.breaker.probed(good=True)
        async with contextlib.aclosing(answerer.answer(question)) as stream:
            assert (await anext(stream)).text == "a"
        assert answerer.breaker.state is BreakerState.CLOSED
        await answerer.close()

    run(go())


def test_recovery_is_found_by_probes_that_no_question_waits_for(
    question: Question, providers: ModuleType
) -> None:
    async def go() -> None:
        clock = FakeClock()
        waiting = Waiting(clock)
        provider = providers.cloud(texts=(), failure="down", probe_failure="down")
        answerer = GuardedAnswerer(provider, sleep=waiting, now_ns=clock.monotonic_ns)
        with pytest.raises(AnswererError):
            await heard(answerer, question)
        while provider.probes < 4:  # noqa: ASYNC110  # the probes' clock is ours, and goes on meanwhile
            await asyncio.sleep(0)
        provider.texts, provider.failure, provider.probe_failure = ("back",), None, None
        while not answerer.admits:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0)
        assert answerer.breaker.state is BreakerState.HALF_OPEN
        assert await heard(answerer, question) == ["back"]
        assert answerer.breaker.state is BreakerState.CLOSED
        assert waiting.waits[:5] == [1, 2, 4, 4, 4]
        assert provider.asked == 2
        await answerer.close()

    with capture_measurements() as captured:
        run(go())
    (outage,) = captured.named("answering.provider_outage")
    assert outage.end_ns - outage.start_ns >= 11_000_000_000
    assert {probe.outcome.value for probe in captured.named("answering.probe")} == {"error", "ok"}


def test_one_that_is_not_there_at_the_start_is_left_out_and_probed(providers: ModuleType) -> None:
    async def go() -> None:
        provider = providers.local(there=False)
        answerer = GuardedAnswerer(provider)
        assert not await answerer.available()
        assert answerer.breaker.state is BreakerState.OPEN
        await answerer.close()

    run(go())


def test_one_that_is_there_is_warmed_up_beside(providers: ModuleType) -> None:
    async def go() -> None:
        provider = providers.local()
        answerer = GuardedAnswerer(provider)
        assert await answerer.available()
        for _ in range(3):
            await asyncio.sleep(0)
        assert provider.probes == 1
        await answerer.close()

    with capture_measurements() as captured:
        run(go())
    assert len(captured.named("answering.warm_up")) == 1


def test_closing_ends_the_probe_and_closes_the_provider(question: Question, providers: ModuleType) -> None:
    async def go() -> None:
        provider = providers.cloud(texts=(), failure="down", probe_failure="down")
        answerer = GuardedAnswerer(provider)
        with pytest.raises(AnswererError):
            await heard(answerer, question)
        await answerer.close()
        assert provider.closed
        assert not [task for task in asyncio.all_tasks() if "probe" in task.get_name()]

    run(go())
