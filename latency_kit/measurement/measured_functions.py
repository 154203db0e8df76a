"""Measured functions: what stands around a plain or coroutine function once it is decorated.

The paths that a program may take millions of times; every line here is paid for by each call.
"""

import functools
from collections.abc import Callable
from sys import modules
from types import FunctionType
from typing import Any, ParamSpec, TypeVar

from latency_kit.errors import UsageError
from latency_kit.measurement.active import TRACE_API, active
from latency_kit.measurement.call_site import CallSite
from latency_kit.measurement.context import leave_context
from latency_kit.measurement.open_call import enter_call
from latency_kit.measurement.outcomes import error_type, outcome_of
from latency_kit.measurement.streams import measured_async_generator, measured_generator

__all__ = ["kind_of"]

P = ParamSpec("P")
R = TypeVar("R")


def kind_of(function: Any) -> Callable[[CallSite, Any], Any]:
    """Return what measures functions of the kind of `function`.

    Raises:
        UsageError: It is no function that can be measured; the message says what to do.
    """
    if type(function) is FunctionType and not function.__dict__:
        flags = function.__code__.co_flags
        return next((kind for flag, kind in _KINDS.items() if flags & flag), _plain_function)
    return _kind_of_callable(function)


def _kind_of_callable(function: Any) -> Callable[[CallSite, Any], Any]:
    import inspect  # noqa: PLC0415  # a fifth of our import time, and most functions are plain ones

    if inspect.iscoroutine(function) or inspect.isgenerator(function) or inspect.isasyncgen(function):
        raise UsageError(
            f"measure_latency decorates functions, got {function.__qualname__!r}, "
            f"a {type(function).__name__} that runs; decorate the function that makes it, "
            "or use `async with measure_latency(...)`"
        )
    if isinstance(function, classmethod):
        raise UsageError("put @measure_latency(...) under @classmethod, next to the function")
    if isinstance(function, type) or not callable(function):
        raise UsageError(
            f"measure_latency decorates functions, got {function!r}; decorate its methods instead"
        )
    if isinstance(function, staticmethod):
        raise UsageError("put @measure_latency(...) under @staticmethod, next to the function")
    called = (
        function
        if inspect.isroutine(function) or isinstance(function, functools.partial)
        else function.__call__
    )
    if inspect.iscoroutinefunction(called):
        return _coroutine_function
    if inspect.isasyncgenfunction(called):
        return measured_async_generator
    if inspect.isgeneratorfunction(called):
        return measured_generator
    return _plain_function


def _plain_function(site: CallSite, function: Callable[P, R]) -> Callable[P, R]:
    if not site.makes_span:
        return _plain_function_without_span(site, function)

    def measured(*args: P.args, **kwargs: P.kwargs) -> R:
        fast = active.fast
        if fast is None:
            if active.append is None and _is_nobody_tracing():
                return function(*args, **kwargs)
            return _measured_call(site, function, args, kwargs)
        outer = fast.current.get()
        above = None
        if outer and (len(outer) > 1 or type(above := outer.get(fast.key)) is not fast.span):
            return _measured_call(site, function, args, kwargs)
        span = fast.span()
        span.site = site
        span.tracer = fast.tracer
        span.up = above
        span.end_ns = span.identity = span.details = span.result = span.context_made = None
        token = fast.current.set(fast.context({fast.key: span}))
        clock = fast.clock
        span.start_ns = clock()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            end_ns = clock()
            fast.current.reset(token)
            fast.end(span, end_ns, error, None)
            raise
        span.end_ns = clock()
        fast.current.reset(token)
        append = active.append
        if append is not None:
            append(span)
        return result

    return measured


def _is_nobody_tracing() -> bool:
    """Tell whether no provider is installed, or ours alone and idle."""
    api = active.trace_api
    if api is None:
        return TRACE_API not in modules
    return api._TRACER_PROVIDER is active.idle_provider  # noqa: SLF001  # see `active`


def _measured_call(
    site: CallSite, function: Callable[..., R], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> R:
    call = enter_call(site)
    if call is None:
        return function(*args, **kwargs)
    try:
        result = function(*args, **kwargs)
    except BaseException as error:
        call.deactivate()
        call.end_with(error)
        raise
    call.deactivate()
    call.end()
    return result


def _plain_function_without_span(site: CallSite, function: Callable[P, R]) -> Callable[P, R]:
    # The path that may stand around a function called a million times a second: two clock reads, one
    # append. Everything else waits for the drain.
    def measured(*args: P.args, **kwargs: P.kwargs) -> R:
        append = active.append
        if append is None:
            return function(*args, **kwargs)
        clock = active.clock
        start_ns = clock()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            append((site, start_ns, clock(), outcome_of(error), error_type(error), None, None))
            raise
        append((site, start_ns, clock()))
        return result

    return measured


def _coroutine_function(site: CallSite, function: Callable[P, Any]) -> Callable[P, Any]:
    async def measured(*args: P.args, **kwargs: P.kwargs) -> Any:
        fast = active.fast
        if fast is None or not site.makes_span:
            return await _measured_coroutine(site, function, args, kwargs)
        outer = fast.current.get()
        above = None
        if outer and (len(outer) > 1 or type(above := outer.get(fast.key)) is not fast.span):
            return await _measured_coroutine(site, function, args, kwargs)
        span = fast.span()
        span.site = site
        span.tracer = fast.tracer
        span.up = above
        span.end_ns = span.identity = span.details = span.result = span.context_made = None
        token = fast.current.set(fast.context({fast.key: span}))
        clock = fast.clock
        span.start_ns = clock()
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            end_ns = clock()
            # It may be thrown away in another task's context, where nothing is to be undone.
            leave_context(token)
            fast.end(span, end_ns, error, None)
            raise
        span.end_ns = clock()
        leave_context(token)
        append = active.append
        if append is not None:
            append(span)
        return result

    return measured


async def _measured_coroutine(
    site: CallSite, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    call = enter_call(site)
    if call is None:
        return await function(*args, **kwargs)
    try:
        result = await function(*args, **kwargs)
    except BaseException as error:
        call.deactivate()
        call.end_with(error)
        raise
    call.deactivate()
    call.end()
    return result


_KINDS: dict[int, Callable[[CallSite, Any], Any]] = {
    0x20: measured_generator,
    0x80: _coroutine_function,
    0x200: measured_async_generator,
}
"""By flag of the function's code: CO_GENERATOR, CO_COROUTINE and CO_ASYNC_GENERATOR of `inspect`."""
