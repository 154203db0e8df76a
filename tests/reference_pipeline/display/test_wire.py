"""What goes over the WebSocket, and what a page may say."""

import json
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference_pipeline.display.paint_times import PagePaint
from reference_pipeline.display.wire import (
    MalformedMessageError,
    PagePong,
    PageVisibility,
    hello_frame,
    message_body,
    messages_frame,
    parse_page_message,
    ping_frame,
)
from reference_pipeline.events import DisplayMessage, MessageKind
from reference_pipeline.ports import PipelineError

Make = Callable[..., DisplayMessage]


def test_a_message_carries_its_number_kind_turn_text_data_traceparent_and_time(message: Make) -> None:
    body = message_body(
        message(
            MessageKind.ANSWER, "caf\u00e9", turn=3, traceparent="00-a-b-01", last=True, provider="notes"
        ),
        seq=7,
        sent_ns=123_456_789,
    )
    assert json.loads(body) == {
        "seq": 7,
        "kind": "answer",
        "turn": 3,
        "text": "caf\u00e9",
        "data": {"provider": "notes"},
        "traceparent": "00-a-b-01",
        "sent_ns": 123_456_789,
        "last": True,
    }


@pytest.mark.parametrize("unfit", [float("nan"), object(), {1, 2}], ids=["not a number", "object", "set"])
def test_data_that_is_not_json_is_refused_in_one_line(message: Make, unfit: object) -> None:
    with pytest.raises(PipelineError, match="the data of a answer message of turn 1 is not JSON") as refused:
        message_body(message(figure=unfit), seq=1, sent_ns=0)
    assert "\n" not in str(refused.value)


def test_frames_are_json_that_says_what_they_are() -> None:
    assert json.loads(messages_frame(['{"seq":1}', '{"seq":2}'], awaited=[2], replay=True)) == {
        "type": "messages",
        "replay": True,
        "awaited": [2],
        "messages": [{"seq": 1}, {"seq": 2}],
    }
    assert json.loads(ping_frame(4)) == {"type": "ping", "number": 4}
    assert json.loads(hello_frame(session="main", channel="c", reset=True, lost=False)) == {
        "type": "hello",
        "session": "main",
        "channel": "c",
        "reset": True,
        "lost": False,
    }


def test_a_report_of_paints_is_read_in_nanoseconds_of_the_pages_clock() -> None:
    said = {
        "type": "painted",
        "messages": [{"seq": 3, "received_ms": 10.5}, {"seq": 4, "received_ms": 11}],
        "dom_updated_ms": 12.000001,
        "painted_ms": 13,
        "replied_ms": 14,
        "hidden": False,
    }
    first, second = parse_page_message(json.dumps(said))  # type: ignore[misc]  # a report is a tuple
    assert first == PagePaint(
        seq=3,
        received_ns=10_500_000,
        dom_updated_ns=12_000_001,
        painted_ns=13_000_000,
        replied_ns=14_000_000,
        hidden=False,
    )
    assert (second.seq, second.received_ns) == (4, 11_000_000)


def test_pongs_and_changes_of_visibility_are_read() -> None:
    pong = parse_page_message('{"type":"pong","number":2,"received_ms":1.5,"replied_ms":1.75}')
    assert pong == PagePong(number=2, received_ns=1_500_000, replied_ns=1_750_000)
    assert parse_page_message('{"type":"visibility","hidden":true}') == PageVisibility(hidden=True)


PAINTED = '{"type":"painted","dom_updated_ms":1,"painted_ms":1,"replied_ms":1,'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "[" * 60_000,
        "[]",
        "null",
        '"painted"',
        "{}",
        '{"type":"shutdown"}',
        '{"type":["painted"]}',
        '{"type":"pong","number":-1,"received_ms":1,"replied_ms":1}',
        '{"type":"pong","number":true,"received_ms":1,"replied_ms":1}',
        '{"type":"pong","number":1,"received_ms":NaN,"replied_ms":1}',
        '{"type":"pong","number":1,"received_ms":Infinity,"replied_ms":1}',
        '{"type":"pong","number":1,"received_ms":1e300,"replied_ms":1}',
        '{"type":"pong","number":1,"received_ms":' + "9" * 400 + ',"replied_ms":1}',
        '{"type":"pong","number":1,"received_ms":"1","replied_ms":1}',
        '{"type":"pong","number":1,"received_ms":-1,"replied_ms":1}',
        '{"type":"visibility"}',
        '{"type":"visibility","hidden":1}',
        PAINTED + '"hidden":false,"messages":[]}',
        PAINTED + '"hidden":false,"messages":[7]}',
        PAINTED + '"hidden":false,"messages":{"seq":1}}',
        PAINTED + '"hidden":false,"messages":[{"seq":1}]}',
        PAINTED + '"messages":[{"seq":1,"received_ms":1}]}',
    ],
)
def test_what_makes_no_sense_is_malformed_and_nothing_worse(text: str) -> None:
    with pytest.raises(MalformedMessageError):
        parse_page_message(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no finding
@given(
    st.sampled_from(["painted", "pong", "visibility"]),
    st.dictionaries(
        st.sampled_from(["messages", "number", "hidden", "received_ms", "painted_ms", "replied_ms"]), JSON
    ),
)
def test_no_json_gets_past_the_reader_but_as_a_message_or_as_malformed(
    kind: str, content: dict[str, object]
) -> None:
    try:
        parse_page_message(json.dumps({**content, "type": kind}))
    except MalformedMessageError:
        return
    assert kind == "visibility" or {"received_ms", "replied_ms"} <= content.keys()
