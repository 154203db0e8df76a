"""A span of our provider is, to everybody who uses or reads it, a span as the SDK's."""

import asyncio
import json
import logging
import threading
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="comes with the extra 'otlp'")

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
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


def under(span: Any) -> Context:
    return trace.set_span_in_context(span, Context())


def test_a_span_is_an_instance_of_the_apis_span_and_found_as_the_current_one(traced: Any) -> None:
    with traced.tracer.start_as_current_span("one") as span:
        assert isinstance(span, trace.Span)
        assert trace.get_current_span() is span
        assert span.is_recording()
    assert not span.is_recording()
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_a_root_has_no_parent_and_a_sampled_identity_of_its_own(traced: Any) -> None:
    spans = [traced.tracer.start_span("one", context=ROOT) for _ in range(100)]
    contexts = [span.get_span_context() for span in spans]
    assert all(context.is_valid and context.trace_flags.sampled for context in contexts)
    assert not any(context.is_remote or context.trace_state for context in contexts)
    assert len({context.trace_id for context in contexts}) == 100
    assert len({context.span_id for context in contexts}) == 100
    assert all(span.parent is None for span in spans)


def test_a_child_has_its_parents_trace_and_names_it_as_its_parent(traced: Any) -> None:
    with (
        traced.tracer.start_as_current_span("root") as root,
        traced.tracer.start_as_current_span("child") as child,
    ):
        grandchild = traced.tracer.start_span("grandchild")
        grandchild.end()
    spans = traced.finished
    assert spans["child"].parent == root.get_span_context()
    assert spans["grandchild"].parent == child.get_span_context()
    assert len({span.context.trace_id for span in spans.values()}) == 1
    assert len({span.context.span_id for span in spans.values()}) == 3


def test_an_identity_is_the_same_however_often_and_whenever_it_is_asked_for(traced: Any) -> None:
    span = traced.tracer.start_span("one", context=ROOT)
    asked = [span.get_span_context() for _ in range(3)]
    span.end()
    assert [*asked, span.get_span_context(), traced.only.context] == [asked[0]] * 5


def test_a_remote_parent_hands_down_trace_flags_and_state(traced: Any) -> None:
    parent = traced.tracer.start_span("server", context=under(NonRecordingSpan(REMOTE)))
    with trace.use_span(parent):
        child = traced.tracer.start_span("child")
    child.end()
    parent.end()
    server, below = traced.finished["server"], traced.finished["child"]
    assert server.parent == REMOTE
    assert server.parent.is_remote
    assert not below.parent.is_remote
    for span in (server, below):
        assert span.context.trace_id == REMOTE.trace_id
        assert span.context.trace_state == REMOTE.trace_state
        assert not span.context.is_remote
        assert span.context.trace_flags == TraceFlags.SAMPLED


def test_an_invalid_parent_begins_a_new_trace(traced: Any) -> None:
    span = traced.tracer.start_span("one", context=under(trace.INVALID_SPAN))
    assert span.parent is None
    assert span.get_span_context().is_valid


def test_an_explicit_context_wins_over_the_current_one(traced: Any) -> None:
    other = traced.tracer.start_span("other", context=ROOT)
    with traced.tracer.start_as_current_span("current"):
        assert traced.tracer.start_span("root", context=ROOT).parent is None
        child = traced.tracer.start_span("child", context=under(other))
    assert child.parent == other.get_span_context()


def test_parents_cross_tasks_and_other_keys_of_the_context_stay(traced: Any) -> None:
    key = context_api.create_key("baggage")

    async def main() -> None:
        with traced.tracer.start_as_current_span("root"):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(work())

    async def work() -> None:
        with traced.tracer.start_as_current_span("in task"):
            assert context_api.get_value(key) == "kept"
            await asyncio.sleep(0)

    token = context_api.attach(context_api.set_value(key, "kept"))
    try:
        asyncio.run(main())
    finally:
        context_api.detach(token)
    assert traced.finished["in task"].parent == traced.finished["root"].context


