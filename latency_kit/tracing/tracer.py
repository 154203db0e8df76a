"""The tracer: starts spans for instrumentation libraries. Measured calls start theirs in `span_maker`."""

import functools
import inspect
from collections.abc import Mapping, Sequence
from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from latency_kit.tracing.details import Details
from latency_kit.tracing.dropped_span import DroppedSpan, dropped_span
from latency_kit.tracing.identity import CONTEXT_FLAGS, drawn_identity
from latency_kit.tracing.root_sampling import kept_below
from latency_kit.tracing.sdk import Decision, InstrumentationScope
from latency_kit.tracing.span import Span, UnsampledSpan

if TYPE_CHECKING:
    from latency_kit.tracing.provider import TracerProvider

__all__ = ["Tracer", "new_span"]

F = TypeVar("F")

_RANDOM_TRACE_ID = CONTEXT_FLAGS & ~TraceFlags.SAMPLED


def new_span(tracer: "Tracer", start_ns: int) -> Span:
    """Return a span without parent, identity or details; the caller fills in what it has."""
    span = Span()
    span.site = None
    span.tracer = tracer
    span.start_ns = start_ns
    span.end_ns = None
    span.up = None
    span.identity = None
    span.details = None
    span.result = None
    span.context_made = None
    return span


class Tracer(trace.Tracer):
    """Starts the spans of one instrumentation scope, as the SDK's tracer does.

    Attributes:
        provider: Whose sampler, limits, resource and span processors apply.
        instrumentation_scope: What the spans say made them.
    """

    def __init__(self, provider: "TracerProvider", scope: InstrumentationScope) -> None:
        self.provider = provider
        self.instrumentation_scope = scope

    def start_span(  # noqa: PLR0917  # the API's signature
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        links: Sequence[Link] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> trace.Span:
        """Start a span without making it current.

        Raises:
            TypeError: The parent in `context` has an identity that is not a `SpanContext`.
        """
        provider = self.provider
        start_ns = provider.now_ns() if start_time is None else start_time - provider.offset_ns
        span = self.begin(
            name, context, kind=kind, attributes=attributes, links=links or (), start_ns=start_ns
        )
        if not isinstance(span, Span):
            return span
        details = span.details
        assert details is not None  # noqa: S101  # `begin` has made them
        details.record_exception = record_exception
        details.set_status_on_exception = set_status_on_exception
        for processor in provider.span_processors:
            processor.on_start(cast("Any", span), parent_context=context)
        return span

    def begin(
        self,
        name: str,
        context: Context | None,
        *,
        kind: SpanKind,
        attributes: Mapping[str, Any] | None,
        links: Sequence[Link],
        start_ns: int,
    ) -> trace.Span:
        """Start a span, sampled, without telling the span processors."""
        provider = self.provider
        parent = trace.get_current_span(context)
        limits = provider.limits
        if provider.samples_all_below_ours and (type(parent) is Span or parent is trace.INVALID_SPAN):
            span = new_span(self, start_ns)
            span.up = parent if type(parent) is Span else None
            span.details = Details(name, limits, kind=kind, attributes=attributes, links=links)
            return span
        if provider.root_bound is not None:
            begun = self.begin_by_root(parent, provider.root_bound, start_ns)
            if isinstance(begun, Span):
                begun.details = Details(name, limits, kind=kind, attributes=attributes, links=links)
            if begun is not None:
                return begun
        above = parent.get_span_context()
        if above is not None and not isinstance(above, SpanContext):
            raise TypeError(f"the parent's identity must be a SpanContext, got {type(above).__name__}")
        is_root = above is None or not above.is_valid
        trace_id = provider.id_generator.generate_trace_id() if is_root else above.trace_id
        sampled = provider.sampler.should_sample(context, trace_id, name, kind, attributes, links)
        flags = int(sampled.decision is Decision.RECORD_AND_SAMPLE)
        if is_root:
            flags |= _RANDOM_TRACE_ID if provider.has_random_trace_ids else 0
        else:
            flags |= above.trace_flags & _RANDOM_TRACE_ID
        identity = SpanContext(
            trace_id,
            provider.id_generator.generate_span_id(),
            is_remote=False,
            trace_flags=TraceFlags(flags),
            trace_state=sampled.trace_state,
        )
        if sampled.decision is Decision.DROP:
            return trace.NonRecordingSpan(identity)
        span = new_span(self, start_ns)
        if sampled.decision is not Decision.RECORD_AND_SAMPLE:
            span.__class__ = UnsampledSpan
        span.up = None if is_root else above
        span.identity = identity
        span.details = Details(name, limits, kind=kind, attributes=sampled.attributes, links=links)
        return span

    def begin_by_root(self, parent: object, bound: bytes, start_ns: int) -> "Span | DroppedSpan | None":
        """Start a span as a sampler would have it that looks at the root alone (`root_sampling`).

        None where the parent is none of our spans and there is one. A span that is kept has no details yet.
        """
        if type(parent) is DroppedSpan:
            return dropped_span(parent, None)
        identity = None
        if parent is None or parent is trace.INVALID_SPAN:
            identity = drawn_identity()
            if not kept_below(bound, identity):
                return dropped_span(None, identity)
        elif type(parent) is not Span:
            return None
        span = new_span(self, start_ns)
        span.up = parent if type(parent) is Span else None
        span.identity = identity
        return span

    def start_as_current_span(  # type: ignore[override]  # noqa: PLR0917  # the API's signature; its result is contextlib's
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        links: Sequence[Link] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> "_CurrentSpan":
        """Return a context manager, also a decorator, that runs a block or a function in a span."""
        arguments = (
            name,
            context,
            kind,
            attributes,
            links,
            start_time,
            record_exception,
            set_status_on_exception,
        )
        return _CurrentSpan(self, arguments, end_on_exit=end_on_exit)


class _CurrentSpan:
    """What `start_as_current_span` returns.

    * The span starts when the block is entered, or the decorated function called.
    * Exceptions are recorded as `opentelemetry.trace.use_span` does it: those derived from `Exception` only.
    """

    __slots__ = ("_arguments", "_end_on_exit", "_span", "_token", "_tracer")

    def __init__(self, tracer: Tracer, arguments: tuple[Any, ...], *, end_on_exit: bool) -> None:
        self._tracer = tracer
        self._arguments = arguments
        self._end_on_exit = end_on_exit
        self._span: trace.Span | None = None
        self._token: Token[Context] | None = None

    def __enter__(self) -> trace.Span:
        span = self._span = self._tracer.start_span(*self._arguments)
        self._token = context_api.attach(trace.set_span_in_context(span))
        return span

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace_back: TracebackType | None,
    ) -> None:
        span, token = self._span, self._token
        assert span is not None  # noqa: S101  # the block was entered
        assert token is not None  # noqa: S101  # the same
        context_api.detach(token)
        if isinstance(error, Exception) and span.is_recording():
            record_exception, set_status_on_exception = self._arguments[6:]
            if record_exception:
                span.record_exception(error)
            if set_status_on_exception:
                span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
        if self._end_on_exit:
            span.end()

    def __call__(self, function: F) -> F:
        """Return `function` in a span of its own at each call."""
        called = cast("Any", function)

        def anew() -> _CurrentSpan:
            return _CurrentSpan(self._tracer, self._arguments, end_on_exit=self._end_on_exit)

        if inspect.iscoroutinefunction(called):

            @functools.wraps(called)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                with anew():
                    return await called(*args, **kwargs)

            return cast("F", awaited)

        @functools.wraps(called)
        def in_span(*args: Any, **kwargs: Any) -> Any:
            with anew():
                return called(*args, **kwargs)

        return cast("F", in_span)
