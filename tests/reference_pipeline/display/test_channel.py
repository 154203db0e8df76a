"""A channel gives each viewer each message once, in order, whenever it comes and however slow others are."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from reference_pipeline.display.channel import WITNESSES, Channel
from reference_pipeline.display.deliveries import Delivered
from reference_pipeline.display.history import History
from reference_pipeline.display.sessions import Sessions
from reference_pipeline.display.viewer_queue import Frame
from reference_pipeline.display.viewers import TOO_SLOW, Viewer
from reference_pipeline.events import DisplayMessage, MessageKind

Run = Callable[..., Any]
Make = Callable[..., DisplayMessage]


class Socket:
    """Takes what a viewer's writing task sends."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []

    async def send(self, text: str) -> None:
        self.frames.append(json.loads(text))

    @property
    def texts(self) -> list[str]:
        return [one["text"] for frame in self.frames for one in frame.get("messages", [])]

    @property
    def hello(self) -> dict[str, Any]:
        return self.frames[0]


async def come(channel: Channel, *, after: int = 0, identity: str = "") -> tuple[Viewer, Socket]:
    socket = Socket()
    viewer = channel.join(socket.send, after=after, identity=identity)
    assert viewer is not None
    return viewer, socket


async def write_all(*viewers: Viewer) -> None:
    """Let the viewers' queues run empty."""
    tasks = [asyncio.create_task(viewer.write()) for viewer in viewers]
    while any(viewer.waiting for viewer in viewers):  # noqa: ASYNC110  # one turn of the loop each
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def painted(seq: int, *, hidden: bool = False, dom_updated_ms: float = 1.0) -> str:
    moments = {"dom_updated_ms": dom_updated_ms, "painted_ms": 1.0, "replied_ms": 1.0, "hidden": hidden}
    return json.dumps({"type": "painted", "messages": [{"seq": seq, "received_ms": 1.0}], **moments})


def test_every_viewer_gets_every_message_once_and_in_order(run: Run, message: Make) -> None:
    async def scenario() -> None:
        channel = Channel("main")
        (first, first_socket), (second, second_socket) = await come(channel), await come(channel)
        for text in "abc":
            channel.publish(message(text=text), sent_ns=0)
        await write_all(first, second)
        assert first_socket.texts == second_socket.texts == ["a", "b", "c"]

    run(scenario())


def test_a_late_viewer_gets_what_was_shown_and_then_what_follows(run: Run, message: Make) -> None:
    async def scenario() -> None:
        channel = Channel("main")
        for text in "ab":
            channel.publish(message(text=text), sent_ns=0)
        viewer, socket = await come(channel)
        channel.publish(message(text="c"), sent_ns=0)
        await write_all(viewer)
        assert socket.texts == ["a", "b", "c"]
        assert socket.hello["reset"]
        assert not socket.hello["lost"]
        assert socket.frames[1]["replay"]
        assert not socket.frames[2]["replay"]

    run(scenario())


def test_a_returning_viewer_gets_only_what_it_lacks(run: Run, message: Make) -> None:
    async def scenario() -> None:
        channel = Channel("main")
        for text in "abcd":
            channel.publish(message(text=text), sent_ns=0)
        viewer, socket = await come(channel, after=2, identity=channel.identity)
        await write_all(viewer)
        assert socket.texts == ["c", "d"]
        assert not socket.hello["reset"]

    run(scenario())


def test_a_viewer_of_another_channel_must_forget_and_gets_everything(run: Run, message: Make) -> None:
    async def scenario() -> None:
        channel = Channel("main")
        channel.publish(message(text="a"), sent_ns=0)
        for after, identity in ((1, "another"), (9, channel.identity)):
            viewer, socket = await come(channel, after=after, identity=identity)
            await write_all(viewer)
            assert socket.hello["reset"]
            assert socket.texts == ["a"]

    run(scenario())


def test_a_viewer_is_told_when_what_it_lacks_is_no_longer_kept(run: Run, message: Make) -> None:
    async def scenario() -> None:
        channel = Channel("main", history=History(messages=2))
        for turn in (1, 2, 3):
            channel.publish(message(turn=turn, text=str(turn)), sent_ns=0)
        late, late_socket = await come(channel)
        up_to_date, its_socket = await come(channel, after=1, identity=channel.identity)
        await write_all(late, up_to_date)
        assert (late_socket.hello["lost"], late_socket.texts) == (True, ["2", "3"])
        assert (its_socket.hello["lost"], its_socket.texts) == (False, ["2", "3"])

    run(scenario())


