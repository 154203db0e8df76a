"""Traces: the tracer provider that latency_kit installs, with its export."""

from latency_kit.export.process_resource import ProcessResource
from latency_kit.export.sdk import Sampler, TracerProvider
from latency_kit.export.sending import Sender, span_exporter_of
from latency_kit.export.settings import ExportSettings
from latency_kit.export.span_batches import SpanBatchProcessor
from latency_kit.measurement.losses import Losses

__all__ = ["TraceExport", "build_trace_export", "build_unexported_provider"]


class TraceExport:
    """A tracer provider and the way its finished spans leave.

    * `flush` and `shutdown` return within their time limits and never raise.
    """

    __slots__ = ("_processor", "provider")

    def __init__(self, provider: TracerProvider, processor: SpanBatchProcessor) -> None:
        self.provider = provider
        self._processor = processor

    def flush(self, timeout_s: float) -> bool:
        """Send the spans that have ended; tell whether the collector took them in time."""
        return self._processor.force_flush(int(timeout_s * 1000))

    def shutdown(self, timeout_s: float) -> bool:
        """Send the spans that have ended, then stop; what cannot be sent in time is counted as lost."""
        sent = self._processor.shut_down_within(timeout_s)
        # The provider's own shutdown reaches the processors that the program added to it.
        self.provider.shutdown()
        return sent


def build_trace_export(
    settings: ExportSettings,
    losses: Losses,
    *,
    resource: ProcessResource | None = None,
    sampler: Sampler | None = None,
    shutdown_on_exit: bool = True,
) -> TraceExport:
    """Build the SDK's tracer provider with an OTLP exporter behind a bounded queue.

    Sampler and span limits come from `OTEL_TRACES_SAMPLER` and `OTEL_SPAN_*` unless a sampler is given.

    Args:
        settings: Where to and how.
        losses: Counts "spans_dropped" and "spans_not_exported".
        resource: Who sends; made from the settings by default. Give traces and metrics the same one.
        sampler: Decides which traces are recorded.
        shutdown_on_exit: Whether the end of the process sends what is left, for at most
            `settings.exit_timeout_s`.

    Raises:
        MissingExtraError: The SDK or the exporter of the protocol is not installed.
    """
    sender = Sender(lambda: span_exporter_of(settings), loss_kind="spans_not_exported", losses=losses)
    processor = SpanBatchProcessor(sender, settings, losses)
    provider = TracerProvider(
        resource=ProcessResource(settings) if resource is None else resource,
        sampler=sampler,
        shutdown_on_exit=shutdown_on_exit,
    )
    provider.add_span_processor(processor)
    return TraceExport(provider, processor)


def build_unexported_provider(resource: ProcessResource) -> TracerProvider:
    """Build a provider whose spans go nowhere but carry identifiers, for logs, messages and exemplars.

    Raises:
        MissingExtraError: The SDK is not installed.
    """
    return TracerProvider(resource=resource, shutdown_on_exit=False)
