"""Samplers, identifier generators and span processors see and decide the same under both providers."""

from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="comes with the extra 'otlp'")

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    TraceState,
)

ROOT = Context()
KEPT = SpanContext(0x11, 0x22, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
DROPPED = SpanContext(0x11, 0x22, is_remote=True, trace_flags=TraceFlags(TraceFlags.DEFAULT))


def under(context: SpanContext) -> Context:
    return trace.set_span_in_context(NonRecordingSpan(context), Context())


class Asked(Sampler):
    """Answers as it was told and keeps what it was asked."""

    def __init__(self, decision: Decision, **answer: Any) -> None:
        self.decision = decision
        self.answer = answer
        self.questions: list[tuple[Any, ...]] = []

    def should_sample(  # noqa: PLR0917  # the signature of the SDK
        self,
        parent_context: Any,
        trace_id: int,
        name: str,
        kind: Any = None,
        attributes: Any = None,
        links: Any = None,
        trace_state: Any = None,
    ) -> SamplingResult:
        self.questions.append((parent_context, trace_id, name, kind, attributes, links))
        return SamplingResult(self.decision, **self.answer)

    def get_description(self) -> str:
        return "Asked"


@pytest.mark.parametrize(
    ("sampler", "root", "below_kept", "below_dropped"),
    [
        (ALWAYS_ON, True, True, True),
        (ALWAYS_OFF, False, False, False),
        (DEFAULT_ON, True, True, False),
        (DEFAULT_OFF, False, True, False),
        (TraceIdRatioBased(0), False, False, False),
        (TraceIdRatioBased(1), True, True, True),
        (ParentBased(ALWAYS_OFF, remote_parent_sampled=ALWAYS_OFF), False, False, False),
        (ParentBased(ALWAYS_ON, remote_parent_not_sampled=ALWAYS_ON), True, True, True),
    ],
)
def test_a_sampler_decides_for_roots_and_below_remote_parents(
    make_traced: Any, sampler: Sampler, *, root: bool, below_kept: bool, below_dropped: bool
) -> None:
    traced = make_traced(sampler=sampler)
    for name, context in (("root", ROOT), ("kept", under(KEPT)), ("dropped", under(DROPPED))):
        traced.tracer.start_span(name, context=context).end()
    wanted = {"root": root, "kept": below_kept, "dropped": below_dropped}
    assert {name: name in traced.finished for name in wanted} == wanted


def test_a_span_that_is_sampled_out_has_an_identity_and_so_have_its_children(make_traced: Any) -> None:
    traced = make_traced(sampler=DEFAULT_OFF)
    tracer = traced.tracer
    with (
        tracer.start_as_current_span("root", context=ROOT) as root,
        tracer.start_as_current_span("child") as child,
    ):
        assert not child.is_recording()
    above, below = root.get_span_context(), child.get_span_context()
    assert above.is_valid
    assert below.trace_id == above.trace_id
    assert below.span_id != above.span_id
    assert not above.trace_flags.sampled
    assert not below.trace_flags.sampled
    assert traced.finished == {}


def test_a_ratio_keeps_whole_traces_and_about_its_share_of_them(make_traced: Any) -> None:
    traced = make_traced(sampler=ParentBased(TraceIdRatioBased(0.25)))
    for _ in range(2000):
        with traced.tracer.start_as_current_span("root", context=ROOT):
            traced.tracer.start_span("child").end()
    spans = traced.exporter.get_finished_spans()
    roots = {span.context.trace_id for span in spans if span.parent is None}
    assert roots == {span.context.trace_id for span in spans if span.parent is not None}
    # 500 expected with a standard deviation below 20: ten of them either way.
    assert 300 < len(roots) < 700
    assert all(trace_id < 0.25 * 2**64 or trace_id & (2**64 - 1) < 0.25 * 2**64 for trace_id in roots)


def test_a_sampler_is_asked_with_everything_and_its_answer_goes_into_the_span(make_traced: Any) -> None:
    state = TraceState([("vendor", "1")])
    sampler = Asked(Decision.RECORD_AND_SAMPLE, attributes={"decided": "yes"}, trace_state=state)
    traced = make_traced(sampler=sampler)
    context, links = under(KEPT), [Link(KEPT)]
    span = traced.tracer.start_span(
        "one", context=context, kind=SpanKind.CLIENT, attributes={"a": 1}, links=links
    )
    span.end()
    ((asked_context, trace_id, name, kind, attributes, asked_links),) = sampler.questions
    assert (asked_context, trace_id, name, kind) == (context, KEPT.trace_id, "one", SpanKind.CLIENT)
    assert (dict(attributes), asked_links) == ({"a": 1}, links)
    assert dict(traced.only.attributes) == {"decided": "yes"}
    assert traced.only.context.trace_state == state


def test_a_trace_state_that_a_sampler_gives_is_handed_down(make_traced: Any) -> None:
    state = TraceState([("vendor", "1")])
    traced = make_traced(sampler=ParentBased(Asked(Decision.RECORD_AND_SAMPLE, trace_state=state)))
    with traced.tracer.start_as_current_span("root", context=ROOT):
        traced.tracer.start_span("child").end()
    assert [span.context.trace_state for span in traced.exporter.get_finished_spans()] == [state, state]


def test_a_span_that_is_only_recorded_reaches_processors_and_no_exporter(make_traced: Any) -> None:
    traced = make_traced(sampler=Asked(Decision.RECORD_ONLY))
    told: list[str] = []

    class Teller(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            told.append("start")

        def on_end(self, span: Any) -> None:
            told.append(f"end, sampled {span.context.trace_flags.sampled}")

    traced.provider.add_span_processor(Teller())
    span = traced.tracer.start_span("one", context=ROOT)
    assert span.is_recording()
    span.end()
    assert told == ["start", "end, sampled False"]
    assert traced.finished == {}


@pytest.mark.parametrize(
    ("variables", "kept"),
    [
        ({"OTEL_TRACES_SAMPLER": "always_off"}, False),
        ({"OTEL_TRACES_SAMPLER": "always_on"}, True),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, False),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}, False),
        ({"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1.0"}, True),
        ({"OTEL_TRACES_SAMPLER": "nonsense"}, True),
        ({}, True),
    ],
)
def test_the_sampler_variables_are_obeyed(
    make_traced: Any, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], *, kept: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    traced = make_traced()
    traced.tracer.start_span("one", context=ROOT).end()
    assert ("one" in traced.finished) is kept


