"""The conformance suite's two providers: the SDK's is the truth, ours is held to it."""

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

from latency_kit.tracing import TracerProvider

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


@pytest.fixture(autouse=True)
def _no_otel_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the machine's environment says about telemetry."""
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)
