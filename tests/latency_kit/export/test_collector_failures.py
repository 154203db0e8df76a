"""No collector, a hanging one, one that recovers: nothing raises, waits are bounded, losses counted."""

import logging
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from latency_kit.export import CollectedMetrics, ExportSettings, SeriesData
from latency_kit.histogram import Histogram
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.measurement import Outcome

pytest.importorskip("opentelemetry.sdk", reason="comes with the extra 'otlp'")

from latency_kit.export.metrics import PeriodicMetricExport, build_metric_export
from latency_kit.export.traces import TraceExport, build_trace_export

SLACK_S = 1.5
"""What a busy two-core machine may add to a wait."""


@pytest.fixture(params=["grpc", "http/protobuf"])
def protocol(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def closed_port() -> Iterator[str]:
    """An address where nothing listens: the port is bound but never listened on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def traces_to(endpoint: str, protocol: str, losses: Losses, *, timeout_s: float = 0.5) -> TraceExport:
    settings = ExportSettings.resolve(protocol=protocol, endpoint=endpoint, timeout_s=timeout_s)
    return build_trace_export(settings, losses, shutdown_on_exit=False)


def metrics_to(
    endpoint: str, protocol: str, losses: Losses, *, timeout_s: float = 0.5
) -> PeriodicMetricExport:
    histogram = Histogram()
    histogram.record(5)
    series = SeriesData(
        component="a", operation="b", outcome=Outcome.OK, histogram=histogram.snapshot(), start_unix_nano=1
    )
    settings = ExportSettings.resolve(protocol=protocol, endpoint=endpoint, timeout_s=timeout_s)
    return build_metric_export(
        lambda: CollectedMetrics(series=[series]), settings, losses, shutdown_on_exit=False
    )


def end_spans(export: TraceExport, number: int) -> None:
    tracer = export.provider.get_tracer("latency_kit")
    for _ in range(number):
        tracer.start_span("one").end()


def test_without_a_collector_every_span_is_counted_and_one_line_is_logged(
    protocol: str, closed_port: str, losses: Losses, caplog: pytest.LogCaptureFixture
) -> None:
    export = traces_to(closed_port, protocol, losses)
    for number in (3, 4):
        end_spans(export, number)
        assert not export.flush(10)
    export.shutdown(10)

    assert losses.counts() == {"spans_not_exported": 7}
    (line,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert line.name == "latency_kit"
    assert "spans_not_exported" in line.message


def test_without_a_collector_every_metric_point_is_counted_and_one_line_is_logged(
    protocol: str, closed_port: str, losses: Losses, caplog: pytest.LogCaptureFixture
) -> None:
    export = metrics_to(closed_port, protocol, losses)
    assert not export.force_flush(10)
    assert not export.shutdown(10)

    assert losses.counts() == {"metric_points_not_exported": 2}
    assert [record.name for record in caplog.records if record.levelno >= logging.WARNING] == ["latency_kit"]


def test_a_collector_that_hangs_holds_up_neither_flush_nor_shutdown(
    protocol: str, otlp_receiver: Any, losses: Losses
) -> None:
    otlp_receiver.hang()
    traces = traces_to(otlp_receiver.endpoint(protocol), protocol, losses, timeout_s=60)
    metrics = metrics_to(otlp_receiver.endpoint(protocol), protocol, losses, timeout_s=60)
    end_spans(traces, 600)

    began_s = time.monotonic()
    assert not traces.flush(0.2)
    assert not metrics.force_flush(0.2)
    assert not traces.shutdown(0.2)
    assert not metrics.shutdown(0.2)
    assert time.monotonic() - began_s < 4 * 0.2 + SLACK_S
    assert losses.counts() == {"spans_not_exported": 600, "metric_points_not_exported": 1}


def test_the_measured_code_goes_on_while_the_collector_hangs(
    otlp_receiver: Any, losses: Losses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "2048")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "512")
    otlp_receiver.hang()
    export = traces_to(otlp_receiver.grpc_endpoint, "grpc", losses, timeout_s=60)
    end_spans(export, 6000)
    export.shutdown(0.2)

    lost = losses.counts()
    assert lost["spans_dropped"] + lost["spans_not_exported"] == 6000
    assert lost["spans_not_exported"] <= 2048 + 512


def test_a_collector_that_was_away_for_a_moment_gets_everything(
    protocol: str, otlp_receiver: Any, losses: Losses
) -> None:
    otlp_receiver.refusals = 1
    export = traces_to(otlp_receiver.endpoint(protocol), protocol, losses, timeout_s=10)
    end_spans(export, 3)
    assert export.flush(10)
    export.shutdown(10)

    assert otlp_receiver.refused == 1
    assert len(otlp_receiver.spans()) == 3
    assert losses.counts() == {}


def test_after_a_failure_later_spans_arrive(protocol: str, otlp_receiver: Any, losses: Losses) -> None:
    export = traces_to(otlp_receiver.endpoint(protocol), protocol, losses, timeout_s=10)
    otlp_receiver.refuse_for_good()
    end_spans(export, 2)
    assert not export.flush(10)
    otlp_receiver.accept()
    end_spans(export, 1)
    assert export.flush(10)
    export.shutdown(10)

    assert len(otlp_receiver.spans()) == 1
    assert losses.counts() == {"spans_not_exported": 2}