def test_interim_text_is_shown_but_not_kept(run: Run, message: Make) -> None:
    async def scenario() -> None:
        channel = Channel("main")
        watching, socket = await come(channel)
        channel.publish(message(MessageKind.INTERIM, "what is"), sent_ns=0)
        late, late_socket = await come(channel)
        await write_all(watching, late)
        assert socket.texts == ["what is"]
        assert late_socket.texts == []

    run(scenario())


def test_a_slow_viewer_is_dropped_and_delays_nobody(run: Run, message: Make) -> None:
    async def scenario() -> None:
        channel = Channel("main", queue_bound=4)
        quick, socket = await come(channel)
        slow, _ = await come(channel)
        for number in range(20):
            channel.publish(message(text=str(number)), sent_ns=0)
            await write_all(quick)
        assert socket.texts == [str(number) for number in range(20)]
        assert slow.farewell is TOO_SLOW
        assert (channel.viewers, channel.counts.dropped_viewers) == (1, 1)
        back, back_socket = await come(channel, after=3, identity=channel.identity)
        await write_all(back)
        assert back_socket.texts == [str(number) for number in range(3, 20)]

    run(scenario())


def test_the_first_visible_paint_decides_and_later_ones_change_nothing(run: Run, message: Make) -> None:
    async def scenario() -> Delivered | None:
        channel = Channel("main")
        first, second = (await come(channel))[0], (await come(channel))[0]
        delivery = channel.publish(message(), sent_ns=10)
        await write_all(first, second)
        channel.take(second, painted(delivery.seq), arrived_ns=10**18)
        channel.take(first, painted(delivery.seq), arrived_ns=10**18 + 5)
        assert channel.counts.paints == 1
        return await delivery.first_paint(1.0)

    delivered = run(scenario())
    assert delivered is not None
    assert (delivered.viewer, delivered.behind) == (2, 0)


def test_a_viewer_still_being_written_to_is_counted_as_behind(run: Run, message: Make) -> None:
    async def scenario() -> None:
        channel = Channel("main")
        quick, _stalled = (await come(channel))[0], (await come(channel))[0]
        delivery = channel.publish(message(), sent_ns=10)
        await write_all(quick)
        channel.take(quick, painted(delivery.seq), arrived_ns=10**18)
        delivered = await delivery.first_paint(1.0)
        assert delivered is not None
        assert delivered.behind == channel.counts.behind == 1

    run(scenario())


def test_waiting_ends_at_once_when_nobody_is_left_to_paint(run: Run, message: Make) -> None:
    async def scenario() -> None:
        channel = Channel("main")
        assert await channel.publish(message(), sent_ns=0).first_paint(60) is None
        leaving, _ = await come(channel)
        hiding, _ = await come(channel)
        delivery = channel.publish(message(), sent_ns=0)
        channel.leave(leaving)
        assert not delivery.decided
        channel.take(hiding, '{"type":"visibility","hidden":true}')
        assert await delivery.first_paint(60) is None
        assert channel.visible_viewers == 0

    run(scenario())


def test_a_hidden_page_is_counted_apart_and_paints_nothing(run: Run, message: Make) -> None:
    async def scenario() -> None:
        channel = Channel("main")
        viewer, _ = await come(channel)
        delivery = channel.publish(message(), sent_ns=0)
        channel.take(viewer, painted(delivery.seq, hidden=True))
        assert await delivery.first_paint(60) is None
        assert (channel.counts.hidden, channel.counts.paints) == (1, 0)
        channel.take(viewer, '{"type":"visibility","hidden":false}')
        assert channel.visible_viewers == 1

    run(scenario())


def test_a_message_awaited_while_a_viewer_returns_can_still_be_painted_by_it(run: Run, message: Make) -> None:
    async def scenario() -> None:
        channel = Channel("main")
        leaving, _ = await come(channel)
        staying, _ = await come(channel)
        delivery = channel.publish(message(), sent_ns=0)
        channel.leave(leaving)
        back, socket = await come(channel)
        await write_all(staying, back)
        assert socket.frames[1]["awaited"] == [delivery.seq]
        channel.take(back, painted(delivery.seq), arrived_ns=10**18)
        delivered = await delivery.first_paint(1.0)
        assert delivered is not None
        assert delivered.viewer == back.number

    run(scenario())


