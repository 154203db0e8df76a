"""What the overhead benchmark compares: each contender is one way to measure the same function.

A contender is entered for the time of one round, so that what it configures is in force for itself only.
Its cost is what its loop takes beyond the loop around the bare function.
"""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from hdrh.histogram import HdrHistogram
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from prometheus_client import CollectorRegistry, Histogram

from latency_kit import measure_latency
from latency_kit.clock import SYSTEM_CLOCK, WallAnchor
from latency_kit.configuration.activation import activate, activated, deactivate
from latency_kit.measurement.active import active
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.recording import Recording
from latency_kit.tracing import TracerProvider
from latency_kit.tracing.span_maker import OwnSpanMaker

__all__ = [
    "API",
    "BARE",
    "FULL",
    "HISTOGRAM",
    "OFF",
    "PROMETHEUS",
    "SDK",
    "Contender",
    "KeepingExporter",
    "bare",
    "contenders",
    "cost_ns",
    "own_spans",
    "sdk_provider",
]

BARE = "bare call"
API = "OpenTelemetry API span, no SDK"
SDK = "OpenTelemetry SDK span + BatchSpanProcessor"
PROMETHEUS = "prometheus_client Histogram.time()"
OUR_ATTRIBUTES = {"latency.component": "shop", "latency.operation": "pay"}
"""What our spans say beyond those of the peers; one row shows what the same costs there."""

OFF = "latency_kit, nothing configured"
HISTOGRAM = "latency_kit, histogram only (span=False)"
FULL = "latency_kit, histogram and full span"

Call = Callable[[], object]


def bare() -> None:
    """Do nothing: what is measured is the measuring."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One way to measure `bare`.

    Attributes:
        name: As the table prints it.
        call: The measured function.
        in_force: Sets up what the call needs; what was recorded is taken away after the round, untimed.
    """

    name: str
    call: Call
    in_force: Callable[[], AbstractContextManager[object]] = nullcontext


class KeepingExporter(SpanExporter):
    """Keeps what a span processor hands over, so that nothing but the span itself is timed."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def export(self, spans: object) -> SpanExportResult:
        """Keep the spans."""
        self.spans.extend(spans)  # type: ignore[call-overload]  # a sequence of spans, as the base says
        return SpanExportResult.SUCCESS


def sdk_provider(exporter: SpanExporter, *, queue: int = 1 << 20) -> SdkTracerProvider:
    """Return the SDK's provider with its batch processor, whose thread sleeps through a round."""
    provider = SdkTracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(
        BatchSpanProcessor(
            exporter, max_queue_size=queue, max_export_batch_size=queue, schedule_delay_millis=3_600_000
        )
    )
    return provider


def cost_ns(contender: Contender, calls: int) -> float:
    """Return the nanoseconds that one call took in one round, the loop included."""
    call = contender.call
    with contender.in_force():
        for _ in range(100):
            call()
        gc.collect()
        began_ns = time.perf_counter_ns()
        for _ in range(calls):
            call()
        return (time.perf_counter_ns() - began_ns) / calls


def _no_sdk_span() -> Call:
    tracer = trace.ProxyTracerProvider().get_tracer("benchmark")

    def call() -> None:
        with tracer.start_as_current_span("shop.pay"):
            bare()

    return call


def _sdk_span(name: str, attributes: dict[str, str] | None = None) -> Contender:
    exporter = KeepingExporter()
    provider = sdk_provider(exporter)
    tracer = provider.get_tracer("benchmark")

    def call() -> None:
        with tracer.start_as_current_span("shop.pay", attributes=attributes):
            bare()

    @contextmanager
    def in_force() -> Iterator[None]:
        yield
        provider.force_flush()
        exporter.spans.clear()

    return Contender(name=name, call=call, in_force=in_force)


def _prometheus() -> Call:
    histogram = Histogram("pay_seconds", "Time to pay.", registry=CollectorRegistry())

    def call() -> None:
        with histogram.time():
            bare()

    return call


