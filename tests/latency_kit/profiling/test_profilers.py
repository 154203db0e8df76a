"""Profilers find what took the time, keep what they saw when the profiled code fails, and name the calls."""

import asyncio
import json
import pstats
import sys
from pathlib import Path
from typing import Any

import pytest

import latency_kit
from latency_kit import UsageError
from latency_kit.profiling import AsyncProfiler, FunctionProfiler, Profile
from latency_kit.profiling.coroutine_steps import SteppedCoroutine
from latency_kit.profiling.stacks import Frame, Stack
from latency_kit.profiling.steps_seen import MAX_STACKS, StepsOfLoop
from latency_kit.testing import FakeClock
from latency_kit.units import NS_PER_MS, NS_PER_US


def square(number: int) -> int:
    return number * number


@latency_kit.measure_latency("maths", "sum_of_squares")
def sum_of_squares(count: int) -> int:
    return sum([square(number) for number in range(count)])


def named(profile: Profile, name: str) -> Any:
    return next(entry for entry in profile.entries if entry.name.endswith(name))


def test_every_call_of_a_function_is_counted() -> None:
    with FunctionProfiler("squares") as profiler:
        sum_of_squares(1000)
    entry = named(profiler.profile, ".square")
    assert (entry.count, entry.category, Path(entry.file).name) == (1000, "computes", Path(__file__).name)
    assert 0 < entry.own <= entry.total <= profiler.profile.duration_ns
    assert profiler.profile.top(3)[0].own >= profiler.profile.top(3)[2].own


