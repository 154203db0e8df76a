"""Trace context carried by hand: across threads, executors, queues and sockets.

asyncio tasks and `asyncio.to_thread` copy the context by themselves; `run_in_executor`, plain threads,
queues and sockets do not. Capture `current_context()` where work is handed over and enter it with
`use_context` where it goes on, or `bind` the function.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Token
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from opentelemetry import context as context_api
from opentelemetry.context import Context

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

__all__ = [
    "Context",
    "bind",
    "context_from_traceparent",
    "current_context",
    "leave_context",
    "new_trace",
    "traceparent",
    "traceparent_of",
    "use_context",
]

P = ParamSpec("P")
R = TypeVar("R")


def current_context() -> Context:
    """Return the context of the code that runs now, to hand over to other code."""
    return context_api.get_current()


def new_trace() -> Context:
    """Return an empty context: what begins in it is the root of a trace of its own."""
    return Context()


@contextmanager
def use_context(context: Context) -> Iterator[None]:
    """Run the block in `context`; spans made in it become children of its span."""
    token = context_api.attach(context)
    try:
        yield
    finally:
        leave_context(token)


def leave_context(token: "Token[Context]") -> None:
    """Make current again what was current before the `attach` that gave `token`.

    A coroutine that is thrown away (its loop was closed, it was garbage-collected) may be left in another
    task's context. Nothing is current there that has to be undone; the API's `detach` would log "Failed to
    detach context".
    """
    variable = getattr(token, "var", None)
    if variable is None:  # a runtime context that is not built on contextvars
        context_api.detach(token)
        return
    try:  # noqa: SIM105  # every measured coroutine passes here; suppress() alone takes longer than the rest
        variable.reset(token)
    except ValueError:
        pass


def bind(function: Callable[P, R], context: Context | None = None) -> Callable[P, R]:
    """Return `function` running in `context` (by default the one in which `bind` is called).

    For `loop.run_in_executor`, `ThreadPoolExecutor.submit`, `threading.Thread` and callbacks.
    """
    bound = current_context() if context is None else context

    @functools.wraps(function)
    def in_context(*args: P.args, **kwargs: P.kwargs) -> R:
        with use_context(bound):
            return function(*args, **kwargs)

    return in_context


def traceparent(context: Context | None = None) -> str:
    """Return the W3C `traceparent` of the span of `context` (the current one by default).

    It is empty where that context holds no span.
    Source: https://www.w3.org/TR/trace-context/#traceparent-header
    """
    from opentelemetry import trace  # noqa: PLC0415  # a quarter of our import time, needed with spans only

    return traceparent_of(trace.get_current_span(context).get_span_context())


def traceparent_of(span_context: "SpanContext") -> str:
    """Return the W3C `traceparent` of a span's identity; empty where it is not valid."""
    if not span_context.is_valid:
        return ""
    return f"00-{span_context.trace_id:032x}-{span_context.span_id:016x}-{span_context.trace_flags:02x}"


def context_from_traceparent(text: str) -> Context:
    """Return a context whose span is the remote one that `text` names.

    A malformed or empty `text` gives a context without a span, as the W3C recommendation asks (the
    receiver starts a new trace), never an error.
    """
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415  # needed with spans only
        TraceContextTextMapPropagator,
    )

    return TraceContextTextMapPropagator().extract({"traceparent": text}, context=Context())
