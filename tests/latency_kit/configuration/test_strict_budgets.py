"""A strict budget raises in the measured code's thread; the others never touch it."""

import asyncio
from collections.abc import Iterator

import pytest

import latency_kit
from latency_kit import measure_latency
from latency_kit.budget import BudgetPolicy, LatencyBudget
from latency_kit.errors import BudgetExceededError
from latency_kit.testing import FakeClock
from latency_kit.units import ms_to_ns


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=[False, True], ids=["histograms", "spans"])
def telemetry(clock: FakeClock, request: pytest.FixtureRequest) -> Iterator[latency_kit.Telemetry]:
    if request.param:
        pytest.importorskip("opentelemetry.sdk", reason="needs the extra otlp")
    policy = BudgetPolicy(
        (
            LatencyBudget(name="hard", component="a", operation="hard", limit_ns=ms_to_ns(10), strict=True),
            LatencyBudget(name="soft", component="a", operation="soft", limit_ns=ms_to_ns(10)),
        )
    )
    with latency_kit.configure(clock=clock, budgets=policy, spans=request.param) as configured:
        yield configured


@pytest.mark.parametrize("span", [True, False])
def test_a_function_over_its_strict_budget_raises_and_is_recorded(
    telemetry: latency_kit.Telemetry, clock: FakeClock, *, span: bool
) -> None:
    @measure_latency("a", "hard", span=span)
    def work(ms: int) -> str:
        clock.advance(ms=ms)
        return "done"

    assert work(10) == "done"
    with pytest.raises(BudgetExceededError, match="'hard'"):
        work(11)
    assert telemetry.snapshot()[0].histogram.count == 2


def test_blocks_coroutines_and_streams_raise_as_functions_do(
    telemetry: latency_kit.Telemetry, clock: FakeClock
) -> None:
    @measure_latency("a", "hard")
    async def coroutine() -> None:
        clock.advance(ms=11)

    @measure_latency("a", "hard")
    def stream() -> Iterator[int]:
        clock.advance(ms=11)
        yield 1

    with pytest.raises(BudgetExceededError), measure_latency("a", "hard"):
        clock.advance(ms=11)
    with pytest.raises(BudgetExceededError):
        asyncio.run(coroutine())
    with pytest.raises(BudgetExceededError):
        list(stream())


def test_a_call_that_failed_keeps_its_own_error(telemetry: latency_kit.Telemetry, clock: FakeClock) -> None:
    @measure_latency("a", "hard")
    def work() -> None:
        clock.advance(ms=11)
        raise KeyError("own")

    with pytest.raises(KeyError, match="own"):
        work()
    with pytest.raises(KeyError, match="own"), measure_latency("a", "hard"):
        work()


def test_an_ordinary_budget_never_touches_the_host(
    telemetry: latency_kit.Telemetry, clock: FakeClock
) -> None:
    with measure_latency("a", "soft"):
        clock.advance(ms=500)
    assert telemetry.snapshot()[0].histogram.count == 1
