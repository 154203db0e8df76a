"""Traces: the tracer provider that latency_kit installs, with its export."""

import atexit
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from latency_kit.clock import SYSTEM_CLOCK, Clock, WallAnchor
from latency_kit.export.process_resource import ProcessResource
from latency_kit.export.sending import Sender, span_exporter_of, takes_encoded_spans
from latency_kit.export.settings import ExportSettings
from latency_kit.export.span_queue import SpanQueue
from latency_kit.measurement.losses import Losses
from latency_kit.tracing.provider import TracerProvider
from latency_kit.tracing.sdk import Sampler
from latency_kit.tracing.span import Span

__all__ = ["TraceExport", "build_trace_export", "build_unexported_provider"]


class TraceExport:
    """A tracer provider and the way its finished spans leave.

    * `flush` and `shutdown` return within their time limits and never raise.
    """

    __slots__ = ("_at_exit", "_queue", "provider")

    def __init__(self, provider: TracerProvider, queue: SpanQueue, *, exit_timeout_s: float | None) -> None:
        self.provider = provider
        self._queue = queue
        provider.deliver_to(queue.put)
        self._at_exit: Callable[[], object] | None = None
        if exit_timeout_s is not None:
            self._at_exit = atexit.register(partial(self.shutdown, exit_timeout_s))

    def put(self, span: Span) -> None:
        """Send one finished span that somebody else has collected."""
        self._queue.put(span)

    def put_many(self, spans: Sequence[Span]) -> None:
        """Send finished spans that somebody else has collected."""
        self._queue.put_many(spans)

    def flush(self, timeout_s: float) -> bool:
        """Send the spans that have ended; tell whether the collector took them in time."""
        return self._queue.flush(timeout_s)

    def shutdown(self, timeout_s: float) -> bool:
        """Send the spans that have ended, then stop; what cannot be sent in time is counted as lost."""
        sent = self._queue.shutdown(timeout_s)
        if self._at_exit is not None:
            atexit.unregister(self._at_exit)
            self._at_exit = None
        # The provider's own shutdown reaches the processors that the program added to it.
        self.provider.shutdown()
        return sent


def build_trace_export(
    settings: ExportSettings,
    losses: Losses,
    *,
    resource: ProcessResource | None = None,
    sampler: Sampler | None = None,
    provider: TracerProvider | None = None,
    clock: Clock = SYSTEM_CLOCK,
    shutdown_on_exit: bool = True,
) -> TraceExport:
    """Build a tracer provider with an OTLP exporter behind a bounded queue.

    Sampler and span limits come from `OTEL_TRACES_SAMPLER` and `OTEL_SPAN_*` unless a sampler is given.

    Args:
        settings: Where to and how.
        losses: Counts "spans_dropped" and "spans_not_exported".
        resource: Who sends; made from the settings by default. Give traces and metrics the same one.
        sampler: Decides which traces are recorded.
        provider: The one to export from, instead of a new one.
        clock: Where the times of a new provider come from.
        shutdown_on_exit: Whether the end of the process sends what is left, for at most
            `settings.exit_timeout_s`.

    Raises:
        MissingExtraError: The SDK or the exporter of the protocol is not installed.
    """
    sender: Sender[Any] = Sender(
        lambda: span_exporter_of(settings), loss_kind="spans_not_exported", losses=losses
    )
    if provider is None:
        provider = build_unexported_provider(
            ProcessResource(settings) if resource is None else resource, sampler=sampler, clock=clock
        )
    queue = SpanQueue(sender, settings, losses, encodes=takes_encoded_spans(sender.exporter))
    return TraceExport(provider, queue, exit_timeout_s=settings.exit_timeout_s if shutdown_on_exit else None)


def build_unexported_provider(
    resource: ProcessResource, *, sampler: Sampler | None = None, clock: Clock = SYSTEM_CLOCK
) -> TracerProvider:
    """Build a provider whose spans go nowhere but carry identifiers, for logs, messages and exemplars.

    Raises:
        MissingExtraError: The SDK is not installed.
    """
    return TracerProvider(
        sampler=sampler,
        resource=resource,
        shutdown_on_exit=False,
        anchor=WallAnchor.take(clock),
        clock=clock.monotonic_ns,
    )
