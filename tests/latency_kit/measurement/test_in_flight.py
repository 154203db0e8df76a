"""Calls in flight are listed while they are followed, oldest first, and a call that never returns is seen."""

import asyncio
import gc
import os
import threading
from collections.abc import Iterator

import pytest

import latency_kit
from latency_kit import measure_latency
from latency_kit.measurement.active import active
from latency_kit.measurement.in_flight import follow_calls, in_flight
from latency_kit.measurement.readings import readings
from latency_kit.testing import FakeClock, capture_measurements


@pytest.fixture
def clock() -> Iterator[FakeClock]:
    clock = FakeClock()
    with capture_measurements(clock=clock):
        follow_calls(on=True)
        yield clock
        follow_calls(on=False)


def test_calls_are_listed_from_begin_to_end_oldest_first(clock: FakeClock) -> None:
    start_ns = clock.monotonic_ns()
    with measure_latency("shop", "order"):
        clock.advance(ns=100)
        operation = latency_kit.begin("shop", "delivery")
        clock.advance(ns=5)
        listed = in_flight()
        assert [(one.name, one.start_ns, one.age_ns) for one in listed] == [
            ("shop.order", start_ns, 105),
            ("shop.delivery", start_ns + 100, 5),
        ]
    assert [one.name for one in in_flight()] == ["shop.delivery"]
    operation.end()
    assert in_flight() == ()


def test_every_kind_of_call_is_followed(clock: FakeClock) -> None:
    seen: list[str] = []

    def look() -> None:
        seen.extend(one.operation for one in in_flight())

    @measure_latency("kinds", "function")
    def function() -> None:
        look()

    @measure_latency("kinds", "coroutine")
    async def coroutine() -> None:
        look()

    @measure_latency("kinds", "generator")
    def generator() -> Iterator[int]:
        look()
        yield 1

    function()
    asyncio.run(coroutine())
    list(generator())
    assert seen == ["function", "coroutine", "generator"]
    assert in_flight() == ()


def test_a_call_that_never_returns_tells_its_task_and_its_thread(clock: FakeClock) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hang() -> None:
        with measure_latency("stuck", "thread"):
            begun.set()
            go_on.wait(30)

    async def hang_in_task() -> None:
        async with measure_latency("stuck", "task"):
            await asyncio.Event().wait()

    async def main() -> list[tuple[str, str]]:
        task = asyncio.create_task(hang_in_task(), name="a task")
        await asyncio.sleep(0)
        listed = [(one.name, one.running_in) for one in in_flight()]
        task.cancel()
        return listed

    thread = threading.Thread(target=hang, name="a thread")
    thread.start()
    assert begun.wait(30)
    assert sorted(asyncio.run(main())) == [("stuck.task", "a task"), ("stuck.thread", "a thread")]
    go_on.set()
    thread.join(30)
    assert in_flight() == ()


def test_a_call_that_is_thrown_away_is_not_in_flight(clock: FakeClock) -> None:
    operation = latency_kit.begin("shop", "order")
    assert len(in_flight()) == 1
    del operation
    gc.collect()
    assert in_flight() == ()


def test_count_and_greatest_age_can_be_read(clock: FakeClock) -> None:
    with measure_latency("a", "b"), measure_latency("c", "d"):
        clock.advance(s=2)
        found = {
            one.name: (one.value, one.unit) for one in readings() if one.name.startswith("latency.calls.")
        }
    assert found == {"latency.calls.in_flight": (2, "{call}"), "latency.calls.oldest_age": (2.0, "s")}
    assert {one.name: one.value for one in readings() if one.name.startswith("latency.calls.")} == {
        "latency.calls.in_flight": 0
    }


def test_calls_are_followed_until_everybody_has_taken_it_back(clock: FakeClock) -> None:
    follow_calls(on=True)
    follow_calls(on=False)
    with measure_latency("a", "b"):
        assert len(in_flight()) == 1


def test_what_was_put_aside_for_following_comes_back() -> None:
    with capture_measurements():
        active.fast = fast = object()  # type: ignore[assignment]  # only its identity counts here
        follow_calls(on=True)
        assert active.fast is None
        follow_calls(on=False)
        assert active.fast is fast
        active.fast = None


def test_nothing_is_followed_unless_asked() -> None:
    with capture_measurements(), measure_latency("a", "b"):
        assert in_flight() == ()
    assert not [one for one in readings() if one.name.startswith("latency.calls.")]


@pytest.mark.parametrize("provider_of", ["sdk", "own"])
def test_the_trace_of_a_call_in_flight_is_known(clock: FakeClock, provider_of: str) -> None:
    sdk_trace = pytest.importorskip("opentelemetry.sdk.trace", reason="needs the extra otlp")
    from latency_kit.measurement.spans import SpanMaker  # noqa: PLC0415  # needs the extra
    from latency_kit.tracing import TracerProvider  # noqa: PLC0415  # the same

    provider = sdk_trace.TracerProvider() if provider_of == "sdk" else TracerProvider()
    active.span_maker = SpanMaker.of_provider(provider)
    with measure_latency("a", "b") as call:
        (listed,) = in_flight()
        assert f"{listed.trace_id:032x}" == call.traceparent.split("-")[1]
    provider.shutdown()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_calls_of_the_parent_are_not_in_flight_in_a_forked_child(clock: FakeClock) -> None:
    with measure_latency("a", "b"):
        child = os.fork()
        if child == 0:
            os._exit(len(in_flight()))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert len(in_flight()) == 1
