"""The exports of a configuration: which provider makes the spans, and what is collected as metrics."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from latency_kit.export.series import CollectedMetrics, NumberData, SeriesData, SlowCall
from latency_kit.export.settings import ExportSettings
from latency_kit.measurement.active import installed_provider
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.recording import Recording, SeriesSnapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latency_kit.export import PeriodicMetricExport, ProcessResource, TraceExport
    from latency_kit.measurement.spans import SpanMaker

__all__ = ["Exports", "build_exports"]

_installed: "list[object]" = []
"""Providers that an earlier `configure()` installed; OpenTelemetry lets a provider be installed only once."""


class Exports:
    """Traces and metrics on their way out, flushed and shut down together.

    * `span_maker` is None where no span is wanted, or where the program's own provider makes them.
    """

    __slots__ = ("_metrics", "_traces", "span_maker")

    def __init__(
        self,
        *,
        span_maker: "SpanMaker | None" = None,
        traces: "TraceExport | None" = None,
        metrics: "PeriodicMetricExport | None" = None,
    ) -> None:
        self.span_maker = span_maker
        self._traces = traces
        self._metrics = metrics

    def flush(self, timeout_s: float) -> bool:
        """Send everything that has ended; tell whether the collector took it in time."""
        sent = self._traces is None or self._traces.flush(timeout_s)
        return (self._metrics is None or self._metrics.force_flush(timeout_s)) and sent

    def shutdown(self, timeout_s: float) -> bool:
        """Send everything that has ended, then stop."""
        sent = self._traces is None or self._traces.shutdown(timeout_s)
        return (self._metrics is None or self._metrics.shutdown(timeout_s)) and sent

    def losses(self) -> Mapping[str, int]:
        """Return nothing: the exports count into the losses of the whole."""
        return {}


def build_exports(
    settings: ExportSettings, recording: Recording, losses: Losses, *, spans: bool | None
) -> Exports:
    """Set up what `settings` and `spans` ask for; a provider that the program installed is left alone.

    Raises:
        MissingExtraError: Something is asked for whose packages are not installed.
    """
    programs_own = installed_provider() not in (None, *_installed)
    own_provider = not programs_own and (settings.traces or bool(spans))
    if not own_provider and not settings.metrics:
        return Exports()
    from latency_kit.export import ProcessResource, build_metric_export  # noqa: PLC0415  # needs the extra

    resource = ProcessResource(settings)
    span_maker, traces = _own_tracing(settings, losses, resource) if own_provider else (None, None)
    metrics = None
    if settings.metrics:
        metrics = build_metric_export(
            lambda: _collected(recording, losses),
            settings,
            losses,
            resource=resource,
            shutdown_on_exit=False,
        )
    return Exports(span_maker=span_maker, traces=traces, metrics=metrics)


def _own_tracing(
    settings: ExportSettings, losses: Losses, resource: "ProcessResource"
) -> "tuple[SpanMaker, TraceExport | None]":
    from opentelemetry import trace  # noqa: PLC0415  # a quarter of our import time, needed with spans only

    from latency_kit.export import build_trace_export, build_unexported_provider  # noqa: PLC0415  # the same
    from latency_kit.measurement.spans import SpanMaker  # noqa: PLC0415  # the same

    if settings.traces:
        traces = build_trace_export(settings, losses, resource=resource, shutdown_on_exit=False)
        provider = traces.provider
    else:
        traces = None
        provider = build_unexported_provider(resource)
    if installed_provider() is None:
        trace.set_tracer_provider(provider)
        _installed.append(provider)
    return SpanMaker.of_provider(provider), traces


def _collected(recording: Recording, losses: Losses) -> CollectedMetrics:
    series = recording.collect()
    return CollectedMetrics(
        series=[_series_data(one) for one in series],
        numbers=(
            NumberData(
                name="latency.series",
                unit="{series}",
                description="Series that are kept.",
                value=len(series),
            ),
        ),
        losses=losses.counts(),
        start_unix_nano=recording.start_unix_nano,
    )


def _series_data(series: SeriesSnapshot) -> SeriesData:
    exemplars: Sequence[SlowCall] = [
        SlowCall(
            value_ns=exemplar.value_ns,
            unix_nano=exemplar.unix_nano,
            trace_id=exemplar.trace_id,
            span_id=exemplar.span_id,
        )
        for exemplar in series.exemplars
    ]
    return SeriesData(
        component=series.component,
        operation=series.operation,
        outcome=series.outcome,
        attributes=series.attributes,
        histogram=series.histogram,
        start_unix_nano=series.start_unix_nano,
        exemplars=exemplars,
    )
