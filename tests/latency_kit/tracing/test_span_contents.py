"""What a span of our provider holds (attributes, events, links, their limits) is what the SDK's would."""

from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="comes with the extra 'otlp'")

from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.trace import (
    Link,
    SpanContext,
    TraceFlags,
    TraceState,
)

ROOT = Context()
REMOTE = SpanContext(
    0x1234,
    0x5678,
    is_remote=True,
    trace_flags=TraceFlags(TraceFlags.SAMPLED),
    trace_state=TraceState([("k", "v")]),
)


def test_attributes_set_later_are_added_and_replace_with_a_new_place(traced: Any) -> None:
    span = traced.tracer.start_span("one", context=ROOT, attributes={"a": 1, "b": 2})
    span.set_attribute("a", 3)
    span.set_attributes({"c": 4, "b": 5})
    span.end()
    assert list(traced.only.attributes.items()) == [("a", 3), ("c", 4), ("b", 5)]


@pytest.mark.parametrize(
    "value",
    [None, b"bytes", {"nested": {"deep": 1}}, [1, "mixed"], object(), float("nan"), 2**70, ("a", None)],
)
def test_values_beyond_plain_ones_are_treated_by_the_rules_of_the_installed_api(
    make_traced: Any, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    traced = make_traced()
    span = traced.tracer.start_span("one", context=ROOT, attributes={"at start": value})
    span.set_attribute("later", value)
    span.end()
    truth = BoundedAttributes(attributes={"at start": value, "later": value})
    assert repr(dict(traced.only.attributes)) == repr(dict(truth))


def test_an_attribute_without_a_proper_key_is_dropped_and_counted(
    traced: Any, caplog: pytest.LogCaptureFixture
) -> None:
    span = traced.tracer.start_span("one", context=ROOT)
    span.set_attribute("", 1)
    span.set_attribute("good", 1)
    span.end()
    assert dict(traced.only.attributes) == {"good": 1}


def test_a_list_given_as_attribute_may_be_changed_by_its_owner_afterwards(traced: Any) -> None:
    given = [1, 2]
    span = traced.tracer.start_span("one", context=ROOT, attributes={"a": given})
    given.append(3)
    span.end()
    assert traced.only.attributes["a"] == (1, 2)


def test_what_is_read_cannot_be_changed(traced: Any) -> None:
    traced.tracer.start_span("one", context=ROOT, attributes={"a": 1}).end()
    with pytest.raises(TypeError):
        traced.only.attributes["a"] = 2


def test_events_keep_name_attributes_and_time(traced: Any) -> None:
    span = traced.tracer.start_span("one", context=ROOT, start_time=5)
    span.add_event("first", {"a": 1}, timestamp=7)
    span.add_event("second")
    span.end(end_time=9)
    first, second = traced.only.events
    assert (first.name, first.timestamp, dict(first.attributes)) == ("first", 7, {"a": 1})
    assert second.name == "second"
    assert second.timestamp > 1_600_000_000_000_000_000


def test_links_are_added_where_they_say_anything(traced: Any) -> None:
    span = traced.tracer.start_span("one", context=ROOT)
    span.add_link(REMOTE)
    span.add_link(trace.INVALID_SPAN_CONTEXT)
    span.add_link(trace.INVALID_SPAN_CONTEXT, {"kept": "for its attributes"})
    span.end()
    assert [link.context for link in traced.only.links] == [REMOTE, trace.INVALID_SPAN_CONTEXT]


def test_the_limits_push_the_oldest_out_and_count_them(make_traced: Any) -> None:
    traced = make_traced(
        span_limits=SpanLimits(
            max_span_attributes=2,
            max_events=2,
            max_links=2,
            max_event_attributes=1,
            max_link_attributes=1,
            max_attribute_length=3,
        )
    )
    many = {"a": "aaaaa", "b": "bbbbb", "c": "ccccc"}
    links = [Link(REMOTE, many) for _ in range(3)]
    span = traced.tracer.start_span("one", context=ROOT, attributes=many, links=links)
    span.set_attribute("d", "ddddd")
    for name in ("first", "second", "third"):
        span.add_event(name, many)
    span.add_link(REMOTE)
    span.end()
    read = traced.only
    assert dict(read.attributes) == {"c": "ccc", "d": "ddd"}
    assert [event.name for event in read.events] == ["second", "third"]
    assert [dict(event.attributes) for event in read.events] == [{"c": "ccc"}] * 2
    assert len(read.links) == 2
    assert (read.dropped_attributes, read.dropped_events, read.dropped_links) == (2, 1, 2)
    assert [event.dropped_attributes for event in read.events] == [2, 2]
    assert read.links[0].dropped_attributes == 2


def test_the_limit_variables_are_obeyed(make_traced: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1")
    monkeypatch.setenv("OTEL_SPAN_EVENT_COUNT_LIMIT", "0")
    monkeypatch.setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "2")
    traced = make_traced()
    span = traced.tracer.start_span("one", context=ROOT, attributes={"a": "aaa", "b": "bbb"})
    span.add_event("none")
    span.end()
    assert (dict(traced.only.attributes), traced.only.events) == ({"b": "bb"}, ())
    assert (traced.only.dropped_attributes, traced.only.dropped_events) == (1, 1)


def test_the_default_limits_are_the_specifications(traced: Any) -> None:
    span = traced.tracer.start_span("one", context=ROOT)
    for number in range(130):
        span.set_attribute(str(number), number)
        span.add_event(str(number))
        span.add_link(REMOTE)
    span.end()
    read = traced.only
    assert (len(read.attributes), len(read.events), len(read.links)) == (128, 128, 128)
    assert (read.dropped_attributes, read.dropped_events, read.dropped_links) == (2, 2, 2)
    assert next(iter(read.attributes)) == "2"
