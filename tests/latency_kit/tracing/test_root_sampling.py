"""Only samplers that decide by the root alone are decided for, and just as they would decide."""

from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="comes with the extra 'otlp'")

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    Decision,
    ParentBased,
    ParentBasedTraceIdRatio,
    TraceIdRatioBased,
)
from opentelemetry.trace import NonRecordingSpan

from latency_kit.tracing import TracerProvider
from latency_kit.tracing.identity import drawn_identity
from latency_kit.tracing.root_sampling import kept_below, root_bound

STANDARD = [
    DEFAULT_ON,
    DEFAULT_OFF,
    *(ParentBased(TraceIdRatioBased(rate)) for rate in (0.0, 1e-9, 0.25, 1.0)),
    ParentBasedTraceIdRatio(0.5),
]


@pytest.mark.parametrize("sampler", STANDARD, ids=lambda sampler: sampler.get_description()[:40])
def test_the_decision_for_a_root_is_the_samplers_own(sampler: Any) -> None:
    bound = root_bound(sampler)
    assert bound is not None
    for _ in range(500):
        identity = drawn_identity()
        trace_id = int.from_bytes(identity[:16])
        asked = sampler.should_sample(Context(), trace_id, "one")
        assert kept_below(bound, identity) is (asked.decision is Decision.RECORD_AND_SAMPLE)


class Stamping(TraceIdRatioBased):
    """A ratio that adds an attribute, under the description of one that does not."""

    def should_sample(self, *arguments: Any, **named: Any) -> Any:
        result = super().should_sample(*arguments, **named)
        result.attributes = {"stamped": True}
        return result


@pytest.mark.parametrize(
    "sampler",
    [
        ALWAYS_ON,
        ALWAYS_OFF,
        TraceIdRatioBased(0.5),
        ParentBased(TraceIdRatioBased(0.5), local_parent_sampled=TraceIdRatioBased(0.5)),
        ParentBased(ALWAYS_ON, remote_parent_sampled=ALWAYS_OFF),
        ParentBased(Stamping(0.5)),
    ],
    ids=lambda sampler: sampler.get_description()[:60],
)
def test_any_other_sampler_is_asked_each_time(sampler: Any) -> None:
    assert root_bound(sampler) is None


def test_a_span_that_is_dropped_keeps_nothing_and_says_who_it_is() -> None:
    provider = TracerProvider(sampler=DEFAULT_OFF, shutdown_on_exit=False)
    span = provider.get_tracer("tests").start_span("one", context=Context())
    assert isinstance(span, NonRecordingSpan)
    span.set_attribute("a", 1)
    span.set_attributes({"a": 1})
    span.add_event("event")
    span.end()
    assert f"{span.get_span_context().span_id:016x}" in repr(span)
    assert not span.is_recording()