def test_everything_given_at_the_start_can_be_read(traced: Any) -> None:
    span = traced.tracer.start_span(
        "one",
        context=ROOT,
        kind=SpanKind.PRODUCER,
        attributes={"a": 1, "b": "two", "c": [1.5, 2.5], "d": True},
        links=[Link(REMOTE, {"why": "because"})],
        start_time=1_000,
    )
    span.end(end_time=3_000)
    read = traced.only
    assert (read.name, read.kind, read.start_time, read.end_time) == ("one", SpanKind.PRODUCER, 1_000, 3_000)
    assert dict(read.attributes) == {"a": 1, "b": "two", "c": (1.5, 2.5), "d": True}
    assert [(link.context, dict(link.attributes)) for link in read.links] == [(REMOTE, {"why": "because"})]
    assert read.status.status_code is StatusCode.UNSET
    assert read.resource.attributes["service.name"] == "tests"
    scope = read.instrumentation_scope
    assert (scope.name, scope.version) == ("tests", "1.0")


def test_a_scope_keeps_its_version_schema_and_attributes(traced: Any) -> None:
    traced.provider.get_tracer("lib", "2", "https://schema", {"a": 1}).start_span("one", context=ROOT).end()
    scope = traced.only.instrumentation_scope
    assert (scope.name, scope.version, scope.schema_url) == ("lib", "2", "https://schema")
    assert dict(scope.attributes) == {"a": 1}


def test_a_name_can_be_changed_until_the_end(traced: Any) -> None:
    span = traced.tracer.start_span("one", context=ROOT)
    span.update_name("two")
    span.end()
    span.update_name("three")
    assert traced.only.name == "two"


@pytest.mark.parametrize(
    ("steps", "code", "description"),
    [
        ([(StatusCode.ERROR, "bad")], StatusCode.ERROR, "bad"),
        ([(StatusCode.ERROR, "bad"), (StatusCode.UNSET, None)], StatusCode.ERROR, "bad"),
        ([(StatusCode.ERROR, "bad"), (StatusCode.OK, None)], StatusCode.OK, None),
        ([(StatusCode.OK, None), (StatusCode.ERROR, "bad")], StatusCode.OK, None),
        ([(StatusCode.ERROR, "bad"), (StatusCode.ERROR, "worse")], StatusCode.ERROR, "worse"),
        ([(Status(StatusCode.ERROR, "whole"), None)], StatusCode.ERROR, "whole"),
        ([(Status(StatusCode.ERROR, "whole"), "ignored")], StatusCode.ERROR, "whole"),
    ],
)
def test_a_status_of_ok_is_final_and_unset_is_ignored(
    traced: Any, steps: list[tuple[Any, Any]], code: StatusCode, description: str | None
) -> None:
    span = traced.tracer.start_span("one", context=ROOT)
    for status, text in steps:
        span.set_status(status, text)
    span.end()
    assert (traced.only.status.status_code, traced.only.status.description) == (code, description)


def test_nothing_changes_a_span_that_has_ended_and_each_try_is_warned_of(
    traced: Any, caplog: pytest.LogCaptureFixture
) -> None:
    span = traced.tracer.start_span("one", context=ROOT)
    span.end(end_time=2**60)
    with caplog.at_level(logging.WARNING):
        span.set_attribute("a", 1)
        span.set_attributes({"a": 1})
        span.add_event("late")
        span.add_link(REMOTE)
        span.update_name("late")
        span.set_status(StatusCode.ERROR)
        span.record_exception(ValueError())
        span.end(end_time=2**61)
    read = traced.only
    assert (read.name, dict(read.attributes), read.events, read.links) == ("one", {}, (), ())
    assert (read.status.status_code, read.end_time) == (StatusCode.UNSET, 2**60)
    assert len(caplog.records) == 8


def raised() -> ValueError:
    try:
        raise ValueError("no\nway")  # noqa: TRY301  # a real one, with a traceback
    except ValueError as error:
        return error


def test_an_exception_is_recorded_with_type_message_and_stack(traced: Any) -> None:
    span = traced.tracer.start_span("one", context=ROOT)
    span.record_exception(raised(), {"extra": 1}, timestamp=12)
    span.record_exception(json.JSONDecodeError("bad", "doc", 0), escaped=True)
    span.end()
    first, second = traced.only.events
    assert (first.name, first.timestamp) == ("exception", 12)
    assert first.attributes["exception.type"] == "ValueError"
    assert first.attributes["exception.message"] == "no\nway"
    assert first.attributes["exception.escaped"] == "False"
    assert first.attributes["extra"] == 1
    assert "in raised" in first.attributes["exception.stacktrace"]
    assert second.attributes["exception.type"] == "json.decoder.JSONDecodeError"
    assert second.attributes["exception.escaped"] == "True"


