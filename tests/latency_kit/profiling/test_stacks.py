"""Stacks are those of the program: of its threads, and of its tasks with all that they await."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from latency_kit.profiling.stacks import (
    LOOP_KEPT,
    MAX_DEPTH,
    Stack,
    kept_loop_in,
    stack_of_thread,
    stacks_of_task,
)


def _names(stack: Stack) -> list[str]:
    """Return the plain names of this module's functions on a stack."""
    return [frame.name.rpartition(".")[2] for frame in stack if frame.file == __file__]


def _blocked(release: threading.Event, inside: threading.Event) -> None:
    inside.set()
    assert release.wait(10)


@pytest.fixture
def in_thread() -> Iterator[Callable[[Callable[..., None]], int]]:
    """Run a function in a thread until it is inside, and return the thread's identity."""
    release, threads = threading.Event(), []

    def start(function: Callable[..., None]) -> int:
        inside = threading.Event()
        thread = threading.Thread(target=function, args=(release, inside))
        threads.append(thread)
        thread.start()
        assert inside.wait(10)
        assert thread.ident is not None
        return thread.ident

    yield start
    release.set()
    for thread in threads:
        thread.join(10)


def test_a_threads_stack_goes_from_the_outside_in(
    in_thread: Callable[[Callable[..., None]], int],
) -> None:
    def outer(release: threading.Event, inside: threading.Event) -> None:
        _blocked(release, inside)

    stack = stack_of_thread(in_thread(outer))
    assert _names(stack) == ["outer", "_blocked"]
    assert stack[-1].name.startswith("threading.")
    assert all(frame.line > 0 for frame in stack)


def test_a_deep_stack_keeps_its_innermost_frames(in_thread: Callable[[Callable[..., None]], int]) -> None:
    def deep(release: threading.Event, inside: threading.Event, depth: int = 500) -> None:
        if depth:
            deep(release, inside, depth - 1)
        else:
            _blocked(release, inside)

    stack = stack_of_thread(in_thread(deep))
    assert len(stack) == MAX_DEPTH
    assert "_blocked" in _names(stack)


def test_a_thread_that_is_gone_has_no_stack() -> None:
    assert stack_of_thread(2**60) == ()
    assert kept_loop_in(2**60) is None


async def _never() -> None:
    await asyncio.get_running_loop().create_future()


async def _inner() -> None:
    await _never()


async def _outer() -> None:
    await _inner()


async def _items() -> AsyncIterator[int]:
    yield 1
    await _never()


async def _over_items() -> None:
    async for _ in _items():
        pass


async def _gathers() -> None:
    await asyncio.gather(_inner(), _never())


async def _waits() -> None:
    await asyncio.wait([asyncio.create_task(_inner()), asyncio.create_task(_never())])


async def _waits_for() -> None:
    await asyncio.wait_for(_inner(), 60)


async def _groups() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(_inner())
        group.create_task(_never())


async def _awaits_a_task() -> None:
    await asyncio.create_task(_outer())


async def _waits_in_circles() -> None:
    task = asyncio.current_task()

    async def other() -> None:
        assert task is not None
        await asyncio.wait([task])

    await asyncio.create_task(other())


async def _stacks(program: Callable[[], Awaitable[None]]) -> set[tuple[str, ...]]:
    """Start a program, let it come to rest, and look at it from another thread."""
    task: asyncio.Task[None] = asyncio.ensure_future(program())  # type: ignore[arg-type]  # a coroutine
    for _ in range(5):
        await asyncio.sleep(0)
    found = await asyncio.to_thread(stacks_of_task, task, threading.get_ident())
    task.cancel()
    await asyncio.wait([task])
    return {tuple(_names(stack)) for stack in found}


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (_outer, {("_outer", "_inner", "_never")}),
        (_over_items, {("_over_items", "_items", "_never")}),
        (_gathers, {("_gathers", "_inner", "_never"), ("_gathers", "_never")}),
        (_waits, {("_waits", "_inner", "_never"), ("_waits", "_never")}),
        (_waits_for, {("_waits_for", "_inner", "_never")}),
        (_groups, {("_groups", "_inner", "_never"), ("_groups", "_never")}),
        (_awaits_a_task, {("_awaits_a_task", "_outer", "_inner", "_never")}),
        (_waits_in_circles, {("_waits_in_circles", "other")}),
    ],
)
def test_the_stack_of_a_task_goes_through_all_that_it_awaits(
    program: Callable[[], Awaitable[None]], expected: set[tuple[str, ...]]
) -> None:
    async def main() -> set[tuple[str, ...]]:
        return await asyncio.wait_for(_stacks(program), 20)

    found = asyncio.run(main())
    assert found == expected


def test_a_task_that_runs_has_the_stack_of_its_thread_and_keeps_its_loop() -> None:
    release, inside = threading.Event(), threading.Event()
    started: list[asyncio.Task[None]] = []
    thread_ids: list[int] = []

    async def blocks() -> None:
        thread_ids.append(threading.get_ident())
        started.append(asyncio.current_task())  # type: ignore[arg-type]  # it runs in one
        _blocked(release, inside)

    async def waits_its_turn() -> None:
        await asyncio.sleep(0)

    others: list[asyncio.Task[None]] = []

    async def main() -> None:
        others.append(asyncio.create_task(waits_its_turn()))
        await asyncio.sleep(0)
        await blocks()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    try:
        assert inside.wait(10)
        (stack,) = stacks_of_task(started[0], thread_ids[0])
        assert _names(stack) == ["main", "blocks", "_blocked"]
        kept = kept_loop_in(thread_ids[0])
        assert kept is not None
        assert _names((kept,)) == ["_blocked"]  # the ordinary function that the coroutine called
        (other,) = stacks_of_task(others[0], thread_ids[0])
        assert _names(other) == ["waits_its_turn", "main", "blocks", "_blocked"]
        assert LOOP_KEPT in other
    finally:
        release.set()
        thread.join(10)


def test_a_loop_that_waits_for_events_is_not_kept() -> None:
    async def main() -> None:
        found = await asyncio.to_thread(_settled_loop, threading.get_ident())
        assert found is None

    asyncio.run(main())


def _settled_loop(thread_id: int) -> object:
    # The loop may still be handing this very call to its thread; then it comes to rest.
    deadline_s = time.monotonic() + 10
    while (kept := kept_loop_in(thread_id)) is not None and time.monotonic() < deadline_s:
        time.sleep(0.001)
    return kept
