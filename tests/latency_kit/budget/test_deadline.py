"""What remains of a deadline, and that everything which carries the context carries the deadline."""

import asyncio
import copy
import pickle
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

import latency_kit
from latency_kit import Deadline, DeadlineExceededError, NoDeadlineError, UsageError
from latency_kit.budget.deadline import DEADLINE_KEY, context_with_deadline, restored_deadline
from latency_kit.measurement.active import active
from latency_kit.measurement.asyncio_queues import MeasuredAsyncQueue
from latency_kit.measurement.executors import MeasuredExecutor, measured_executor
from latency_kit.testing import FakeClock, capture_measurements


@pytest.fixture
def clock() -> Iterator[FakeClock]:
    fake = FakeClock()
    with capture_measurements(clock=fake):
        yield fake


def at_ns() -> int | None:
    """Return the moment of the current deadline."""
    deadline = latency_kit.current_deadline()
    return None if deadline is None else deadline.at_ns


def test_what_remains_shrinks_with_the_monotonic_clock_and_never_falls_below_nothing(
    clock: FakeClock,
) -> None:
    with latency_kit.deadline(100) as deadline:
        clock.advance(ms=30)
        assert (latency_kit.remaining(), latency_kit.remaining_ns()) == (70.0, 70_000_000)
        clock.step_wall(ns=-(10**18))
        assert deadline.remaining_ms() == 70.0
        clock.advance(ms=71)
        assert (latency_kit.remaining_ns(), deadline.remaining_s(), deadline.overrun_ns()) == (
            0,
            0.0,
            1_000_000,
        )
        assert deadline.has_passed


def test_without_a_deadline_there_is_none_and_what_remains_cannot_be_asked() -> None:
    assert latency_kit.current_deadline() is None
    latency_kit.check_deadline()
    with pytest.raises(NoDeadlineError, match="current_deadline"):
        latency_kit.remaining()


def test_a_check_raises_a_timeout_error_from_the_moment_on(clock: FakeClock) -> None:
    with latency_kit.deadline(5, name="search"):
        clock.advance(ns=4_999_999)
        latency_kit.check_deadline()
        clock.advance(ns=1)
        with pytest.raises(TimeoutError, match="'search'") as caught:
            latency_kit.check_deadline()
    assert isinstance(caught.value, DeadlineExceededError)
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  # our own bytes
    assert (again.deadline, again.overrun_ns, str(again)) == ("search", 0, str(caught.value))


@given(limits=st.lists(st.integers(0, 10_000), min_size=1, max_size=8), step=st.integers(0, 500))
def test_nested_deadlines_only_shrink(limits: list[int], step: int) -> None:
    fake = FakeClock()
    with capture_measurements(clock=fake):
        entered: list[latency_kit.deadline] = []
        moments = []
        for limit_ms in limits:
            block = latency_kit.deadline(limit_ms)
            block.__enter__()
            entered.append(block)
            moment = at_ns()
            assert moment is not None
            assert moment <= fake.monotonic_ns() + limit_ms * 1_000_000
            moments.append(moment)
            fake.advance(ms=step)
        assert moments == sorted(moments, reverse=True)
        for block, moment in zip(reversed(entered), reversed(moments), strict=True):
            assert at_ns() == moment
            block.__exit__(None, None, None)
        assert at_ns() is None


def test_a_start_in_the_past_has_used_up_its_share(clock: FakeClock) -> None:
    spoken_ns = latency_kit.now_ns()
    clock.advance(ms=300)
    with latency_kit.deadline(4000, start_ns=spoken_ns):
        assert latency_kit.remaining() == 3700.0


