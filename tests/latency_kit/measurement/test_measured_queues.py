"""Measured queues behave as the standard library's, tell wait from service, and carry the context."""

import asyncio
import gc
import queue
import threading
from typing import Any

import pytest
from opentelemetry import context as context_api

import latency_kit
from latency_kit import Outcome, UsageError
from latency_kit.measurement.active import active
from latency_kit.measurement.asyncio_queues import (
    MeasuredAsyncLifoQueue,
    MeasuredAsyncPriorityQueue,
    MeasuredAsyncQueue,
)
from latency_kit.measurement.readings import readings
from latency_kit.measurement.thread_queues import (
    MeasuredLifoQueue,
    MeasuredPriorityQueue,
    MeasuredQueue,
    MeasuredSimpleQueue,
)
from latency_kit.testing import Capture, FakeClock, capture_measurements

THREAD_KINDS = [MeasuredQueue, MeasuredLifoQueue, MeasuredPriorityQueue]
ASYNC_KINDS = [MeasuredAsyncQueue, MeasuredAsyncLifoQueue, MeasuredAsyncPriorityQueue]
BOUNDED_KINDS: list[Any] = THREAD_KINDS + ASYNC_KINDS


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def ended(captured: Capture, name: str) -> list[tuple[Outcome, int]]:
    return [(one.outcome, one.duration_ns) for one in captured.named(name)]


@pytest.mark.parametrize("kind", [*BOUNDED_KINDS, MeasuredSimpleQueue])
def test_the_wait_is_from_put_to_get_and_is_no_service_time(kind: Any, clock: FakeClock) -> None:
    with capture_measurements(clock=clock) as captured:
        measured = kind("shop", "order")
        measured.put_nowait(7)
        clock.advance(ns=300)
        taken = measured.take_nowait() if hasattr(measured, "take_nowait") else measured.take()
        with taken as item:
            clock.advance(ns=50)
    assert item == 7
    assert taken.wait_ns == 300
    assert ended(captured, "shop.order.wait") == [(Outcome.OK, 300)]
    assert ended(captured, "shop.order") == [(Outcome.OK, 50)]


@pytest.mark.parametrize("kind", [*BOUNDED_KINDS, MeasuredSimpleQueue])
def test_a_plain_get_gives_the_item_alone_and_records_the_wait(kind: Any, clock: FakeClock) -> None:
    with capture_measurements(clock=clock) as captured:
        measured = kind("shop", "order")
        measured.put_nowait(7)
        clock.advance(ns=5)
        assert measured.get_nowait() == 7
    assert ended(captured, "shop.order.wait") == [(Outcome.OK, 5)]
    assert captured.named("shop.order") == ()


@pytest.mark.parametrize(
    ("kind", "order"),
    [
        (MeasuredQueue, [2, 3, 1]),
        (MeasuredLifoQueue, [1, 3, 2]),
        (MeasuredPriorityQueue, [1, 2, 3]),
        (MeasuredAsyncQueue, [2, 3, 1]),
        (MeasuredAsyncLifoQueue, [1, 3, 2]),
        (MeasuredAsyncPriorityQueue, [1, 2, 3]),
        (MeasuredSimpleQueue, [2, 3, 1]),
    ],
)
def test_items_come_out_in_the_order_of_the_kind(kind: Any, order: list[int]) -> None:
    measured = kind("shop", "order")
    for item in (2, 3, 1):
        measured.put_nowait(item)
    assert [measured.get_nowait() for _ in range(3)] == order


@pytest.mark.parametrize(
    ("drop_in", "original"),
    [
        (MeasuredQueue, queue.Queue),
        (MeasuredLifoQueue, queue.LifoQueue),
        (MeasuredPriorityQueue, queue.PriorityQueue),
        (MeasuredSimpleQueue, queue.SimpleQueue),
        (MeasuredAsyncQueue, asyncio.Queue),
        (MeasuredAsyncLifoQueue, asyncio.LifoQueue),
        (MeasuredAsyncPriorityQueue, asyncio.PriorityQueue),
    ],
)
def test_they_are_the_standard_librarys_queues_by_type(drop_in: type, original: type) -> None:
    assert issubclass(drop_in, original)


@pytest.mark.parametrize("kind", BOUNDED_KINDS)
def test_a_full_queue_refuses_and_counts_it(kind: Any) -> None:
    measured = kind("shop", "order", 1)
    measured.put_nowait(1)
    for _ in range(2):
        with pytest.raises((queue.Full, asyncio.QueueFull)):
            measured.put_nowait(2)
    assert (measured.refused, measured.dropped, measured.qsize()) == (2, 0, 1)


