"""The stack of a thread, and of an asyncio task with all that it awaits, seen from another thread.

Nothing is stopped or traced: frames are read while the program runs, and what changes meanwhile may be
seen half. Nothing here knows of calls and limits.
"""

import asyncio
import gc
import inspect
import os
import sys
from collections.abc import Iterable, Iterator
from types import CodeType, FrameType
from typing import Any, NamedTuple

__all__ = [
    "MAX_DEPTH",
    "Frame",
    "Stack",
    "awaited_stack",
    "in_own_code",
    "kept_loop_in",
    "stack_of_thread",
    "stacks_of_task",
]

MAX_DEPTH = 128
"""Frames that are kept of one stack, the innermost ones; recursion must not make samples endless."""

MAX_BRANCHES = 16
"""Branches of one `gather` or group that are followed."""

MAX_AWAITED = 32
"""Tasks that are followed from one to the next; two may wait for each other."""


class Frame(NamedTuple):
    """One function on a stack.

    Attributes:
        name: Module and qualified name, such as "shop.prices.load".
        file: Its source file.
        line: The line that runs or waits.
    """

    name: str
    file: str
    line: int


Stack = tuple[Frame, ...]
"""From the outermost function to the innermost."""

LOOP_KEPT = Frame("(waits for the event loop, which is kept by)", "", 0)
"""Stands between a task that could go on and the code that keeps its event loop from it."""


def stack_of_thread(thread_id: int) -> Stack:
    """Return what a thread runs; empty where there is no such thread any more."""
    return _outwards(sys._current_frames().get(thread_id))  # noqa: SLF001  # documented, for this purpose


def stacks_of_task(task: "asyncio.Task[Any]", thread_id: int) -> tuple[Stack, ...]:
    """Return the stacks of a task: one, or one for each branch that it waits for in `gather` or a group.

    A task that runs has the stack of its thread; one that could run, but for the event loop, has what keeps
    the loop after its own frames.

    Args:
        task: The task.
        thread_id: The thread of its event loop.
    """
    return tuple(stack[-MAX_DEPTH:] for stack in _branches(task, thread_id, set()))


def awaited_stack(coroutine: Any) -> Stack:
    """Return where a coroutine waits, from its own function to the innermost that it awaits."""
    frames, _ = _awaited_chain(coroutine)
    return tuple(_frame(frame) for frame in frames)


def in_own_code(stack: Stack) -> Stack:
    """Return a stack that ends in the code that awaits, rather than in asyncio, and without our own wrappers.

    What it awaits there is named: "shop.load (asyncio.tasks.sleep)".
    """
    kept = [frame for frame in stack if not frame.name.startswith(_WRAPPING)]
    end = len(kept)
    while end > 1 and os.path.dirname(kept[end - 1].file) == _ASYNCIO:  # noqa: PTH120  # as below
        end -= 1
    if end == len(kept):
        return tuple(kept)
    last = kept[end - 1]
    return (*kept[: end - 1], last._replace(name=f"{last.name} ({kept[end].name})"))


_WRAPPING = "latency_kit.measurement."


def kept_loop_in(thread_id: int) -> Frame | None:
    """Return the call that keeps the event loop of a thread now; None where it waits or runs none.

    That is the ordinary function which a coroutine (or the loop itself) has called, whatever it calls in
    turn; else the innermost coroutine.
    """
    frame = sys._current_frames().get(thread_id)  # noqa: SLF001  # documented, for this purpose
    inside: list[FrameType] = []
    while frame is not None and frame.f_code is not _CALLBACK:
        inside.append(frame)
        frame = frame.f_back
    if frame is None or not inside:
        return None
    ordinary = (one for one in reversed(inside) if not one.f_code.co_flags & _COROUTINES)
    return _frame(next(ordinary, inside[0]))


_CALLBACK = asyncio.Handle._run.__code__  # noqa: SLF001  # all that a loop runs, it runs there
_COROUTINES = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | inspect.CO_ITERABLE_COROUTINE


