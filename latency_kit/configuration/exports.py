"""The exports of a configuration: which provider makes the spans, and what is collected as metrics."""

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from latency_kit.clock import Clock, WallAnchor
from latency_kit.configuration.activation import let_provider_idle, renew_fast_spans, wake_provider
from latency_kit.export.series import CollectedMetrics, NumberData, SeriesData, SlowCall
from latency_kit.export.settings import ExportSettings
from latency_kit.measurement.active import installed_provider
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.recording import Recording, SeriesSnapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from latency_kit.budget import BudgetFigure
    from latency_kit.export import PeriodicMetricExport, ProcessResource, TraceExport
    from latency_kit.measurement.active import FastSpans, FinishedSpan
    from latency_kit.tracing.provider import TracerProvider
    from latency_kit.tracing.span_maker import OwnSpanMaker

__all__ = ["Exports", "SpanKeeper", "build_exports"]

_installed: "list[TracerProvider]" = []
"""The provider that the first `configure()` with spans has installed, if any: OpenTelemetry lets one be
installed only once, so later configurations set the same one up anew."""


class SpanKeeper(Protocol):
    """Who keeps finished spans besides the export."""

    def spans_wanted(self, spans: bool | None) -> bool | None:
        """Return whether calls are to make spans, where `spans` was asked for."""
        ...

    def take_spans(self, spans: "Sequence[Any]") -> None:
        """Take finished spans; must neither block nor raise."""
        ...


class Exports:
    """Traces and metrics on their way out, flushed and shut down together.

    * `span_maker` is None where no span is wanted, or where the program's own provider makes them.
    * After `shutdown` our provider makes no spans for measured calls; those of others, which still get spans
      of it, are counted as "spans_dropped" where traces were exported.
    """

    __slots__ = ("_metrics", "_traces", "span_maker")

    def __init__(
        self,
        *,
        span_maker: "OwnSpanMaker | None" = None,
        traces: "TraceExport | None" = None,
        metrics: "PeriodicMetricExport | None" = None,
    ) -> None:
        self.span_maker = span_maker
        self._traces = traces
        self._metrics = metrics

    def fast_spans(self, clock: Clock) -> "FastSpans | None":
        """Return what lets call sites make spans by themselves; None where they cannot."""
        return None if self.span_maker is None else self.span_maker.fast(clock.monotonic_ns)

    def flush(self, timeout_s: float) -> bool:
        """Send everything that has ended; tell whether the collector took it in time."""
        until_s = time.monotonic() + timeout_s
        sent = self._traces is None or self._traces.flush(timeout_s)
        left_s = max(until_s - time.monotonic(), 0.0)
        return (self._metrics is None or self._metrics.force_flush(left_s)) and sent

    def shutdown(self, timeout_s: float) -> bool:
        """Send everything that has ended, then stop; traces and metrics share the time limit."""
        until_s = time.monotonic() + timeout_s
        if self.span_maker is not None:
            provider = self.span_maker.provider
            provider.deliver_to(None if self._traces is None else self._traces.put)
            if provider in _installed:
                let_provider_idle(provider)
        sent = self._traces is None or self._traces.shutdown(timeout_s)
        left_s = max(until_s - time.monotonic(), 0.0)
        return (self._metrics is None or self._metrics.shutdown(left_s)) and sent

    def losses(self) -> Mapping[str, int]:
        """Return nothing: the exports count into the losses of the whole."""
        return {}


def build_exports(
    settings: ExportSettings,
    recording: Recording,
    losses: Losses,
    *,
    spans: bool | None,
    clocks: tuple[WallAnchor, Clock],
    figures: "Sequence[Callable[[], Iterable[BudgetFigure]]]" = (),
    keeper: "SpanKeeper | None" = None,
) -> Exports:
    """Set up what `settings` and `spans` ask for; a provider that the program installed is left alone.

    Finished spans of our own provider go to `keeper` as well, where there is one.

    Raises:
        MissingExtraError: Something is asked for whose packages are not installed.
    """
    anchor, clock = clocks
    if keeper is not None:
        spans = keeper.spans_wanted(spans)
    programs_own = installed_provider() not in (None, *_installed)
    own_provider = not programs_own and (settings.traces or bool(spans))
    if not own_provider and not settings.metrics:
        return Exports()
    from latency_kit.export import ProcessResource, build_metric_export  # noqa: PLC0415  # needs the extra

    resource = ProcessResource(settings)
    span_maker = traces = None
    if own_provider:
        provider = _provider(resource, anchor, clock)
        traces = _trace_export(settings, losses, provider)
        span_maker = _wired(provider, recording, traces, clock, keeper)
    metrics = None
    if settings.metrics:
        metrics = build_metric_export(
            lambda: _collected(recording, losses, figures),
            settings,
            losses,
            resource=resource,
            shutdown_on_exit=False,
        )
    return Exports(span_maker=span_maker, traces=traces, metrics=metrics)