def _hdrhistogram() -> Call:
    histogram = HdrHistogram(1, 3_600_000_000_000, 3)
    record, clock = histogram.record_value, time.perf_counter_ns

    def call() -> None:
        start_ns = clock()
        bare()
        record(clock() - start_ns)

    return call


def peers() -> list[Contender]:
    """Return the other libraries, each used as its documentation says."""
    return [
        Contender(name=API, call=_no_sdk_span()),
        _sdk_span(SDK),
        _sdk_span(f"{SDK}, two attributes", OUR_ATTRIBUTES),
        Contender(name=PROMETHEUS, call=_prometheus()),
        Contender(name="hdrhistogram record_value", call=_hdrhistogram()),
    ]


@contextmanager
def recording_only() -> Iterator[Recording]:
    """Record and make no spans, with nothing draining meanwhile."""
    with activated(clock=SYSTEM_CLOCK) as recording:
        yield recording


@dataclass(frozen=True, slots=True)
class OwnSpans:
    """A recording with our own provider, and the spans that it has handed on."""

    recording: Recording
    spans: list[Any]


@contextmanager
def own_spans() -> Iterator[OwnSpans]:
    """Record and make spans with our own provider, with nothing draining meanwhile."""
    anchor = WallAnchor.take()
    recording = Recording(anchor=anchor, losses=Losses())
    provider = TracerProvider(shutdown_on_exit=False, anchor=anchor, clock=SYSTEM_CLOCK.monotonic_ns)
    maker = OwnSpanMaker.of_own_provider(provider)
    spans: list[Any] = []
    recording.send_spans_to(spans.extend)
    provider.deliver_to(recording.append)
    activate(
        recording,
        clock=SYSTEM_CLOCK,
        anchor=anchor,
        losses=Losses(),
        span_maker=maker,
        fast=maker.fast(SYSTEM_CLOCK.monotonic_ns),
    )
    active.trace_api = trace
    installed, trace._TRACER_PROVIDER = trace._TRACER_PROVIDER, provider
    try:
        yield OwnSpans(recording, spans)
        recording.drain()
    finally:
        deactivate()
        trace._TRACER_PROVIDER = installed


@contextmanager
def sdk_spans() -> Iterator[KeepingExporter]:
    """Record and make spans with the SDK's provider, as in a program that has installed it."""
    exporter = KeepingExporter()
    provider = sdk_provider(exporter)
    with activated(clock=SYSTEM_CLOCK):
        active.trace_api = trace
        installed, trace._TRACER_PROVIDER = trace._TRACER_PROVIDER, provider
        try:
            yield exporter
        finally:
            trace._TRACER_PROVIDER = installed
            provider.shutdown()


def _own_api_span() -> None:
    with trace.get_tracer("benchmark").start_as_current_span("shop.pay"):
        bare()


def _block() -> None:
    with measure_latency("shop", "pay"):
        bare()


def _block_with_attribute() -> None:
    with measure_latency("shop", "pay") as measured:
        measured.set_attribute("basket", 3)
        bare()


def ours() -> list[Contender]:
    """Return latency_kit in all its modes."""
    decorated = measure_latency("shop", "pay")(bare)
    return [
        Contender(name=OFF, call=decorated),
        Contender(
            name=HISTOGRAM, call=measure_latency("shop", "pay", span=False)(bare), in_force=recording_only
        ),
        Contender(name=FULL, call=decorated, in_force=own_spans),
        Contender(name="latency_kit, full span, as a block", call=_block, in_force=own_spans),
        Contender(
            name="latency_kit, full span, as a block, one attribute added",
            call=_block_with_attribute,
            in_force=own_spans,
        ),
        Contender(
            name="OpenTelemetry span of latency_kit's provider", call=_own_api_span, in_force=own_spans
        ),
        Contender(name="latency_kit, spans of the SDK's provider", call=decorated, in_force=sdk_spans),
    ]


def contenders() -> list[Contender]:
    """Return everything that is compared, the bare call first."""
    return [Contender(name=BARE, call=bare), *peers(), *ours()]
