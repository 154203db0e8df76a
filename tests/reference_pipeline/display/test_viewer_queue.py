"""What waits for a viewer is bounded, merged where it may be, and never reordered."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_pipeline.display.deliveries import Delivery
from reference_pipeline.display.viewer_queue import QUEUE_BYTES, Frame, QueueCounts, ViewerQueue

Run = Callable[..., Any]


def a_message(number: int, *, supersedes: str = "", deliveries: tuple[Delivery, ...] = ()) -> Frame:
    body = json.dumps({"seq": number})
    return Frame(
        text=f'{{"messages":[{body}]}}',
        bodies=(body,),
        awaited=(number,),
        deliveries=deliveries,
        supersedes=supersedes,
    )


def taken(queue: ViewerQueue) -> list[Any]:
    """Everything that comes out: sequence numbers of messages, texts of other frames."""
    out: list[Any] = []
    while queue:
        frame = queue.take()
        if frame.bodies:
            out += [one["seq"] for one in json.loads(frame.text)["messages"]]
        else:
            out.append(frame.text)
    return out


def test_messages_beside_each_other_are_taken_as_one_frame_with_all_that_is_awaited() -> None:
    counts = QueueCounts()
    queue = ViewerQueue(10, counts=counts)
    for number in (1, 2, 3):
        assert queue.put(a_message(number), viewer=1)
    frame = queue.take()
    assert json.loads(frame.text) == {
        "type": "messages",
        "replay": False,
        "awaited": [1, 2, 3],
        "messages": [{"seq": 1}, {"seq": 2}, {"seq": 3}],
    }
    assert (len(queue), counts.merged) == (0, 2)


def test_a_single_message_is_written_as_the_very_text_that_all_viewers_share() -> None:
    queue = ViewerQueue(10, counts=QueueCounts())
    shared = a_message(1)
    queue.put(shared, viewer=1)
    assert queue.take() is shared


def test_of_frames_that_supersede_each_other_only_the_latest_waits() -> None:
    counts = QueueCounts()
    queue = ViewerQueue(10, counts=counts)
    queue.put(Frame(text="old figures", supersedes="figures"), viewer=1)
    queue.put(a_message(1, supersedes="interim"), viewer=1)
    queue.put(a_message(2), viewer=1)
    queue.put(a_message(3, supersedes="interim"), viewer=1)
    queue.put(Frame(text="new figures", supersedes="figures"), viewer=1)
    assert taken(queue) == [2, 3, "new figures"]
    assert counts.superseded == 2


def test_nobody_waits_for_the_paint_of_what_was_superseded(run: Run) -> None:
    async def scenario() -> None:
        delivery = Delivery(1, 0)
        delivery.addressed(7, visible=True)
        queue = ViewerQueue(10, counts=QueueCounts())
        queue.put(a_message(1, supersedes="interim", deliveries=(delivery,)), viewer=7)
        queue.put(a_message(2, supersedes="interim"), viewer=7)
        assert await delivery.first_paint(60) is None
        assert delivery.behind == 0

    run(scenario())


def test_a_full_queue_says_so_and_keeps_what_it_has() -> None:
    queue = ViewerQueue(2, counts=QueueCounts())
    assert queue.put(a_message(1), viewer=1)
    assert queue.put(a_message(2), viewer=1)
    assert not queue.put(a_message(3), viewer=1)
    assert taken(queue) == [1, 2]


def test_a_queue_is_bounded_in_size_as_well() -> None:
    queue = ViewerQueue(1000, counts=QueueCounts())
    half = Frame(text="x" * (QUEUE_BYTES // 2))
    assert queue.put(half, viewer=1)
    assert queue.put(half, viewer=1)
    assert not queue.put(Frame(text="y"), viewer=1)
    queue.take()
    assert queue.put(Frame(text="y"), viewer=1)


def test_an_empty_queue_has_nothing_to_take() -> None:
    with pytest.raises(IndexError):
        ViewerQueue(1, counts=QueueCounts()).take()


@given(st.lists(st.sampled_from(["message", "interim", "figures", "ping", "take"]), max_size=40))
def test_what_is_not_superseded_comes_out_once_and_in_order(steps: list[str]) -> None:
    queue = ViewerQueue(100, counts=QueueCounts())
    kept: list[Any] = []
    out: list[Any] = []
    for number, step in enumerate(steps):
        if step == "take":
            out += taken(queue)
        elif step in {"message", "interim"}:
            kept += [number] if step == "message" else []
            queue.put(a_message(number, supersedes="interim" if step == "interim" else ""), viewer=1)
        else:
            kept += [f"{step} {number}"] if step == "ping" else []
            queue.put(Frame(text=f"{step} {number}", supersedes="" if step == "ping" else step), viewer=1)
    out += taken(queue)
    assert [one for one in out if one in kept] == kept
    assert len(out) == len(set(out))