def _provider(resource: "ProcessResource", anchor: WallAnchor, clock: Clock) -> "TracerProvider":
    """Return our provider, installed, with this configuration's resource and clock."""
    from opentelemetry import trace  # noqa: PLC0415  # a quarter of our import time, needed with spans only

    from latency_kit.tracing.provider import TracerProvider  # noqa: PLC0415  # needs the extra

    if _installed:
        provider = _installed[0]
        provider.set_up(resource=resource, anchor=anchor, clock=clock.monotonic_ns)
    else:
        provider = TracerProvider(
            resource=resource, shutdown_on_exit=False, anchor=anchor, clock=clock.monotonic_ns
        )
        trace.set_tracer_provider(provider)
        if installed_provider() is provider:
            _installed.append(provider)
    wake_provider()
    return provider


def _trace_export(
    settings: ExportSettings, losses: Losses, provider: "TracerProvider"
) -> "TraceExport | None":
    if not settings.traces:
        return None
    from latency_kit.export import build_trace_export  # noqa: PLC0415  # needs the extra

    return build_trace_export(settings, losses, provider=provider, shutdown_on_exit=False)


def _wired(
    provider: "TracerProvider",
    recording: Recording,
    traces: "TraceExport | None",
    clock: Clock,
    keeper: "SpanKeeper | None",
) -> "OwnSpanMaker":
    """Let all spans of `provider`, whoever makes them, go through the recording's one list."""
    from latency_kit.tracing.span_maker import OwnSpanMaker  # noqa: PLC0415  # needs the extra

    span_maker = OwnSpanMaker.of_own_provider(provider)
    # The recording knows spans by what it reads of them; those of our provider are all that come.
    receiver: Any = _identify_all if traces is None else traces.put_many
    if keeper is not None:
        receiver = _both(receiver, keeper.take_spans)
    recording.send_spans_to(receiver)
    provider.deliver_to(
        # Not the method itself: the recording replaces it under pressure.
        lambda span: recording.append(span),  # noqa: PLW0108  # as said
        on_change=lambda: renew_fast_spans(span_maker.fast(clock.monotonic_ns)),
    )
    return span_maker


def _both(
    first: "Callable[[Sequence[Any]], object]", second: "Callable[[Sequence[Any]], None]"
) -> "Callable[[Sequence[Any]], None]":
    def give(spans: "Sequence[Any]") -> None:
        first(spans)
        second(spans)

    return give


def _identify_all(spans: "Sequence[FinishedSpan]") -> None:
    """Let finished spans go whose children still run: an identified span holds its parent no longer."""
    for span in spans:
        span.get_span_context()


def _collected(
    recording: Recording, losses: Losses, figures: "Sequence[Callable[[], Iterable[BudgetFigure]]]"
) -> CollectedMetrics:
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
            *_numbers_read(recording.start_unix_nano),
            *(_number_of(figure) for tell in figures for figure in tell()),
        ),
        losses=losses.counts(),
        start_unix_nano=recording.start_unix_nano,
    )


def _number_of(figure: "BudgetFigure") -> NumberData:
    return NumberData(
        name=figure.name,
        unit=figure.unit,
        description=figure.description,
        value=figure.value,
        start_unix_nano=figure.start_unix_nano,
        attributes=figure.attributes,
    )


def _numbers_read(start_unix_nano: int) -> Iterable[NumberData]:
    """Return what queues, pools, locks and probes tell, where the program has any."""
    readings = sys.modules.get("latency_kit.measurement.readings")
    if readings is None:
        return
    for one in readings.readings():
        yield NumberData(
            name=one.name,
            unit=one.unit,
            description=one.description,
            value=one.value,
            start_unix_nano=start_unix_nano if one.is_total else None,
            attributes=one.attributes,
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
