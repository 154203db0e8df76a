"""`measure_latency`: one name for decorating functions of every kind and for `with` and `async with`."""

import functools
from collections.abc import Callable, Mapping
from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from latency_kit.errors import UsageError
from latency_kit.measurement.active import active
from latency_kit.measurement.call_site import (
    CallSite,
    checked_attributes,
    shared_call_site,
    shared_call_sites,
)
from latency_kit.measurement.context import leave_context, traceparent_of
from latency_kit.measurement.measured_functions import kind_of
from latency_kit.measurement.open_call import (
    NOTHING_OPEN,
    MeasuredBlock,
    OpenCall,
    enter_call,
    is_kept_attribute,
)
from latency_kit.measurement.values import AttributeValue, Outcome

if TYPE_CHECKING:
    from opentelemetry.trace import Span

__all__ = ["measure_latency"]

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])


class measure_latency:  # noqa: N801  # used as a decorator and a block, where lower case is the custom
    """Measure calls of a function, or a block.

    As a decorator it measures plain functions, coroutine functions, generator functions and async
    generator functions over their true duration; it returns what they return, keeps their signature and
    passes their exceptions on unchanged. As `with` or `async with` it measures the block:

        with measure_latency("llm", "generate") as call:
            call.set_attribute("model", "small")

    Each call makes a span through the OpenTelemetry API where a provider is installed, and is recorded in
    the histogram of its component, operation and outcome once `latency_kit.configure()` has run.

    Args:
        component: The part of the program, such as "llm".
        operation: What it does, such as "generate".
        attributes: Fixed attributes of every call.
        span: False records the histogram only, for calls too many to trace.
        expected_interval_ns: How often a fixed-rate source means to make this call; the series
            `operation.corrected` then holds beside the calls those that one of them kept from being made.

    Raises:
        UsageError: A name or an attribute is unfit, or what is decorated is not a function.
    """

    __slots__ = ("_added", "_call", "_fast", "_fixed", "_site", "_span", "_token")

    def __init__(
        self,
        component: str,
        operation: str,
        *,
        attributes: Mapping[str, AttributeValue] | None = None,
        span: bool = True,
        expected_interval_ns: int | None = None,
    ) -> None:
        try:
            self._site = shared_call_sites[component, operation, span]
        except (KeyError, TypeError):
            self._site = shared_call_site(component, operation, makes_span=span)
        if expected_interval_ns is not None:
            self._site = _fixed_rate(component, operation, expected_interval_ns, makes_span=span)
        self._fixed = None if attributes is None else checked_attributes(attributes)
        self._call: MeasuredBlock | None = None
        self._token: Token[Any] | None = None
        self._span: Any = None

    def __call__(self, function: F) -> F:
        """Return `function` measured.

        Raises:
            UsageError: `function` is a class, a coroutine or generator that already runs, a `classmethod`
                or anything else that is not a function.
        """
        measured: F = kind_of(function)(self._whole_site(), function)
        functools.update_wrapper(measured, function)
        return measured

    def __enter__(self) -> "MeasuredBlock":
        if self._call is not None or self._token is not None:
            raise UsageError(
                f"this measure_latency of {self._site.name!r} is already measuring a block; "
                "write measure_latency(...) anew in each with statement"
            )
        fast, site = active.fast, self._site
        if fast is not None and site.makes_span:
            outer = fast.current.get()
            above = None
            if not outer or (len(outer) == 1 and type(above := outer.get(fast.key)) is fast.span):
                self._fast = fast
                self._added: dict[str, AttributeValue] | None = None
                span = self._span = fast.span()
                span.site = site
                span.tracer = fast.tracer
                span.up = above
                span.end_ns = span.identity = span.details = span.result = span.context_made = None
                if self._fixed is not None:
                    span.result = (Outcome.OK, None, self._fixed)
                self._token = fast.current.set(fast.context({fast.key: span}))
                span.start_ns = fast.clock()
                return self
        call = self._call = enter_call(self._whole_site()) or NOTHING_OPEN
        return call

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        token = self._token
        if token is None:
            self._exit_open_call(error)
            return
        fast, span = self._fast, self._span
        end_ns = fast.clock()
        self._token = None
        try:
            fast.current.reset(token)
        except ValueError:
            leave_context(token)
        if error is None and self._added is None and self._fixed is None:
            span.end_ns = end_ns
            append = active.append
            if append is not None:
                append(span)
        else:
            fast.end(span, end_ns, error, self._added)

    def _exit_open_call(self, error: BaseException | None) -> None:
        call, self._call = self._call, None
        if isinstance(call, OpenCall):
            call.deactivate()
            if error is None:
                call.end()
            else:
                call.end_with(error)

    def _whole_site(self) -> CallSite:
        """Return the call site with the fixed attributes, where there are any."""
        site = self._site
        if self._fixed is None:
            return site
        if site.corrected is not None:
            interval_ns = site.corrected.expected_interval_ns
            return _fixed_rate(
                site.component, site.operation, interval_ns, self._fixed, makes_span=site.makes_span
            )
        return CallSite(site.component, site.operation, self._fixed, makes_span=site.makes_span)

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        """Add an attribute to the block's span and measurement; after the end it is ignored.

        One of a type that OpenTelemetry cannot hold is dropped and counted as "attributes_dropped".
        """
        if self._token is not None and is_kept_attribute(key, value):
            added = self._added
            if added is None:
                self._added = {key: value}
            else:
                added[key] = value

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        """Add several attributes."""
        for key, value in attributes.items():
            self.set_attribute(key, value)

    @property
    def span(self) -> "Span | None":
        """The block's span; None where none is made."""
        span: Span | None = self._span
        return span

    @property
    def traceparent(self) -> str:
        """The W3C `traceparent` of the block's span; empty where none is made."""
        return "" if self._span is None else traceparent_of(self._span.get_span_context())

    async def __aenter__(self) -> "MeasuredBlock":
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)


def _fixed_rate(
    component: str,
    operation: str,
    expected_interval_ns: int,
    attributes: Mapping[str, AttributeValue] | None = None,
    *,
    makes_span: bool,
) -> CallSite:
    from latency_kit.measurement.expected_interval import fixed_rate_site  # noqa: PLC0415  # for few programs

    return fixed_rate_site(component, operation, expected_interval_ns, attributes, makes_span=makes_span)
