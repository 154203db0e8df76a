"""The conformance suite's two providers: the SDK's is the truth, ours is held to it."""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="comes with the extra 'otlp'")

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from latency_kit import Outcome
from latency_kit.clock import WallAnchor
from latency_kit.configuration.activation import activate, deactivate, renew_fast_spans
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.recording import Recording
from latency_kit.testing import FakeClock
from latency_kit.tracing import Span, TracerProvider
from latency_kit.tracing.span_maker import OwnSpanMaker

PROVIDERS = {"sdk": SdkTracerProvider, "latency_kit": TracerProvider}


@dataclass
class Traced:
    """A provider and what it has finished."""

    provider: Any
    exporter: InMemorySpanExporter

    @property
    def tracer(self) -> Any:
        return self.provider.get_tracer("tests", "1.0")

    @property
    def finished(self) -> dict[str, Any]:
        return {span.name: span for span in self.exporter.get_finished_spans()}

    @property
    def only(self) -> Any:
        (span,) = self.exporter.get_finished_spans()
        return span


@pytest.fixture(params=list(PROVIDERS))
def make_traced(request: pytest.FixtureRequest) -> Iterator[Callable[..., Traced]]:
    """Make a provider of either kind, with the same arguments, and an exporter behind it."""
    made: list[Traced] = []

    def make(**arguments: Any) -> Traced:
        arguments.setdefault("resource", Resource({"service.name": "tests"}))
        provider = PROVIDERS[request.param](shutdown_on_exit=False, **arguments)
        exporter = InMemorySpanExporter()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        made.append(Traced(provider, exporter))
        return made[-1]

    yield make
    for traced in made:
        traced.provider.shutdown()


@pytest.fixture
def traced(make_traced: Callable[..., Traced]) -> Traced:
    """A provider of either kind with default settings."""
    return make_traced()


@dataclass
class Wired:
    """A recording with a provider of ours, wired as `configure()` does it."""

    clock: FakeClock
    recording: Recording
    provider: TracerProvider
    sent: list[Span]

    @property
    def spans(self) -> dict[str, Span]:
        self.recording.drain()
        return {span.name: span for span in self.sent}

    @property
    def counts(self) -> dict[tuple[str, Outcome], int]:
        return {(one.name, one.outcome): one.histogram.count for one in self.recording.snapshot()}


@contextlib.contextmanager
def wired(**arguments: Any) -> Iterator[Wired]:
    clock = FakeClock()
    anchor, losses = WallAnchor.take(clock), Losses()
    provider = TracerProvider(shutdown_on_exit=False, anchor=anchor, clock=clock.monotonic_ns, **arguments)
    recording = Recording(anchor=anchor, losses=losses)
    sent: list[Any] = []
    recording.send_spans_to(sent.extend)
    maker = OwnSpanMaker.of_own_provider(provider)
    provider.deliver_to(recording.append, on_change=lambda: renew_fast_spans(maker.fast(clock.monotonic_ns)))
    activate(
        recording,
        clock=clock,
        anchor=anchor,
        losses=losses,
        span_maker=maker,
        fast=maker.fast(clock.monotonic_ns),
    )
    try:
        yield Wired(clock, recording, provider, sent)
    finally:
        deactivate()


@pytest.fixture
def wire() -> Any:
    """What wires a recording with a provider of ours, for the length of a block."""
    return wired


@pytest.fixture
def kit() -> Iterator[Wired]:
    """A recording wired with a provider of ours."""
    with wired() as one:
        yield one


@pytest.fixture(autouse=True)
def _no_otel_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the machine's environment says about telemetry."""
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)
