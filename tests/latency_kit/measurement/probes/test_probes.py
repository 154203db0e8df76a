"""Each probe finds what it is for, starts and stops cleanly, and names what blocks where it can."""

import asyncio
import gc
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from latency_kit import UsageError, measure_latency
from latency_kit.measurement.active import active
from latency_kit.measurement.pauses import forget_pauses, recent_pauses
from latency_kit.measurement.probes import start_probes
from latency_kit.measurement.probes.event_loop import EventLoopProbe
from latency_kit.measurement.probes.garbage_collector import GarbageCollectorProbe
from latency_kit.measurement.probes.resident_memory import ResidentMemoryProbe
from latency_kit.measurement.probes.thread_pools import ThreadPoolProbe
from latency_kit.measurement.readings import readings
from latency_kit.testing import Capture, FakeClock, capture_measurements


@pytest.fixture(autouse=True)
def _no_pauses_of_other_tests() -> Iterator[None]:
    forget_pauses()
    yield
    forget_pauses()


def figures(captured: Capture) -> dict[str, tuple[int, int]]:
    return {one.name: (one.histogram.count, one.histogram.max_ns) for one in captured.series}


def test_collections_are_recorded_by_generation_and_long_ones_are_pauses() -> None:
    clock = FakeClock()
    gc.disable()
    with capture_measurements(clock=clock) as captured:
        probe = GarbageCollectorProbe(told_above_ms=1)
        probe.start()

        def let_time_pass(phase: str, _: dict[str, int]) -> None:
            clock.advance(ms=3 if phase == "start" else 0)

        gc.callbacks.append(let_time_pass)
        try:
            gc.collect(2)
        finally:
            gc.callbacks.remove(let_time_pass)
        gc.collect(0)
        probe.stop()
        probe.stop()
        gc.collect(1)
        gc.enable()
    assert figures(captured) == {
        "garbage_collector.generation_0": (1, 0),
        "garbage_collector.generation_2": (1, 3_000_000),
    }
    assert [(one.name, one.duration_ns) for one in recent_pauses()] == [
        ("garbage_collector.generation_2", 3_000_000)
    ]
    assert captured.measurements == ()


def test_the_lag_of_a_loop_is_recorded_raw_and_corrected() -> None:
    clock = FakeClock()

    async def main() -> None:
        probe = EventLoopProbe(interval_ms=1, blocked_after_ms=50, watch=False)
        probe.start()
        clock.advance(ms=1)
        clock.advance(ms=4)
        beaten = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.01, beaten.set_result, None)
        await beaten
        probe.stop()

    with capture_measurements(clock=clock) as captured:
        asyncio.run(main())
    figures_now = figures(captured)
    assert figures_now["event_loop.lag"][1] == 4_000_000
    # One beat was 4 ms late; those of 3, 2 and 1 ms never came about.
    corrected, raw = figures_now["event_loop.lag.corrected"][0], figures_now["event_loop.lag"][0]
    assert corrected - raw == 3
    assert recent_pauses() == ()


def test_a_blocked_loop_names_task_and_line_and_tells_the_calls_that_it_delayed() -> None:
    clock = FakeClock()

    async def block(probe: EventLoopProbe) -> None:
        async with measure_latency("shop", "blocking"):
            clock.advance(ms=400)
            looker = threading.Thread(target=probe.look)
            looker.start()
            looker.join(30)

    async def innocent(go_on: asyncio.Event) -> None:
        async with measure_latency("shop", "innocent"):
            await go_on.wait()

    async def main() -> None:
        probe, go_on = EventLoopProbe(interval_ms=100, watch=False), asyncio.Event()
        waiting = asyncio.create_task(innocent(go_on))
        await asyncio.sleep(0)
        probe.start()
        await asyncio.create_task(block(probe), name="the culprit")
        go_on.set()
        await waiting
        probe.stop()

    with capture_measurements(clock=clock) as captured, start_probes(garbage_collector=True):
        asyncio.run(main())
    (pause,) = recent_pauses()
    assert (pause.name, pause.duration_ns, pause.task, pause.is_over) == (
        "event_loop.lag",
        300_000_000,
        "the culprit",
        True,
    )
    assert pause.where is not None
    assert pause.where.startswith("threading.")
    (blocking,), (delayed,) = captured.named("shop.blocking"), captured.named("shop.innocent")
    assert dict(blocking.attributes) == {"latency.blocked_event_loop_ns": 300_000_000}
    assert delayed.attributes["latency.delayed_ns"] == 300_000_000
    assert delayed.attributes["latency.delayed_by"] == (f"event_loop.lag: {pause.where}",)


