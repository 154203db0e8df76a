"""The tracer provider: one sampler, resource, set of limits and list of processors for all its tracers."""

import atexit
import os
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry import trace

from latency_kit.clock import WallAnchor
from latency_kit.measurement.active import active
from latency_kit.tracing.root_sampling import root_bound
from latency_kit.tracing.sdk import (
    IdGenerator,
    InstrumentationScope,
    Resource,
    Sampler,
    SpanLimits,
    SpanProcessor,
    standard_choices,
)
from latency_kit.tracing.span import Span
from latency_kit.tracing.tracer import Tracer

__all__ = ["TracerProvider"]

_NS_PER_MS = 1_000_000


class TracerProvider(trace.TracerProvider):
    """An `opentelemetry.trace.TracerProvider` that behaves as the SDK's does and costs a fraction of it.

    * The standard variables apply: `OTEL_TRACES_SAMPLER`, `OTEL_SPAN_*_LIMIT`, `OTEL_ATTRIBUTE_*_LIMIT`,
      `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_SERVICE_NAME`, `OTEL_SDK_DISABLED`.
    * Sampler, identifier generator and span processors are the SDK's interfaces; each span processor is told
      of every recorded span, in the order in which the processors were added.
    * Sampled spans that have ended also go to the one receiver that `deliver_to` names.
    * Identifiers are drawn when they are needed where the sampler keeps every trace and the generator is the
      standard one, else when the span starts.
    * Wall stamps that nobody gave explicitly are one wall reading plus monotonic differences, so that a step
      of the wall clock never shows in a duration.

    Attributes:
        sampler: Decides which traces are recorded.
        id_generator: Draws identifiers.
        limits: How much a span may hold.
        span_processors: In the order in which they were added; nothing is ever taken away.
        resource: Who sends.
        offset_ns: What added to a monotonic reading gives the wall stamp.
        samples_all_below_ours: Whether neither sampler nor generator needs to be asked for a root, or for
            a child of one of our sampled spans.
        root_bound: What `root_sampling` knows of a sampler that decides for a root by its trace identifier
            alone and for everything below by the root, else None.
        has_random_trace_ids: Whether the generator's trace identifiers are random in all their bits.
    """

    def __init__(
        self,
        sampler: Sampler | None = None,
        resource: Resource | None = None,
        shutdown_on_exit: bool = True,
        id_generator: IdGenerator | None = None,
        span_limits: SpanLimits | None = None,
        *,
        anchor: WallAnchor | None = None,
        clock: Callable[[], int] | None = None,
    ) -> None:
        """Set up; what is not given is the standard's choice or that of the `OTEL_*` variables."""
        self.span_processors: list[SpanProcessor] = []
        self._receiver: Callable[[Span], object] | None = None
        self._on_change: Callable[[], object] | None = None
        self._tracers: dict[InstrumentationScope, Tracer] = {}
        self.set_up(
            sampler=sampler,
            resource=resource,
            id_generator=id_generator,
            span_limits=span_limits,
            anchor=anchor,
            clock=clock,
        )
        self._at_exit: Callable[[], None] | None = (
            atexit.register(self.shutdown) if shutdown_on_exit else None
        )

    def set_up(
        self,
        *,
        sampler: Sampler | None = None,
        resource: Resource | None = None,
        id_generator: IdGenerator | None = None,
        span_limits: SpanLimits | None = None,
        anchor: WallAnchor | None = None,
        clock: Callable[[], int] | None = None,
    ) -> None:
        """Set everything up anew but the tracers and span processors, as at construction.

        OpenTelemetry lets a program install one provider only; one that was shut down is set up again.
        """
        standard = standard_choices()
        self.sampler = standard.sampler if sampler is None else sampler
        self.id_generator = standard.id_generator if id_generator is None else id_generator
        self.limits = SpanLimits() if span_limits is None else span_limits
        self.resource = Resource.create({}) if resource is None else resource
        self.now_ns: Callable[[], int] = active.clock if clock is None else clock
        anchor = WallAnchor.take() if anchor is None else anchor
        self.offset_ns = anchor.unix_nano - anchor.monotonic_ns
        is_random = getattr(self.id_generator, "is_trace_id_random", None)
        self.has_random_trace_ids = bool(is_random is not None and is_random())
        draws_as_standard = type(self.id_generator) is type(standard.id_generator)
        self.samples_all_below_ours = draws_as_standard and standard.keeps_everything(self.sampler)
        self.root_bound = root_bound(self.sampler) if draws_as_standard else None
        self._is_disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> trace.Tracer:
        """Return the tracer of a scope, the same one each time."""
        if self._is_disabled:
            return trace.NoOpTracer()
        return self.own_tracer(
            instrumenting_module_name, instrumenting_library_version, schema_url, attributes
        )

    def own_tracer(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> Tracer:
        """Return the tracer of a scope, even where `OTEL_SDK_DISABLED` keeps others from having one."""
        scope = InstrumentationScope(name or "", version or "", schema_url, attributes)
        # `setdefault` is atomic: no lock that a fork could leave taken.
        return self._tracers.setdefault(scope, Tracer(self, scope))

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Have `span_processor` told of every span from now on."""
        self.span_processors.append(span_processor)
        if self._on_change is not None:
            self._on_change()

    def deliver_to(
        self, receiver: Callable[[Span], object] | None, *, on_change: Callable[[], object] | None = None
    ) -> None:
        """Give sampled spans to `receiver` when they have ended; it must neither block nor raise.

        Args:
            receiver: None gives them to the span processors alone.
            on_change: Called when a span processor was added.
        """
        self._receiver = receiver
        self._on_change = on_change

    def now_unix_nano(self) -> int:
        """Return the wall stamp of now."""
        return self.now_ns() + self.offset_ns

    def holds_plainly(self, attributes: int) -> bool:
        """Tell whether that many attributes of a span are kept as they are, whatever their length."""
        most = self.limits.max_span_attributes
        return self.limits.max_span_attribute_length is None and (most is None or attributes <= most)

    def take_ended(self, span: Span) -> None:
        """Hand a span that has ended to the span processors and to the receiver."""
        if self.span_processors:
            self.tell_ended(span)
        receiver = self._receiver
        if receiver is not None and span.is_sampled:
            receiver(span)

    def tell_ended(self, span: Span) -> None:
        """Tell the span processors that a span has ended."""
        for processor in self.span_processors:
            on_ending = getattr(processor, "_on_ending", None)
            if on_ending is not None:
                on_ending(span)
        for processor in self.span_processors:
            processor.on_end(span)  # type: ignore[arg-type]  # readable by the same names

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Have every span processor flush within the time limit; tell whether all did."""
        deadline_ns = self.now_ns() + timeout_millis * _NS_PER_MS
        flushed = True
        for processor in self.span_processors:
            left_ms = (deadline_ns - self.now_ns()) // _NS_PER_MS
            if left_ms <= 0:
                return False
            flushed = processor.force_flush(left_ms) is not False and flushed
        return flushed

    def shutdown(self) -> None:
        """Shut the span processors down."""
        for processor in self.span_processors:
            processor.shutdown()
        if self._at_exit is not None:
            atexit.unregister(self._at_exit)
            self._at_exit = None