def test_paints_of_unknown_or_settled_messages_and_nonsense_change_nothing(run: Run, message: Make) -> None:
    async def scenario() -> None:
        channel = Channel("main")
        viewer, _ = await come(channel)
        delivery = channel.publish(message(), sent_ns=0)
        channel.settle(delivery)
        channel.take(viewer, painted(delivery.seq))
        channel.take(viewer, painted(12_345))
        channel.take(viewer, "nonsense")
        channel.take(viewer, '{"type":"pong","number":77,"received_ms":1,"replied_ms":1}')
        assert (channel.counts.paints, channel.counts.malformed) == (0, 2)

    run(scenario())


def test_times_moved_to_fit_cause_and_effect_are_counted(run: Run, message: Make) -> None:
    async def scenario() -> None:
        channel = Channel("main")
        viewer, _ = await come(channel)
        await write_all(viewer)
        for seq, dom_updated_ms in ((1, 1.0), (2, 0.5)):
            delivery = channel.publish(message(), sent_ns=0)
            await write_all(viewer)
            arrived_ns = delivery.sending_ns(viewer.number) + 10
            channel.take(viewer, painted(seq, dom_updated_ms=dom_updated_ms), arrived_ns=arrived_ns)
        assert (channel.counts.paints, channel.counts.clamped) == (2, 1)

    run(scenario())


def test_a_full_channel_refuses_and_says_so_in_its_counts(run: Run) -> None:
    async def scenario() -> None:
        channel = Channel("main", viewers=1)
        viewer, socket = await come(channel)
        assert channel.join(socket.send, after=0, identity="") is None
        channel.leave(viewer)
        channel.leave(viewer)
        assert channel.join(socket.send, after=0, identity="") is not None
        assert channel.counts.refused_viewers == 1

    run(scenario())


def test_an_ended_channel_sends_its_viewers_away_and_lets_nobody_in(run: Run) -> None:
    async def scenario() -> None:
        sessions = Sessions()
        channel = sessions.open("talk")
        viewer, socket = await come(channel)
        sessions.end("talk")
        sessions.end("talk")
        assert viewer.farewell is not None
        assert viewer.farewell.code == 1001
        assert channel.join(socket.send, after=0, identity="") is None
        assert sessions.find("talk") is None

    run(scenario())


def test_a_few_viewers_that_keep_up_and_are_in_sight_are_asked_for_paints(run: Run, message: Make) -> None:
    async def scenario() -> None:
        channel = Channel("main")
        viewers = [(await come(channel))[0] for _ in range(WITNESSES + 3)]
        sockets = [viewer._send.__self__ for viewer in viewers]  # type: ignore[attr-defined]
        await write_all(*viewers)
        channel.take(viewers[0], '{"type":"visibility","hidden":true}')
        viewers[1].offer(Frame(text='{"type":"backlog"}'))
        channel.publish(message(), sent_ns=0)
        await write_all(*viewers)
        asked = [bool(socket.frames[-1]["awaited"]) for socket in sockets]
        assert asked == [False, False, *[True] * WITNESSES, False]
        assert {tuple(socket.texts) for socket in sockets} == {("a mutex excludes",)}

    run(scenario())


def test_a_viewer_that_never_reads_gets_at_last_what_waited_in_one_frame(run: Run, message: Make) -> None:
    async def scenario() -> None:
        channel = Channel("main")
        viewer, socket = await come(channel)
        for number in range(5):
            channel.publish(message(MessageKind.INTERIM, f"interim {number}"), sent_ns=0)
            channel.publish(message(text=f"piece {number}"), sent_ns=0)
        assert (viewer.waiting, channel.counts.queues.superseded) == (7, 4)
        await write_all(viewer)
        assert len(socket.frames) == 2
        assert socket.texts == [*(f"piece {number}" for number in range(4)), "interim 4", "piece 4"]
        assert channel.counts.queues.merged == 5

    run(scenario())


def test_figures_are_neither_numbered_nor_kept_but_the_latest_is_there_for_who_comes(
    run: Run, message: Make
) -> None:
    async def scenario() -> None:
        channel = Channel("main")
        viewer, socket = await come(channel)
        channel.show_figures('{"type":"figures","figures":1}')
        channel.show_figures('{"type":"figures","figures":2}')
        channel.publish(message(text="a"), sent_ns=0)
        late, late_socket = await come(channel)
        await write_all(viewer, late)
        assert [frame.get("figures") for frame in socket.frames] == [None, 2, None]
        assert socket.frames[-1]["messages"][0]["seq"] == 1
        assert late_socket.frames[-1] == {"type": "figures", "figures": 2}

    run(scenario())
