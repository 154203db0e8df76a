"""Measured executors: the wait for a worker apart from the work, in threads and in other processes."""

import asyncio
import multiprocessing
import operator
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from typing import Any

import pytest

import latency_kit
from latency_kit import Outcome, UsageError
from latency_kit.measurement.active import active
from latency_kit.measurement.executors import MeasuredExecutor, measured_executor
from latency_kit.measurement.readings import readings
from latency_kit.testing import Capture, FakeClock, capture_measurements


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    # Spawned: what crosses must really have crossed, and no thread of this process is forked.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def ended(captured: Capture, name: str) -> list[tuple[Outcome, int]]:
    return [(one.outcome, one.duration_ns) for one in captured.named(name)]


def occupy(pool: MeasuredExecutor) -> tuple["Future[bool]", threading.Event]:
    """Occupy the one worker of `pool` until the event is set; return when it is occupied."""
    occupied, go_on = threading.Event(), threading.Event()

    def work() -> bool:
        occupied.set()
        return go_on.wait(30)

    future = pool.submit(work)
    assert occupied.wait(30)
    return future, go_on


def test_waiting_for_a_worker_is_recorded_apart_from_the_work() -> None:
    clock = FakeClock()
    with capture_measurements(clock=clock) as captured, ThreadPoolExecutor(1) as threads:
        pool = measured_executor(threads, "images", "resize")
        first, go_on = occupy(pool)
        second = pool.submit(clock.advance, ns=5)
        clock.advance(ns=100)
        go_on.set()
        assert first.result(30)
        assert second.result(30) is None
    assert ended(captured, "images.resize.wait") == [(Outcome.OK, 0), (Outcome.OK, 100)]
    assert ended(captured, "images.resize") == [(Outcome.OK, 100), (Outcome.OK, 5)]


def test_an_error_of_the_work_is_raised_unchanged_and_recorded() -> None:
    with capture_measurements() as captured, ThreadPoolExecutor(1) as threads:
        future = measured_executor(threads, "images", "resize").submit(operator.truediv, 1, 0)
        with pytest.raises(ZeroDivisionError):
            future.result(30)
    assert [(one.outcome, one.error) for one in captured.named("images.resize")] == [
        (Outcome.ERROR, "ZeroDivisionError")
    ]


def test_work_cancelled_before_it_started_waited_in_vain() -> None:
    clock = FakeClock()
    with capture_measurements(clock=clock) as captured, ThreadPoolExecutor(1) as threads:
        pool = measured_executor(threads, "images", "resize")
        _, go_on = occupy(pool)
        waiting = pool.submit(int)
        clock.advance(ns=7)
        assert waiting.cancel()
        go_on.set()
    assert ended(captured, "images.resize.wait") == [(Outcome.OK, 0), (Outcome.CANCELLED, 7)]
    assert len(captured.named("images.resize")) == 1


def test_run_in_executor_takes_it_and_map_keeps_order() -> None:
    async def main(pool: MeasuredExecutor) -> list[int]:
        loop = asyncio.get_running_loop()
        return await asyncio.gather(*(loop.run_in_executor(pool, abs, -n) for n in range(3)))

    with capture_measurements() as captured:
        with measured_executor(ThreadPoolExecutor(2), "maths", "abs") as pool:
            assert asyncio.run(main(pool)) == [0, 1, 2]
            assert list(pool.map(abs, [-5, -4])) == [5, 4]
        with pytest.raises(RuntimeError, match="after shutdown"):
            pool.submit(int)
    assert len(captured.named("maths.abs")) == 5


def test_waiting_running_workers_and_cancelled_can_be_read() -> None:
    with ThreadPoolExecutor(1) as threads:
        pool = measured_executor(threads, "saturation", "work")
        first, go_on = occupy(pool)
        waiting = [pool.submit(int) for _ in range(3)]
        waiting[0].cancel()

        def read() -> dict[str, float]:
            return {
                one.name.removeprefix("latency.executor."): one.value
                for one in readings()
                if one.attributes.get("latency.component") == "saturation"
            }

        assert read() == {"waiting": 2, "running": 1, "workers": 1, "cancelled": 1}
        go_on.set()
        assert first.result(30)
        assert [one.result(30) for one in waiting[1:]] == [0, 0]
    assert read() == {"waiting": 0, "running": 0, "workers": 1, "cancelled": 1}


