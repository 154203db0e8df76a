"""What a real OTLP receiver gets of our metrics equals what was recorded."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from latency_kit.export import CollectedMetrics, ExportSettings, NumberData, SeriesData, SlowCall
from latency_kit.histogram import HistogramSnapshot
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.measurement import Outcome

pytest.importorskip("opentelemetry.sdk", reason="comes with the extra 'otlp'")

from latency_kit.export.exponential import relative_error
from latency_kit.export.metrics import MOST_POINTS_PER_REQUEST, PeriodicMetricExport, build_metric_export

PERCENTILES = (0.1, 1, 5, 25, 50, 75, 90, 95, 99, 99.9, 100)
START = 1_700_000_000_000_000_000
HALF_A_BUCKET = 1 / 2048
"""Of a source bucket with three significant figures, relative to its values, at most."""

Snapshot = Callable[[list[int]], HistogramSnapshot]


def series_of(histogram: HistogramSnapshot, **changes: object) -> SeriesData:
    plain: dict[str, object] = {
        "component": "llm",
        "operation": "generate",
        "outcome": Outcome.OK,
        "histogram": histogram,
        "start_unix_nano": START,
    }
    return SeriesData(**(plain | changes))  # type: ignore[arg-type]


class Export:
    """An export whose next collection is set by the test; ended with the test."""

    def __init__(self, receiver: object, protocol: str, losses: Losses, **settings: object) -> None:
        self.collected = CollectedMetrics()
        self.export: PeriodicMetricExport = build_metric_export(
            lambda: self.collected,
            ExportSettings.resolve(
                metrics=True,
                protocol=protocol,
                endpoint=receiver.endpoint(protocol),
                metric_interval_s=3600,
                timeout_s=5,
                **settings,
            ),
            losses,
            shutdown_on_exit=False,
        )

    def send(self, *series: SeriesData, **others: object) -> bool:
        self.collected = CollectedMetrics(series=series, start_unix_nano=START, **others)
        return self.export.force_flush(10)


@pytest.fixture(params=["grpc", "http/protobuf"])
def protocol(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def make_export(otlp_receiver: Any, losses: Losses) -> Iterator[Callable[..., Export]]:
    made: list[Export] = []

    def make(protocol: str = "grpc", **settings: object) -> Export:
        made.append(Export(otlp_receiver, protocol, losses, **settings))
        return made[-1]

    yield make
    for export in made:
        export.collected = CollectedMetrics()
        export.export.shutdown(10)


def test_count_sum_min_max_and_percentiles_arrive_as_recorded(
    *,
    recorded: list[int],
    protocol: str,
    make_export: Any,
    otlp: Any,
    otlp_receiver: Any,
    snapshot: Snapshot,
    losses: Losses,
) -> None:
    assert make_export(protocol).send(series_of(snapshot(recorded)))

    (point,) = otlp_receiver.histogram_points(latency_component="llm")
    assert point.count == len(recorded)
    assert point.zero_count + sum(point.positive.bucket_counts) == len(recorded)
    assert point.zero_count == recorded.count(0)
    assert not point.negative.bucket_counts
    assert point.sum == sum(recorded) / 1e9
    assert point.min == min(recorded) / 1e9
    assert point.max == max(recorded) / 1e9
    assert point.start_time_unix_nano == START
    assert point.time_unix_nano > START
    bound = relative_error(point.scale) + HALF_A_BUCKET
    in_order = sorted(recorded)
    for percentile in PERCENTILES:
        exact_s = in_order[max(1, math.ceil(len(recorded) * percentile / 100)) - 1] / 1e9
        estimate_s = otlp.estimated_percentile_s(point, percentile)
        assert estimate_s == pytest.approx(exact_s, rel=bound), percentile
    assert losses.counts() == {}


def test_the_error_bound_is_a_third_of_a_percent_over_six_decades(
    make_export: Any, otlp_receiver: Any, snapshot: Snapshot
) -> None:
    values = [int(1e4 * 10 ** (power / 100)) for power in range(600)]
    make_export().send(series_of(snapshot(values)))

    (point,) = otlp_receiver.histogram_points()
    assert relative_error(point.scale) + HALF_A_BUCKET < 0.0033


def test_metric_name_unit_and_attributes_follow_the_conventions(
    protocol: str, make_export: Any, otlp: Any, otlp_receiver: Any, snapshot: Snapshot
) -> None:
    make_export(protocol, service_name="assistant").send(
        series_of(snapshot([1]), attributes={"model": "tiny", "tries": 2})
    )

    ((resource, metric),) = otlp_receiver.metrics_with_resources()
    assert metric.name == "latency.operation.duration"
    assert metric.unit == "s"
    (point,) = metric.exponential_histogram.data_points
    assert otlp.attributes_of(point.attributes) == {
        "latency.component": "llm",
        "latency.operation": "generate",
        "latency.outcome": "ok",
        "model": "tiny",
        "tries": 2,
    }
    assert resource["service.name"] == "assistant"
    assert resource["telemetry.distro.name"] == "latency-kit"
    assert resource["service.instance.id"]


@pytest.mark.parametrize(
    ("outcome", "error_type"),
    [("ok", None), ("error", "_OTHER"), ("timed_out", "timed_out"), ("cancelled", None), ("dropped", None)],
)
def test_failed_calls_say_so_in_error_type(
    *,
    outcome: str,
    error_type: str | None,
    make_export: Any,
    otlp: Any,
    otlp_receiver: Any,
    snapshot: Snapshot,
) -> None:
    make_export().send(series_of(snapshot([1]), outcome=Outcome(outcome)))

    (point,) = otlp_receiver.histogram_points(latency_outcome=outcome)
    assert otlp.attributes_of(point.attributes).get("error.type") == error_type


def test_exemplars_carry_trace_and_span_of_slow_calls(
    *, protocol: str, make_export: Any, otlp: Any, otlp_receiver: Any, snapshot: Snapshot
) -> None:
    slow = SlowCall(
        value_ns=2_500_000_000,
        unix_nano=START + 7,
        trace_id=0x0123456789ABCDEF0123456789ABCDEF,
        span_id=0x00FEDCBA98765432,
        attributes={"question": "why", "model": "tiny"},
    )
    make_export(protocol).send(
        series_of(snapshot([1_000, 2_500_000_000]), attributes={"model": "tiny"}, exemplars=[slow])
    )

    (point,) = otlp_receiver.histogram_points()
    (exemplar,) = point.exemplars
    assert exemplar.trace_id.hex() == "0123456789abcdef0123456789abcdef"
    assert exemplar.span_id.hex() == "00fedcba98765432"
    assert exemplar.as_double == 2.5
    assert exemplar.time_unix_nano == START + 7
    assert otlp.attributes_of(exemplar.filtered_attributes) == {"question": "why"}


def test_cumulative_points_are_sent_whole_each_time(
    make_export: Any, otlp_receiver: Any, snapshot: Snapshot
) -> None:
    export = make_export()
    export.send(series_of(snapshot([1_000])))
    export.send(series_of(snapshot([1_000, 5_000_000])))

    first, second = otlp_receiver.histogram_points()
    assert (first.count, second.count) == (1, 2)
    assert first.start_time_unix_nano == second.start_time_unix_nano == START
    assert {metric.exponential_histogram.aggregation_temporality for metric in otlp_receiver.metrics()} == {2}


def test_the_temporality_variable_makes_points_count_since_the_point_before(
    make_export: Any, otlp_receiver: Any, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
    export = make_export()
    export.send(series_of(snapshot([1_000])))
    export.send(series_of(snapshot([1_000, 5_000_000, 6_000_000])))
    export.send(series_of(snapshot([1_000, 5_000_000, 6_000_000])))

    first, second = otlp_receiver.histogram_points()
    assert {metric.exponential_histogram.aggregation_temporality for metric in otlp_receiver.metrics()} == {1}
    assert (first.count, first.sum, first.min, first.max) == (1, 1e-6, 1e-6, 1e-6)
    assert (second.count, second.sum, second.max) == (2, 0.011, 0.006)
    assert not second.HasField("min")
    assert second.start_time_unix_nano == first.time_unix_nano


def test_an_interval_that_was_refused_is_in_the_next_one(
    *, protocol: str, make_export: Any, otlp_receiver: Any, snapshot: Snapshot, losses: Losses
) -> None:
    export = make_export(protocol, temporality="delta")
    export.send(series_of(snapshot([1_000])))
    otlp_receiver.refuse_for_good()
    assert not export.send(series_of(snapshot([1_000, 2_000])))
    otlp_receiver.accept()
    assert export.send(series_of(snapshot([1_000, 2_000, 4_000])))

    assert [point.count for point in otlp_receiver.histogram_points()] == [1, 2]
    assert losses.counts() == {"metric_points_not_exported": 1}


def test_losses_and_numbers_leave_as_sums_and_gauges(make_export: Any, otlp: Any, otlp_receiver: Any) -> None:
    level = NumberData(name="latency.series", unit="{series}", description="Live series.", value=3)
    make_export().send(losses={"spans_dropped": 4, "lines_dropped": 1}, numbers=[level])

    by_name = {metric.name: metric for metric in otlp_receiver.metrics()}
    (point,) = by_name["latency.series"].gauge.data_points
    assert point.as_int == 3
    lost = by_name["latency.telemetry.losses"]
    assert lost.sum.is_monotonic
    assert {
        otlp.attributes_of(point.attributes)["latency.loss.kind"]: point.as_int
        for point in lost.sum.data_points
    } == {"spans_dropped": 4, "lines_dropped": 1}


def test_series_without_values_send_nothing(make_export: Any, otlp_receiver: Any, snapshot: Snapshot) -> None:
    assert make_export().send(series_of(snapshot([])))
    assert otlp_receiver.metrics() == []


def test_many_series_go_in_several_requests_and_none_is_missing(
    make_export: Any, otlp: Any, otlp_receiver: Any, snapshot: Snapshot
) -> None:
    number = 2 * MOST_POINTS_PER_REQUEST + 5
    histogram = snapshot([1_000])
    assert make_export().send(*(series_of(histogram, operation=f"op{index}") for index in range(number)))

    assert len(otlp_receiver.metric_requests) == 3
    operations = {
        otlp.attributes_of(point.attributes)["latency.operation"]
        for point in otlp_receiver.histogram_points()
    }
    assert len(operations) == number


def test_attributes_that_otlp_cannot_carry_leave_as_text(
    *, protocol: str, make_export: Any, otlp: Any, otlp_receiver: Any, snapshot: Snapshot, losses: Losses
) -> None:
    class Unspeakable:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    attributes = {
        "huge": 2**70,
        "none": None,
        "mapping": {"a": 1},
        "mixed": [1, "a"],
        "numbers": [1, 2],
        "nested": [[1], [2]],
        "empty": [],
        "unspeakable": Unspeakable(),
        7: "key",
    }
    assert make_export(protocol).send(series_of(snapshot([1]), attributes=attributes))

    (point,) = otlp_receiver.histogram_points()
    received = otlp.attributes_of(point.attributes)
    assert received["huge"] == str(2**70)
    assert received["none"] == "None"
    assert received["mapping"] == "{'a': 1}"
    assert received["mixed"] == "[1, 'a']"
    assert received["numbers"] == (1, 2)
    assert received["nested"] == "[[1], [2]]"
    assert received["empty"] == ()
    assert received["unspeakable"] == "<Unspeakable>"
    assert received["7"] == "key"
    assert losses.counts() == {}


def test_a_failing_collection_is_counted_and_the_next_one_is_sent(
    make_export: Any, otlp_receiver: Any, snapshot: Snapshot, losses: Losses
) -> None:
    export = make_export()
    export.collected = None
    assert not export.export.force_flush(10)
    assert export.send(series_of(snapshot([1])))

    assert losses.counts() == {"metric_collections_failed": 1}
    assert len(otlp_receiver.histogram_points()) == 1


def test_shutdown_sends_a_last_time_and_only_once(
    make_export: Any, otlp_receiver: Any, snapshot: Snapshot
) -> None:
    export = make_export()
    export.collected = CollectedMetrics(series=[series_of(snapshot([1]))])
    assert export.export.shutdown(10)
    assert export.export.shutdown(10)

    assert len(otlp_receiver.histogram_points()) == 1
    assert not export.export.force_flush(1)


def test_the_interval_variable_paces_the_export(
    otlp_receiver: Any, losses: Losses, monkeypatch: pytest.MonkeyPatch, snapshot: Snapshot
) -> None:
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "20")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", otlp_receiver.grpc_endpoint)
    collected = CollectedMetrics(series=[series_of(snapshot([1]))])
    export = build_metric_export(lambda: collected, ExportSettings.resolve(), losses, shutdown_on_exit=False)
    otlp_receiver.wait_for(lambda: len(otlp_receiver.metric_requests) >= 3)
    assert export.shutdown(10)