def test_a_loop_that_was_late_unseen_is_a_pause_without_a_name() -> None:
    clock = FakeClock()

    async def main() -> None:
        probe = EventLoopProbe(interval_ms=1, blocked_after_ms=50, watch=False)
        probe.start()
        clock.advance(ms=71)
        beaten = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.01, beaten.set_result, None)
        await beaten
        probe.stop()

    with capture_measurements(clock=clock):
        asyncio.run(main())
    assert [(one.duration_ns, one.task) for one in recent_pauses()] == [(70_000_000, None)]


def test_the_watching_thread_sees_a_loop_that_really_blocks_and_ends_with_it() -> None:
    seen = threading.Event()

    async def main() -> None:
        probe = EventLoopProbe(interval_ms=2, blocked_after_ms=4)
        probe.start()
        for _ in range(3000):
            if recent_pauses():
                seen.set()
                break
            threading.Event().wait(0.01)
        # Not stopped: the loop ends under it.

    with capture_measurements():
        asyncio.run(main(), debug=False)
        for thread in threading.enumerate():
            if thread.name == "latency_kit-event-loop-probe":
                thread.join(30)
    assert seen.is_set()
    assert not [one for one in threading.enumerate() if one.name == "latency_kit-event-loop-probe"]
    assert recent_pauses()[0].is_over


def test_memory_is_what_the_system_tells_and_absent_where_it_tells_nothing(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="not on Windows")
    statm = tmp_path / "statm"
    statm.write_text("1000 250 30 4 0 60 0\n")
    (used,) = ResidentMemoryProbe(statm=statm).readings()
    assert (used.name, used.value, used.unit) == ("process.memory.usage", 250 * resource.getpagesize(), "By")
    statm.write_text("nonsense")
    (linux,) = ResidentMemoryProbe(statm=statm, platform="linux").readings()
    (mac,) = ResidentMemoryProbe(statm=tmp_path / "none", platform="darwin").readings()
    assert linux.name == mac.name == "process.memory.peak"
    assert linux.value == pytest.approx(mac.value * 1024, rel=0.1)


def test_memory_is_absent_where_the_system_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    assert list(ResidentMemoryProbe(statm=tmp_path / "none").readings()) == []


def test_saturation_of_a_thread_pool_is_read_while_it_lives() -> None:
    busy, go_on = threading.Event(), threading.Event()

    def work() -> None:
        busy.set()
        go_on.wait(30)

    def read() -> dict[str, float]:
        return {
            one.name: one.value for one in readings() if one.attributes.get("latency.pool") == "background"
        }

    with ThreadPoolExecutor(1) as pool, start_probes(thread_pools={"background": pool}):
        assert read()["latency.executor.running"] == 0
        pool.submit(work)
        assert busy.wait(30)
        pool.submit(work)
        assert read() == {
            "latency.executor.waiting": 1,
            "latency.executor.running": 1,
            "latency.executor.workers": 1,
        }
        go_on.set()
    assert read() == {}


def test_the_default_pool_of_a_loop_is_absent_until_it_is_used() -> None:
    async def main() -> None:
        probe = ThreadPoolProbe(asyncio.get_running_loop(), "default")
        assert list(probe.readings()) == []
        await asyncio.to_thread(int)
        assert "latency.executor.workers" in {one.name for one in probe.readings()}

    asyncio.run(main())


def test_either_all_probes_start_or_none() -> None:
    before = list(gc.callbacks)
    with pytest.raises(UsageError, match="no event loop runs here"):
        start_probes(garbage_collector=True, event_loop=True)
    assert gc.callbacks == before
    assert active.call_class is None


@pytest.mark.parametrize(
    ("make", "fragment"),
    [
        (start_probes, "starts what is asked for"),
        (lambda: GarbageCollectorProbe(told_above_ms=-1), "must not be negative"),
        (lambda: EventLoopProbe(interval_ms=0), "interval_ms must be more than 0"),
        (lambda: EventLoopProbe(blocked_after_ms=-1), "blocked_after_ms must be more than 0"),
        (lambda: ThreadPoolProbe(3, "x"), "reads a ThreadPoolExecutor"),  # type: ignore[arg-type]  # on purpose
        (lambda: start_probes(thread_pools={"": ThreadPoolExecutor(1)}), "non-empty string"),
    ],
)
def test_bad_use_is_refused_at_construction(make: Any, fragment: str) -> None:
    with pytest.raises(UsageError, match=fragment):
        make()
