"""A recording keeps a series for each set of chosen attributes, whatever way a call was handed over."""

import pytest

from latency_kit import Outcome, measure_latency, record
from latency_kit.clock import WallAnchor
from latency_kit.configuration.activation import activate, deactivate
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.recording import Recording
from latency_kit.measurement.series_attributes import SeriesIds
from latency_kit.testing import FakeClock


def counts(recording: Recording) -> dict[tuple[str, Outcome, str], int]:
    return {
        (one.name, one.outcome, str(dict(one.attributes))): one.histogram.count
        for one in recording.snapshot()
    }


def call_each_way() -> None:
    with measure_latency("llm", "generate", attributes={"model": "small"}):
        pass
    with measure_latency("llm", "generate") as call:
        call.set_attribute("model", "large")
    with measure_latency("llm", "generate", span=False) as call:
        call.set_attributes({"model": "large", "tokens": 3})

    @measure_latency("llm", "generate", attributes={"model": "small"}, span=False)
    def generate() -> None: ...

    generate()
    record("llm", "generate", start_ns=1, end_ns=2)
    record("llm", "generate", start_ns=1, end_ns=2, outcome=Outcome.ERROR, attributes={"model": "small"})


@pytest.mark.parametrize("provider", ["none", "own"])
def test_each_set_of_chosen_attributes_is_a_series(provider: str) -> None:
    clock, losses = FakeClock(), Losses()
    anchor = WallAnchor.take(clock)
    recording = Recording(anchor=anchor, losses=losses, ids=SeriesIds(("model",)))
    activate(recording, clock=clock, anchor=anchor, losses=losses)
    try:
        if provider == "own":
            pytest.importorskip("opentelemetry.sdk.trace", reason="needs the extra otlp")
            from latency_kit.measurement.active import active  # noqa: PLC0415  # with the provider
            from latency_kit.measurement.spans import SpanMaker  # noqa: PLC0415  # the same
            from latency_kit.tracing import TracerProvider  # noqa: PLC0415  # the same

            active.span_maker = SpanMaker.of_provider(TracerProvider())
        call_each_way()
    finally:
        deactivate()
    assert counts(recording) == {
        ("llm.generate", Outcome.OK, "{}"): 1,
        ("llm.generate", Outcome.OK, "{'model': 'large'}"): 2,
        ("llm.generate", Outcome.OK, "{'model': 'small'}"): 2,
        ("llm.generate", Outcome.ERROR, "{'model': 'small'}"): 1,
    }


def test_series_beyond_the_bound_overflow_and_no_call_is_lost() -> None:
    clock, losses = FakeClock(), Losses()
    anchor = WallAnchor.take(clock)
    recording = Recording(anchor=anchor, losses=losses, ids=SeriesIds(("user",), max_series=10))
    activate(recording, clock=clock, anchor=anchor, losses=losses)
    try:
        for number in range(1000):
            record("web", "request", start_ns=0, end_ns=1, attributes={"user": number})
    finally:
        deactivate()
    kept = recording.snapshot()
    assert len(kept) == 11
    assert sum(one.histogram.count for one in kept) == 1000
    (overflow,) = [one for one in kept if one.attributes.get("otel.metric.overflow")]
    assert (overflow.name, overflow.histogram.count) == ("web.request", 990)
    assert losses.counts() == {"series_overflowed": 990}


def test_names_beyond_the_bound_overflow_without_any_attributes() -> None:
    clock, losses = FakeClock(), Losses()
    anchor = WallAnchor.take(clock)
    recording = Recording(anchor=anchor, losses=losses, ids=SeriesIds(max_series=10))
    activate(recording, clock=clock, anchor=anchor, losses=losses)
    try:
        for number in range(1000):
            record("web", f"path {number}", start_ns=0, end_ns=1, span=False)
    finally:
        deactivate()
    kept = recording.snapshot()
    assert len(kept) == 21
    assert sum(one.histogram.count for one in kept) == 1000
