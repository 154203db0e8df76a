"""One timed call: of a function, a coroutine, a stream or an asynchronous stream."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

from latency_kit.errors import UsageError
from latency_kit.pytest_plugin.timing import Timing

__all__ = ["AsyncCall", "Kind", "MeasuringError", "Sample", "SyncCall", "async_call", "kind_of", "sync_call"]


class MeasuringError(UsageError):
    """The fixture was asked for what it cannot measure or judge."""


class Kind(Enum):
    """What is called, and what its durations are."""

    FUNCTION = "function"
    COROUTINE = "coroutine"
    STREAM = "stream"
    ASYNC_STREAM = "asynchronous stream"

    @property
    def is_async(self) -> bool:
        """Whether it needs an event loop."""
        return self in {Kind.COROUTINE, Kind.ASYNC_STREAM}

    @property
    def is_stream(self) -> bool:
        """Whether it has a first item."""
        return self in {Kind.STREAM, Kind.ASYNC_STREAM}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The durations of one call.

    Attributes:
        total_ns: From its start (in an open loop: its intended start) to its end.
        first_item_ns: To the first item of a stream; None for what is no stream.
    """

    total_ns: int
    first_item_ns: int | None = None


SyncCall = Callable[[int | None], Sample]
"""Makes one call; takes the intended start, or None to start the clock itself."""

AsyncCall = Callable[[int | None], Awaitable[Sample]]
"""As `SyncCall`, on the event loop."""


def kind_of(function: Callable[..., Any]) -> Kind:
    """Tell what `function` is, looking through partials, methods and objects that can be called."""
    while isinstance(function, partial):
        function = function.func
    called = function
    if not (inspect.isroutine(called) or inspect.isclass(called)):
        called = inspect.getattr_static(type(function), "__call__", function)
    for kind, test in (
        (Kind.COROUTINE, inspect.iscoroutinefunction),
        (Kind.ASYNC_STREAM, inspect.isasyncgenfunction),
        (Kind.STREAM, inspect.isgeneratorfunction),
    ):
        if test(called):
            return kind
    return Kind.FUNCTION


def sync_call(function: Callable[[], Any], kind: Kind, timing: Timing) -> SyncCall:
    """Return what makes one timed call of a function or a stream."""
    now = timing.clock.monotonic_ns

    def call_once(due_ns: int | None) -> Sample:
        start_ns = now() if due_ns is None else due_ns
        function()
        return Sample(total_ns=now() - start_ns)

    def stream_once(due_ns: int | None) -> Sample:
        start_ns = now() if due_ns is None else due_ns
        items: Iterator[Any] = iter(function())
        try:
            next(items)
        except StopIteration:
            raise _no_item() from None
        first_ns = now()
        for _ in items:
            pass
        return Sample(total_ns=now() - start_ns, first_item_ns=first_ns - start_ns)

    return stream_once if kind.is_stream else call_once


def async_call(function: Callable[[], Any], kind: Kind, timing: Timing) -> AsyncCall:
    """Return what makes one timed call of a coroutine or an asynchronous stream."""
    now = timing.clock.monotonic_ns

    async def call_once(due_ns: int | None) -> Sample:
        start_ns = now() if due_ns is None else due_ns
        await function()
        return Sample(total_ns=now() - start_ns)

    async def stream_once(due_ns: int | None) -> Sample:
        start_ns = now() if due_ns is None else due_ns
        items: AsyncIterator[Any] = aiter(function())
        try:
            await anext(items)
        except StopAsyncIteration:
            raise _no_item() from None
        first_ns = now()
        async for _ in items:
            pass
        return Sample(total_ns=now() - start_ns, first_item_ns=first_ns - start_ns)

    return stream_once if kind.is_stream else call_once


def _no_item() -> MeasuringError:
    return MeasuringError("the stream ended without an item, so that there is no time to its first item")