def test_what_the_profiled_code_raises_passes_through_and_the_profile_is_kept(tmp_path: Path) -> None:
    profiler = FunctionProfiler("squares")
    with pytest.raises(ZeroDivisionError), profiler:
        square(1 // 0)
    assert profiler.profile.kind.value == "functions"
    assert all(path.exists() for path in profiler.save(tmp_path))


def test_there_is_no_profile_before_the_end() -> None:
    with pytest.raises(UsageError, match="once the block has ended"):
        _ = FunctionProfiler("squares").profile
    with pytest.raises(UsageError, match="once the coroutine has ended"):
        _ = AsyncProfiler("squares").profile


@pytest.mark.skipif(sys.version_info < (3, 12), reason="older Pythons replace the other profiler silently")
def test_a_second_profiler_is_refused_in_one_line() -> None:
    with FunctionProfiler("outer"), pytest.raises(UsageError, match="end the other profiler"):
        FunctionProfiler("inner").__enter__()


def test_the_statistics_open_with_the_standard_library(tmp_path: Path) -> None:
    with FunctionProfiler("squares") as profiler:
        sum_of_squares(10)
    _, written = profiler.save(tmp_path)
    stats: Any = pstats.Stats(str(written))
    assert stats.total_calls == profiler.statistics().total_calls  # type: ignore[attr-defined]  # untyped there


def test_calls_measured_meanwhile_are_named_without_a_configuration() -> None:
    with FunctionProfiler("squares") as profiler:
        sum_of_squares(10)
    (call,) = profiler.profile.calls
    assert (call.name, call.outcome, call.trace_id) == ("maths.sum_of_squares", "ok", "")
    assert latency_kit.configure().shutdown()  # nothing of the profiler is left in force


def test_calls_measured_meanwhile_lead_to_their_traces_with_a_configuration() -> None:
    pytest.importorskip("opentelemetry.sdk", reason="spans take the extra 'otlp'")
    with latency_kit.configure(spans=True) as telemetry:
        sum_of_squares(5)
        with FunctionProfiler("squares") as profiler:
            sum_of_squares(10)
        (_, measured) = telemetry.recent()
    (call,) = profiler.profile.calls
    assert measured.trace_id is not None
    assert (call.trace_id, call.duration_ns) == (f"{measured.trace_id:032x}", measured.duration_ns)


def test_a_block_that_configures_goes_on_recording_afterwards() -> None:
    with FunctionProfiler("squares") as profiler:
        telemetry = latency_kit.configure()
        sum_of_squares(10)
    sum_of_squares(10)
    assert telemetry.snapshot()[0].histogram.count == 2
    assert telemetry.shutdown()
    assert [call.name for call in profiler.profile.calls] == ["maths.sum_of_squares"]


class Steps:
    """Notes what a stepped coroutine tells."""

    def __init__(self) -> None:
        self.waits: list[tuple[str, int]] = []
        self.computed_ns = self._since_ns = 0

    def began_step(self, stack: Stack, now_ns: int) -> None:
        self._since_ns = now_ns

    def ended_step(self, now_ns: int) -> None:
        self.computed_ns += now_ns - self._since_ns

    def waited(self, stack: Stack, *, suspended_ns: int, resumed_ns: int) -> None:
        self.waits.append((stack[-1].name.rpartition(".")[2], resumed_ns - suspended_ns))


def test_waits_and_computing_are_exact_to_the_nanosecond() -> None:
    """A coroutine that computes 3 ms, waits 10 ms, and computes 5 ms."""
    clock, steps = FakeClock(), Steps()

    async def program() -> str:
        future = asyncio.get_running_loop().create_future()

        async def step() -> str:
            clock.advance(ms=3)
            value = await future
            clock.advance(ms=5)
            return str(value)

        task = asyncio.create_task(SteppedCoroutine(step(), steps, clock=clock.monotonic_ns))
        await asyncio.sleep(0)
        clock.advance(ms=10)
        future.set_result("done")
        return await task

    assert asyncio.run(program()) == "done"
    assert steps.computed_ns == 8 * NS_PER_MS
    assert steps.waits == [("step", 10 * NS_PER_MS)]


AT = (Frame("shop.load", "shop.py", 7),)


def parts(steps: StepsOfLoop) -> dict[str, int]:
    return {entry.category: entry.own for entry in steps.entries() if entry.own}


def test_a_wait_is_kept_while_steps_of_others_follow_each_other_up_to_its_end() -> None:
    """It waits from 100; others compute 200-300, 400-500 and, right after that, 500.1-600 ms."""
    steps = StepsOfLoop()
    for began_us, ended_us in ((200_000, 300_000), (400_000, 500_000), (500_100, 600_000)):
        steps.began_step((), began_us * NS_PER_US)
        steps.ended_step(ended_us * NS_PER_US)
    steps.waited(AT, suspended_ns=100 * NS_PER_MS, resumed_ns=600_050 * NS_PER_US)
    assert parts(steps) == {"waits": 300 * NS_PER_MS, "kept": 200_050 * NS_PER_US}


def test_a_wait_after_which_the_loop_was_idle_is_not_kept() -> None:
    steps = StepsOfLoop()
    steps.began_step((), 200 * NS_PER_MS)
    steps.ended_step(300 * NS_PER_MS)
    steps.waited(AT, suspended_ns=100 * NS_PER_MS, resumed_ns=400 * NS_PER_MS)
    assert parts(steps) == {"waits": 300 * NS_PER_MS}


def test_its_own_step_does_not_keep_a_coroutine() -> None:
    steps = StepsOfLoop()
    steps.began_step((), 0)
    steps.ended_step(50 * NS_PER_MS)
    steps.waited(AT, suspended_ns=50 * NS_PER_MS, resumed_ns=50 * NS_PER_MS + 20)
    assert parts(steps) == {"waits": 20}


def test_different_stacks_are_bounded() -> None:
    steps = StepsOfLoop()
    for line in range(MAX_STACKS + 5):
        steps.waited((Frame("shop.load", "shop.py", line),), suspended_ns=0, resumed_ns=NS_PER_MS)
    assert {entry.name: entry.own for entry in steps.entries() if not entry.file and entry.own} == {
        "(more stacks than are kept)": 5 * NS_PER_MS
    }


@pytest.mark.parametrize("cancels", [False, True])
def test_a_stepped_coroutine_behaves_like_the_one_it_drives(cancels: bool) -> None:
    seen: list[str] = []

    async def inner() -> int:
        try:
            await asyncio.sleep(0 if not cancels else 60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        return 7

    async def program() -> int:
        task = asyncio.create_task(SteppedCoroutine(inner(), Steps()))
        await asyncio.sleep(0)
        if cancels:
            task.cancel()
        return await task

    if cancels:
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(program())
        assert seen == ["cancelled"]
    else:
        assert asyncio.run(program()) == 7


def test_an_async_profile_tells_waits_from_computing_by_the_own_line(tmp_path: Path) -> None:
    async def pause() -> None:
        await asyncio.sleep(0.02)

    async def answer() -> int:
        task = asyncio.create_task(pause())
        await asyncio.sleep(0.01)
        total = sum_of_squares(100_000)
        await task
        return total

    async def program() -> tuple[AsyncProfiler, int]:
        profiler = AsyncProfiler("answer", interval_ms=0.5)
        return profiler, await profiler.run(answer())

    profiler, total = asyncio.run(program())
    assert total == sum(number * number for number in range(100_000))
    profile = profiler.profile
    waited: dict[str, int] = {}
    for entry in profile.entries:
        if entry.category in {"waits", "kept"}:
            name = entry.name.rpartition("<locals>.")[2]
            waited[name] = waited.get(name, 0) + entry.own
    assert waited["pause (asyncio.tasks.sleep)"] >= 20 * NS_PER_MS * 0.99
    assert waited["answer (asyncio.tasks.sleep)"] >= 10 * NS_PER_MS * 0.99
    assert any("square" in entry.name for entry in profile.entries if entry.category == "computes")
    assert [call.name for call in profile.calls] == ["maths.sum_of_squares"]
    _, scope, flat = profiler.save(tmp_path)
    names = [one["name"] for one in json.loads(scope.read_text())["profiles"]]
    assert names == ["waits", "kept", "computes"]
    assert flat.read_text().startswith("waits;")


def test_the_loops_own_task_factory_is_kept_and_comes_back() -> None:
    made: list[str] = []

    def factory(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> "asyncio.Task[Any]":
        made.append(type(coroutine).__name__)
        return asyncio.Task(coroutine, loop=loop, **options)

    async def program() -> None:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(factory)
        await AsyncProfiler("nothing").run(asyncio.sleep(0))
        assert loop.get_task_factory() is factory

    asyncio.run(program())
    assert made[0] == "SteppedCoroutine"


def test_what_a_coroutine_raises_passes_through_and_the_profile_is_kept() -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    profiler = AsyncProfiler("fail")
    with pytest.raises(ValueError, match="no"):
        asyncio.run(profiler.run(fail()))
    assert profiler.profile.facts["steps"] == "2"


def test_an_interval_that_is_not_positive_is_refused() -> None:
    with pytest.raises(UsageError, match="must be positive"):
        AsyncProfiler("x", interval_ms=0)