def test_a_disabled_sdk_makes_no_spans(make_traced: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    traced = make_traced()
    with traced.tracer.start_as_current_span("one", context=ROOT) as span:
        assert not span.is_recording()
    assert traced.finished == {}


def test_a_generator_of_the_programs_own_draws_every_identifier(make_traced: Any) -> None:
    class Counting(RandomIdGenerator):
        def __init__(self) -> None:
            self.drawn = 0

        def generate_span_id(self) -> int:
            self.drawn += 1
            return self.drawn

        def generate_trace_id(self) -> int:
            self.drawn += 1
            return self.drawn << 64

    traced = make_traced(id_generator=Counting())
    with traced.tracer.start_as_current_span("root", context=ROOT):
        traced.tracer.start_span("child").end()
    root, child = traced.finished["root"].context, traced.finished["child"].context
    assert (root.trace_id, root.span_id, child.trace_id, child.span_id) == (1 << 64, 2, 1 << 64, 3)


class Recorder(SpanProcessor):
    """Keeps what it is told."""

    def __init__(self, name: str, told: list[tuple[Any, ...]]) -> None:
        self.name = name
        self.told = told

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        span.set_attribute(self.name, "was here")
        self.told.append((self.name, "start", span.name, dict(span.attributes), parent_context))

    def on_end(self, span: Any) -> None:
        self.told.append((self.name, "end", span.name, dict(span.attributes), span.end_time))

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        self.told.append((self.name, "flush"))
        return self.name != "refuses"

    def shutdown(self) -> None:
        self.told.append((self.name, "shutdown"))


def test_processors_are_told_in_order_with_the_span_as_it_is_and_may_add_to_it(traced: Any) -> None:
    told: list[tuple[Any, ...]] = []
    for name in ("first", "second"):
        traced.provider.add_span_processor(Recorder(name, told))
    traced.tracer.start_span("one", context=ROOT, attributes={"a": 1}).end(end_time=2**60)
    assert told == [
        ("first", "start", "one", {"a": 1, "first": "was here"}, ROOT),
        ("second", "start", "one", {"a": 1, "first": "was here", "second": "was here"}, ROOT),
        ("first", "end", "one", {"a": 1, "first": "was here", "second": "was here"}, 2**60),
        ("second", "end", "one", {"a": 1, "first": "was here", "second": "was here"}, 2**60),
    ]


def test_flush_and_shutdown_reach_every_processor(traced: Any) -> None:
    told: list[tuple[Any, ...]] = []
    traced.provider.add_span_processor(Recorder("agrees", told))
    assert traced.provider.force_flush()
    traced.provider.add_span_processor(Recorder("refuses", told))
    assert not traced.provider.force_flush(1000)
    assert not traced.provider.force_flush(0)
    traced.provider.shutdown()
    assert told == [
        ("agrees", "flush"),
        ("agrees", "flush"),
        ("refuses", "flush"),
        ("agrees", "shutdown"),
        ("refuses", "shutdown"),
    ]


def test_the_batch_processor_of_the_sdk_works_under_either_provider(make_traced: Any) -> None:
    traced = make_traced()
    exporter = InMemorySpanExporter()
    traced.provider.add_span_processor(BatchSpanProcessor(exporter))
    for number in range(10):
        traced.tracer.start_span(str(number), context=ROOT).end()
    assert traced.provider.force_flush()
    assert [span.name for span in exporter.get_finished_spans()] == [str(number) for number in range(10)]
