"""`configure()` turns on series by attributes, calls in flight, and the metrics of queues and pools."""

from collections.abc import Iterator
from typing import Any

import pytest

import latency_kit
from latency_kit import UsageError, measure_latency
from latency_kit.measurement.active import active
from latency_kit.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(autouse=True)
def _nothing_stays_on() -> Iterator[None]:
    yield
    assert active.call_class is None


def test_chosen_attributes_make_series_of_their_own(clock: FakeClock) -> None:
    with latency_kit.configure(clock=clock, series_attributes=("model",), max_series=2) as telemetry:
        for model in ("small", "large", "small", "huge", "vast"):
            with measure_latency("llm", "generate", attributes={"model": model, "user": 7}):
                clock.advance(ms=1)
        kept = {tuple(dict(one.attributes).items()): one.histogram.count for one in telemetry.snapshot()}
        losses = dict(telemetry.losses())
    assert kept == {
        (("model", "small"),): 2,
        (("model", "large"),): 1,
        (("otel.metric.overflow", True),): 2,
    }
    assert losses == {"series_overflowed": 2}


@pytest.mark.parametrize("spans", [True, False])
def test_calls_in_flight_are_listed_while_configured_so(clock: FakeClock, *, spans: bool) -> None:
    if spans:
        pytest.importorskip("opentelemetry.sdk", reason="comes with the extra 'otlp'")

    @measure_latency("shop", "order")
    def order() -> tuple[latency_kit.CallInFlight, ...]:
        clock.advance(ms=2)
        return latency_kit.in_flight()

    with latency_kit.configure(clock=clock, in_flight=True, spans=spans):
        (listed,) = order()
        assert (listed.name, listed.age_ns, listed.trace_id is not None) == ("shop.order", 2_000_000, spans)
        assert latency_kit.in_flight() == ()
    assert order() == ()


@pytest.mark.parametrize("arguments", [{"series_attributes": "model"}, {"max_series": 0}])
def test_bad_use_is_refused_at_construction(arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        latency_kit.configure(in_flight=True, **arguments)


def test_depths_and_totals_leave_as_metrics(otlp: Any, otlp_receiver: Any) -> None:
    waiting: latency_kit.MeasuredQueue[int] = latency_kit.MeasuredQueue(
        "metrics", "order", 1, on_full="drop_oldest"
    )
    waiting.put(1)
    waiting.put(2)
    with latency_kit.configure(
        metrics=True,
        traces=False,
        endpoint=otlp_receiver.endpoint("grpc"),
        protocol="grpc",
        series_attributes=("model",),
    ) as telemetry:
        with measure_latency("metrics", "call", attributes={"model": "small"}):
            pass
        assert telemetry.flush()
    numbers = {}
    for metric in otlp_receiver.metrics():
        for point in [*metric.gauge.data_points, *metric.sum.data_points]:
            if otlp.attributes_of(point.attributes).get("latency.component") == "metrics":
                numbers[metric.name] = (point.as_int, metric.WhichOneof("data"))
    assert numbers == {
        "latency.queue.depth": (1, "gauge"),
        "latency.queue.dropped": (1, "sum"),
        "latency.queue.refused": (0, "sum"),
    }
    assert otlp_receiver.histogram_points(model="small")