@pytest.mark.parametrize(
    ("kind", "left"),
    [
        (MeasuredQueue, [5, 1, 9]),
        (MeasuredLifoQueue, [9, 1, 5]),
        (MeasuredPriorityQueue, [1, 5, 9]),
        (MeasuredAsyncQueue, [5, 1, 9]),
        (MeasuredAsyncLifoQueue, [9, 1, 5]),
        (MeasuredAsyncPriorityQueue, [1, 5, 9]),
    ],
)
def test_drop_oldest_gives_up_what_has_waited_longest_in_every_order(
    kind: Any, left: list[int], clock: FakeClock
) -> None:
    with capture_measurements(clock=clock) as captured:
        measured = kind("shop", "order", 3, on_full="drop_oldest")
        for item in (3, 5, 1, 9):
            measured.put_nowait(item)
            clock.advance(ns=10)
        clock.advance(ns=100)
        assert [measured.get_nowait() for _ in range(3)] == left
    assert (measured.dropped, measured.refused) == (1, 0)
    assert ended(captured, "shop.order.wait")[0] == (Outcome.DROPPED, 30)
    assert sorted(ended(captured, "shop.order.wait")[1:]) == [
        (Outcome.OK, 110),
        (Outcome.OK, 120),
        (Outcome.OK, 130),
    ]


@pytest.mark.parametrize("kind", BOUNDED_KINDS)
def test_drop_newest_gives_up_what_was_to_be_put(kind: Any) -> None:
    with capture_measurements() as captured:
        measured = kind("shop", "order", 1, on_full="drop_newest")
        measured.put_nowait(1)
        measured.put_nowait(2)
        assert measured.get_nowait() == 1
        assert measured.empty()
    assert measured.dropped == 1
    assert [one.outcome for one in captured.named("shop.order.wait")] == [Outcome.DROPPED, Outcome.OK]


def test_join_does_not_wait_for_dropped_items() -> None:
    async def main() -> None:
        measured: MeasuredAsyncQueue[int] = MeasuredAsyncQueue("shop", "order", 1, on_full="drop_oldest")
        for item in range(3):
            await measured.put(item)
        joined = asyncio.create_task(measured.join())
        await asyncio.sleep(0)
        assert not joined.done()
        async with measured.work() as item:
            assert item == 2
        await asyncio.wait_for(joined, 10)

    asyncio.run(main())
    threads: MeasuredQueue[int] = MeasuredQueue("shop", "order", 1, on_full="drop_oldest")
    for item in range(3):
        threads.put(item)
    with threads.work(timeout=10) as item:
        assert item == 2
    threads.join()


def test_work_is_done_and_recorded_even_when_it_raises(clock: FakeClock) -> None:
    measured: MeasuredQueue[int] = MeasuredQueue("shop", "order")
    with capture_measurements(clock=clock) as captured:
        measured.put(1)
        with pytest.raises(KeyError), measured.work():  # noqa: PT012  # raising is what the block is for
            clock.advance(ns=4)
            raise KeyError
    measured.join()
    assert ended(captured, "shop.order") == [(Outcome.ERROR, 4)]


def test_a_producer_that_waits_for_room_is_recorded_apart(clock: FakeClock) -> None:
    async def main() -> None:
        measured: MeasuredAsyncQueue[int] = MeasuredAsyncQueue("shop", "order", 1)
        await measured.put(1)
        waiting = asyncio.create_task(measured.put(2))
        await asyncio.sleep(0)
        clock.advance(ns=70)
        assert await measured.get() == 1
        await waiting
        clock.advance(ns=8)
        assert await measured.get() == 2

    with capture_measurements(clock=clock) as captured:
        asyncio.run(main())
    (put,) = [one.histogram for one in captured.series if one.name == "shop.order.put"]
    assert (put.count, put.min_ns, put.max_ns) == (2, 0, 70)
    # The wait for room is no queue wait: the second item was in the queue for 8 ns.
    assert ended(captured, "shop.order.wait") == [(Outcome.OK, 70), (Outcome.OK, 8)]


def test_a_put_that_times_out_is_refused_and_its_wait_recorded(clock: FakeClock) -> None:
    with capture_measurements(clock=clock) as captured:
        measured: MeasuredQueue[int] = MeasuredQueue("shop", "order", 1)
        measured.put(1)
        with pytest.raises(queue.Full):
            measured.put(2, timeout=0.001)
    assert measured.refused == 1
    assert [(one.name, one.outcome) for one in captured.series] == [
        ("shop.order.put", Outcome.OK),
        ("shop.order.put", Outcome.TIMED_OUT),
    ]


def test_the_context_of_the_producer_is_entered_by_work_alone() -> None:
    key = context_api.create_key("tenant")

    async def main() -> None:
        measured: MeasuredAsyncQueue[int] = MeasuredAsyncQueue("shop", "order")

        async def produce(tenant: str) -> None:
            token = context_api.attach(context_api.set_value(key, tenant))
            measured.put_nowait(1)
            context_api.detach(token)

        await asyncio.gather(produce("a"), produce("b"))
        seen = []
        for _ in range(2):
            async with measured.work():
                seen.append(context_api.get_value(key))
            assert context_api.get_value(key) is None
        assert seen == ["a", "b"]

    # The context goes with the item whether or not anything is recorded: it may hold a deadline.
    asyncio.run(main())