def test_tasks_threads_and_executors_inherit_the_deadline(clock: FakeClock) -> None:
    async def main(pool: ThreadPoolExecutor, measured: MeasuredExecutor) -> None:
        async def task() -> int | None:
            await asyncio.sleep(0)
            return at_ns()

        with latency_kit.deadline(500) as deadline:
            async with asyncio.TaskGroup() as group:
                in_group = group.create_task(task())
            loop = asyncio.get_running_loop()
            seen = [
                in_group.result(),
                *await asyncio.gather(task(), asyncio.create_task(task())),
                await asyncio.to_thread(at_ns),
                await loop.run_in_executor(pool, latency_kit.bind(at_ns)),
                await loop.run_in_executor(measured, at_ns),
            ]
            assert seen == [deadline.at_ns] * 6
            assert await loop.run_in_executor(pool, at_ns) is None

    with ThreadPoolExecutor(1) as pool:
        asyncio.run(main(pool, measured_executor(pool, "pool", "work")))


def test_a_handed_over_context_brings_the_deadline_to_a_thread(clock: FakeClock) -> None:
    handed: queue.Queue[latency_kit.Context] = queue.Queue()
    seen: list[int | None] = []

    def worker() -> None:
        with latency_kit.use_context(handed.get(timeout=10)):
            seen.append(at_ns())

    thread = threading.Thread(target=worker)
    thread.start()
    with latency_kit.deadline(500) as deadline:
        handed.put(latency_kit.current_context())
        thread.join(10)
    assert seen == [deadline.at_ns]


def test_an_item_of_a_measured_queue_is_worked_on_under_its_producers_deadline(clock: FakeClock) -> None:
    async def main() -> tuple[int, int | None]:
        orders: MeasuredAsyncQueue[str] = MeasuredAsyncQueue("shop", "order")
        with latency_kit.deadline(500) as deadline:
            await orders.put("tea")
        with await orders.take():
            return deadline.at_ns, at_ns()

    expected, seen = asyncio.run(main())
    assert seen == expected


def test_a_deadline_does_not_leak_out_of_its_block_or_into_a_new_trace(clock: FakeClock) -> None:
    with latency_kit.deadline(500):
        with latency_kit.use_context(latency_kit.new_trace()):
            assert at_ns() is None
        assert at_ns() is not None
    assert at_ns() is None


def test_a_later_deadline_cannot_replace_the_one_of_a_context(clock: FakeClock) -> None:
    early, late = Deadline(at_ns=10), Deadline(at_ns=20)
    context = context_with_deadline(early, latency_kit.new_trace())
    assert context_with_deadline(late, context)[DEADLINE_KEY] is early
    assert context_with_deadline(Deadline(at_ns=10, name="equal"), context)[DEADLINE_KEY] is early
    assert context_with_deadline(Deadline(at_ns=5), context)[DEADLINE_KEY] == Deadline(at_ns=5)


@pytest.mark.parametrize("limit", [-1, float("nan"), float("inf"), "100", None, True])
def test_what_is_no_limit_is_refused_where_the_block_is_written(limit: object) -> None:
    with pytest.raises(UsageError, match="milliseconds"):
        latency_kit.deadline(limit)  # type: ignore[arg-type]  # what this test is about


def test_on_the_same_clock_a_pickled_deadline_is_the_same_moment() -> None:
    with latency_kit.deadline(60_000, name="turn", strict=True) as deadline:
        assert pickle.loads(pickle.dumps(deadline)) == deadline  # noqa: S301  # our own bytes
        assert copy.deepcopy(deadline) == deadline
        assert pickle.loads(pickle.dumps(dict(latency_kit.current_context()))) == {  # noqa: S301  # the same
            DEADLINE_KEY: deadline
        }


@given(
    at=st.integers(0, 10**12),
    left=st.integers(0, 10**12),
    clock_name=st.sampled_from(["", "elsewhere/time:[1]"]),
)
def test_on_another_clock_what_remained_begins_anew_and_never_grows(
    at: int, left: int, clock_name: str
) -> None:
    restored = restored_deadline(at, "turn", False, left, clock_name)
    assert 0 <= restored.remaining_ns() <= left
    assert restored.at_ns <= active.clock() + left