def test_work_in_another_process_is_recorded_here_on_the_clock_that_both_share(
    processes: ProcessPoolExecutor,
) -> None:
    pool = measured_executor(processes, "maths", "power")
    with capture_measurements() as captured:
        before_ns = latency_kit.now_ns()
        assert pool.submit(pow, 2, 5).result(60) == 32
        after_ns = latency_kit.now_ns()
    (wait,) = captured.named("maths.power.wait")
    (work,) = captured.named("maths.power")
    assert before_ns <= wait.start_ns < wait.end_ns == work.start_ns < work.end_ns <= after_ns


def test_without_a_shared_clock_only_the_duration_of_the_work_is_recorded(
    processes: ProcessPoolExecutor,
) -> None:
    clock = FakeClock()
    with capture_measurements(clock=clock) as captured:
        assert measured_executor(processes, "maths", "power").submit(pow, 2, 5).result(60) == 32
    assert captured.named("maths.power.wait") == ()
    (work,) = captured.named("maths.power")
    assert work.end_ns == clock.monotonic_ns()
    assert work.duration_ns > 0


def test_an_error_in_another_process_keeps_its_remote_traceback(processes: ProcessPoolExecutor) -> None:
    with capture_measurements() as captured:
        future = measured_executor(processes, "maths", "divide").submit(operator.truediv, 1, 0)
        with pytest.raises(ZeroDivisionError) as caught:
            future.result(60)
    assert "run_in_child" in str(caught.value.__cause__)
    assert caught.value.__dict__ == {}
    assert [one.error for one in captured.named("maths.divide")] == ["ZeroDivisionError"]


def test_futures_of_other_processes_can_be_waited_for_and_cancelled() -> None:
    with capture_measurements() as captured:
        inside: ThreadPoolExecutor = ThreadPoolExecutor(1)
        # Threads that are treated as another process: the future's ways are the same and can be timed.
        pool = measured_executor(inside, "maths", "abs", crosses_process=True)
        first, go_on = occupy(pool)
        waiting = pool.submit(int)
        assert first.running()
        assert not first.cancel()
        assert waiting.cancel()
        assert waiting.cancelled()
        go_on.set()
        both: list[Future[Any]] = [first, waiting]
        assert {future.cancelled() for future in as_completed(both, timeout=30)} == {True, False}
        with pytest.raises(CancelledError):
            waiting.result(0)
        pool.shutdown()
    assert sorted(one.outcome for one in captured.named("maths.abs.wait")) == [Outcome.CANCELLED, Outcome.OK]


def current_traceparent() -> str:
    """Run in the other process: what its context says."""
    from opentelemetry import trace  # noqa: PLC0415  # loaded there

    trace.get_current_span()
    return latency_kit.traceparent()


def test_the_context_reaches_threads_and_other_processes(processes: ProcessPoolExecutor) -> None:
    sdk_trace = pytest.importorskip("opentelemetry.sdk.trace", reason="needs the extra otlp")
    from latency_kit.measurement.spans import SpanMaker  # noqa: PLC0415  # needs the extra

    with capture_measurements() as captured, ThreadPoolExecutor(1) as threads:
        active.span_maker = SpanMaker.of_provider(sdk_trace.TracerProvider())
        with latency_kit.measure_latency("web", "request") as request:
            here = request.traceparent
            there = measured_executor(processes, "a", "process").submit(current_traceparent).result(60)
            in_thread = measured_executor(threads, "a", "thread").submit(current_traceparent).result(60)
    assert there == here
    (work,) = captured.named("a.thread")
    assert work.span_id is not None
    assert in_thread.split("-")[1:3] == [here.split("-")[1], f"{work.span_id:016x}"]
    trace_ids = {one.trace_id for one in captured.measurements}
    assert trace_ids == {int(here.split("-")[1], 16)}


def test_bad_use_is_refused_at_construction() -> None:
    with pytest.raises(UsageError, match=r"wraps a concurrent.futures.Executor, got int"):
        measured_executor(4, "a", "b")  # type: ignore[arg-type]  # what this test is about
    with ThreadPoolExecutor(1) as threads, pytest.raises(UsageError, match="component"):
        measured_executor(threads, "", "b")