def test_many_threads_lose_nothing_and_see_their_own_waits() -> None:
    measured: MeasuredQueue[int] = MeasuredQueue("shop", "order", 4)
    got: list[int] = []

    def consume() -> None:
        while True:
            with measured.work(timeout=30) as item:
                if item < 0:
                    return
                got.append(item)

    with capture_measurements() as captured:
        threads = [threading.Thread(target=consume) for _ in range(3)]
        for thread in threads:
            thread.start()
        for item in range(300):
            measured.put(item)
        for _ in threads:
            measured.put(-1)
        for thread in threads:
            thread.join(30)
    assert sorted(got) == list(range(300))
    assert len(captured.named("shop.order.wait")) == 303
    assert len(captured.named("shop.order")) == 303


def test_depth_dropped_and_refused_are_read_while_the_queue_lives() -> None:
    whose = {"latency.component": "depths", "latency.operation": "order", "kind": "x"}
    measured: MeasuredQueue[int] | None = MeasuredQueue("depths", "order", 2, attributes={"kind": "x"})
    other: MeasuredQueue[int] | None = MeasuredQueue("depths", "order", attributes={"kind": "x"})
    assert measured is not None
    assert other is not None
    for item in range(2):
        measured.put(item)
    other.put(1)
    with pytest.raises(queue.Full):
        measured.put_nowait(3)

    def read() -> dict[str, tuple[float, bool, str]]:
        return {
            one.name: (one.value, one.is_total, one.unit)
            for one in readings()
            if dict(one.attributes) == whose
        }

    assert read() == {
        "latency.queue.depth": (3, False, "{item}"),
        "latency.queue.dropped": (0, True, "{item}"),
        "latency.queue.refused": (1, True, "{item}"),
    }
    measured = other = None
    gc.collect()
    assert read() == {}


class _ShutDownLikePython313(asyncio.Queue[int]):
    """What `shutdown` of Python 3.13 does to the hooks, so that older versions hold it as well."""

    def shutdown(self, immediate: bool = False) -> None:
        while immediate and not self.empty():
            self._get()


class _MeasuredLater(MeasuredAsyncQueue[int], _ShutDownLikePython313): ...


def test_an_immediate_shutdown_counts_what_it_throws_away_as_dropped(clock: FakeClock) -> None:
    with capture_measurements(clock=clock) as captured:
        measured = _MeasuredLater("shop", "order")
        measured.put_nowait(1)
        measured.put_nowait(2)
        clock.advance(ns=6)
        assert measured.get_nowait() == 1
        measured.shutdown(immediate=True)
    assert measured.dropped == 1
    assert ended(captured, "shop.order.wait") == [(Outcome.OK, 6), (Outcome.DROPPED, 6)]


@pytest.mark.parametrize("kind", BOUNDED_KINDS)
@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        ({"maxsize": 1, "on_full": "explode"}, "on_full must be one of 'wait', 'drop_oldest', 'drop_newest'"),
        ({"on_full": "drop_oldest"}, "give a maxsize from 1"),
        ({"maxsize": "many"}, "maxsize must be a whole number"),
        ({"attributes": {"a": object()}}, "attribute 'a' must be"),
    ],
)
def test_bad_use_is_refused_at_construction(kind: Any, arguments: dict[str, Any], fragment: str) -> None:
    with pytest.raises(UsageError, match=fragment):
        kind("shop", "order", **arguments)


def test_an_item_is_worked_on_once() -> None:
    measured: MeasuredQueue[int] = MeasuredQueue("shop", "order")
    measured.put(1)
    taken = measured.take()
    with taken, pytest.raises(UsageError, match="already being worked on"):
        taken.__enter__()


def test_wait_and_work_are_children_of_the_producer_and_linked_to_the_consumer(clock: FakeClock) -> None:
    sdk_trace = pytest.importorskip("opentelemetry.sdk.trace", reason="needs the extra otlp")
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: PLC0415  # needs the extra
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import (  # noqa: PLC0415  # the same
        InMemorySpanExporter,
    )

    from latency_kit.measurement.spans import SpanMaker  # noqa: PLC0415  # the same

    exporter = InMemorySpanExporter()
    provider = sdk_trace.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    measured: MeasuredQueue[int] = MeasuredQueue("shop", "order")
    with capture_measurements(clock=clock):
        active.span_maker = SpanMaker.of_provider(provider)
        with latency_kit.measure_latency("web", "request"):
            measured.put(1)
        with latency_kit.measure_latency("worker", "batch"), measured.work():
            clock.advance(ns=1)
    spans = {span.name: span for span in exporter.get_finished_spans()}
    producer = spans["web.request"].context
    assert producer is not None
    for name in ("shop.order.wait", "shop.order"):
        assert spans[name].parent == producer
    consumer = spans["worker.batch"].context
    assert [link.context for link in spans["shop.order"].links] == [consumer]
    assert spans["shop.order.wait"].links == ()