def leave_by(error: Exception, traced: Any, how: str, **asked: bool) -> None:
    if how == "start_as_current_span":
        with traced.tracer.start_as_current_span("one", context=ROOT, **asked):
            raise error
    if how == "use_span":
        with trace.use_span(traced.tracer.start_span("one", context=ROOT), end_on_exit=True, **asked):
            raise error
    with traced.tracer.start_span("one", context=ROOT, **asked):
        raise error


@pytest.mark.parametrize("how", ["start_as_current_span", "use_span", "with_span"])
@pytest.mark.parametrize("records", [True, False])
@pytest.mark.parametrize("sets_status", [True, False])
def test_an_exception_that_leaves_a_block_is_recorded_as_was_asked_and_goes_on(
    traced: Any, how: str, *, records: bool, sets_status: bool
) -> None:
    asked = {"record_exception": records, "set_status_on_exception": sets_status}
    error = raised()
    with pytest.raises(ValueError, match="no") as caught:
        leave_by(error, traced, how, **asked)
    assert caught.value is error
    read = traced.only
    assert [event.name for event in read.events] == ["exception"] * records
    wanted = (StatusCode.ERROR, "ValueError: no\nway") if sets_status else (StatusCode.UNSET, None)
    assert (read.status.status_code, read.status.description) == wanted


def test_leaving_a_block_by_something_that_is_no_error_marks_nothing(traced: Any) -> None:
    with pytest.raises(KeyboardInterrupt), traced.tracer.start_as_current_span("one", context=ROOT):
        raise KeyboardInterrupt
    assert (traced.only.status.status_code, traced.only.events) == (StatusCode.UNSET, ())


def test_a_span_may_outlive_its_block(traced: Any) -> None:
    with traced.tracer.start_as_current_span("one", context=ROOT, end_on_exit=False) as span:
        pass
    assert traced.finished == {}
    span.end()
    assert traced.only.name == "one"


def test_a_tracer_decorates_functions_and_coroutines_with_a_span_for_each_call(traced: Any) -> None:
    @traced.tracer.start_as_current_span("plain")
    def plain(number: int) -> int:
        return number + 1

    @traced.tracer.start_as_current_span("coroutine")
    async def coroutine(number: int) -> int:
        await asyncio.sleep(0)
        assert trace.get_current_span().is_recording()
        return number + 1

    assert [plain(1), plain(2), asyncio.run(coroutine(3))] == [2, 3, 4]
    assert [span.name for span in traced.exporter.get_finished_spans()] == ["plain", "plain", "coroutine"]
    assert len({span.context.trace_id for span in traced.exporter.get_finished_spans()}) == 3


def test_a_span_may_be_ended_on_another_thread(traced: Any) -> None:
    span = traced.tracer.start_span("one", context=ROOT)
    thread = threading.Thread(target=span.end)
    thread.start()
    thread.join()
    assert traced.only.end_time >= traced.only.start_time


def test_a_span_can_be_written_as_json_for_people(traced: Any) -> None:
    with traced.tracer.start_as_current_span("root", context=ROOT, start_time=10**9):
        span = traced.tracer.start_span("one", attributes={"a": 1}, links=[Link(REMOTE)], start_time=10**9)
    span.add_event("event", {"b": 2}, timestamp=10**9)
    span.set_status(StatusCode.ERROR, "bad")
    span.end(end_time=2 * 10**9)
    read = traced.finished["one"]
    described = json.loads(read.to_json())
    assert described["name"] == "one"
    assert described["context"]["trace_id"] == f"0x{read.context.trace_id:032x}"
    assert described["parent_id"] == f"0x{read.parent.span_id:016x}"
    assert (described["start_time"], described["end_time"]) == (
        "1970-01-01T00:00:01.000000Z",
        "1970-01-01T00:00:02.000000Z",
    )
    assert described["status"] == {"status_code": "ERROR", "description": "bad"}
    assert (described["attributes"], described["kind"]) == ({"a": 1}, "SpanKind.INTERNAL")
    assert [event["name"] for event in described["events"]] == ["event"]
    assert described["links"][0]["context"]["span_id"] == f"0x{REMOTE.span_id:016x}"
    assert described["resource"]["attributes"] == {"service.name": "tests"}