def _outwards(frame: FrameType | None) -> Stack:
    frames: list[Frame] = []
    while frame is not None and len(frames) < MAX_DEPTH:
        frames.append(_frame(frame))
        frame = frame.f_back
    return tuple(reversed(frames))


def _frame(frame: FrameType) -> Frame:
    code = frame.f_code
    return Frame(
        f"{frame.f_globals.get('__name__', '?')}.{code.co_qualname}", code.co_filename, frame.f_lineno or 0
    )


def _branches(task: "asyncio.Task[Any]", thread_id: int, seen: set[int]) -> Iterator[Stack]:
    coroutine: Any = task.get_coro()
    if id(task) in seen or len(seen) >= MAX_AWAITED or coroutine is None:
        return
    seen.add(id(task))
    if getattr(coroutine, "cr_running", False):
        yield stack_of_thread(thread_id)
        return
    frames, innermost = _awaited_chain(coroutine)
    own = tuple(_frame(frame) for frame in frames)
    waiter = getattr(task, "_fut_waiter", None)
    if waiter is None or waiter.done():
        keeping = _in_callback(stack_of_thread(thread_id))
        yield (*own, LOOP_KEPT, *keeping) if keeping else own
        return
    awaited = list(_tasks_in(waiter, innermost))[:MAX_BRANCHES]
    found = False
    for one in awaited:
        for stack in _branches(one, thread_id, seen):
            found = True
            yield own + stack
    if not found:
        yield own


def _awaited_chain(coroutine: Any) -> tuple[list[FrameType], FrameType | None]:
    """Follow `await` from a coroutine to the innermost one, through generators of both kinds."""
    frames: list[FrameType] = []
    awaited: Any = coroutine
    while awaited is not None and len(frames) < MAX_DEPTH:
        for kind in ("cr", "gi", "ag"):
            frame = getattr(awaited, f"{kind}_frame", None)
            if frame is not None:
                frames.append(frame)
                awaited = getattr(awaited, "gi_yieldfrom" if kind == "gi" else f"{kind}_await", None)
                break
        else:
            awaited = _hidden_in(awaited)
    return frames, frames[-1] if frames else None


_WRAPPERS = frozenset({"async_generator_asend", "async_generator_athrow", "coroutine_wrapper"})
"""What stands between an `async for` (or `__await__`) and the code it awaits, and does not name it."""


def _hidden_in(awaited: Any) -> Any:
    """Return the generator or coroutine that a wrapper drives, as the garbage collector knows it."""
    if type(awaited).__name__ not in _WRAPPERS:
        return None
    driven = (one for one in gc.get_referents(awaited) if inspect.isasyncgen(one) or inspect.iscoroutine(one))
    return next(driven, None)


def _tasks_in(waiter: Any, innermost: FrameType | None) -> Iterator["asyncio.Task[Any]"]:
    """Yield the unfinished tasks that a task waits for.

    A task waits for one future. That is a task, or the future of a `gather`, which knows its children; for
    `asyncio.wait`, `wait_for` (before Python 3.12) and groups the tasks stand in the function that waits.
    """
    yield from _unfinished([waiter, *(getattr(waiter, "_children", None) or ())])
    if innermost is None or not _is_asyncio(innermost.f_code):
        return
    names = innermost.f_locals
    group = getattr(names.get("self"), "_tasks", None) or ()
    yield from _unfinished([*(names.get("fs") or ()), names.get("fut"), *group])


def _unfinished(awaited: Iterable[Any]) -> Iterator["asyncio.Task[Any]"]:
    for one in awaited:
        if isinstance(one, asyncio.Task) and not one.done():
            yield one


_ASYNCIO = os.path.dirname(asyncio.__file__)  # noqa: PTH120  # compared with the file names of code objects


def _is_asyncio(code: CodeType) -> bool:
    return os.path.dirname(code.co_filename) == _ASYNCIO  # noqa: PTH120  # as above


def _in_callback(stack: Stack) -> Stack:
    """Return what runs within a callback or a step of a task; empty where the loop waits for events."""
    at = max((at for at, frame in enumerate(stack) if frame.name == "asyncio.events.Handle._run"), default=-1)
    return stack[at + 1 :] if at >= 0 else ()
