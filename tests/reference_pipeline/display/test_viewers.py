"""One viewer's queue is bounded, and a viewer that takes nothing is sent away rather than waited for."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from reference_pipeline.display.deliveries import Delivery
from reference_pipeline.display.viewer_queue import Frame
from reference_pipeline.display.viewers import PING_BURST, TOO_SLOW, Farewell, Viewer
from reference_pipeline.display.wire import PagePong

Run = Callable[..., Any]


def test_what_is_offered_is_written_in_order(run: Run) -> None:
    async def scenario() -> list[str]:
        sent: list[str] = []

        async def send(text: str) -> None:
            sent.append(text)
            if text == "c":
                viewer.send_away(Farewell(code=1001, reason="done"))

        viewer = Viewer(1, send)
        for text in "abc":
            assert viewer.offer(Frame(text=text))
        await viewer.write()
        assert not viewer.offer(Frame(text="d"))
        return sent

    assert run(scenario()) == ["a", "b", "c"]


def test_a_full_queue_sends_the_viewer_away_and_offer_never_waits(run: Run) -> None:
    async def scenario() -> None:
        async def send(text: str) -> None:
            raise AssertionError(text)

        viewer = Viewer(1, send, queue_bound=2)
        assert viewer.offer(Frame(text="a"))
        assert viewer.offer(Frame(text="b"))
        assert not viewer.offer(Frame(text="c"))
        assert viewer.farewell is TOO_SLOW
        await viewer.until_sent_away()
        await viewer.write()  # writes nothing more, and ends

    run(scenario())


def test_a_socket_that_takes_nothing_within_the_bound_sends_the_viewer_away(run: Run) -> None:
    async def scenario() -> None:
        async def send(text: str) -> None:
            await asyncio.Event().wait()

        viewer = Viewer(1, send, send_bound_s=0.01)
        viewer.offer(Frame(text="a"))
        await viewer.write()
        assert viewer.farewell is TOO_SLOW

    run(scenario())


def test_the_first_reason_to_go_stands(run: Run) -> None:
    async def scenario() -> None:
        async def send(text: str) -> None:
            raise AssertionError(text)

        viewer = Viewer(1, send)
        viewer.send_away(Farewell(code=1001, reason="ended"))
        viewer.send_away(TOO_SLOW)
        assert viewer.farewell == Farewell(code=1001, reason="ended")

    run(scenario())


def test_writing_tells_the_delivery_when_it_began_and_ended(run: Run) -> None:
    async def scenario() -> None:
        async def send(text: str) -> None:
            viewer.send_away(TOO_SLOW)

        viewer = Viewer(1, send)
        delivery = Delivery(1, 0)
        delivery.addressed(1, visible=True)
        assert (delivery.behind, delivery.sending_ns(1)) == (1, 0)
        viewer.offer(Frame(text="a", deliveries=(delivery,)))
        await viewer.write()
        assert delivery.behind == 0
        assert delivery.sending_ns(1) > 0
        delivery.gone(1)

    run(scenario())


def test_pings_come_in_a_burst_and_their_answers_teach_the_pages_clock(run: Run) -> None:
    async def scenario() -> None:
        numbers: list[int] = []
        enough = asyncio.Event()

        async def send(text: str) -> None:
            numbers.append(json.loads(text)["number"])
            if len(numbers) == PING_BURST:
                enough.set()

        viewer = Viewer(1, send)
        tasks = [asyncio.create_task(viewer.write()), asyncio.create_task(viewer.ping())]
        await enough.wait()
        assert numbers == list(range(1, PING_BURST + 1))
        pong = PagePong(number=1, received_ns=5, replied_ns=5)
        assert viewer.ponged(pong, arrived_ns=10**18)
        assert viewer.clock.estimate(10**18) is not None
        assert not viewer.ponged(pong, arrived_ns=10**18), "a ping is answered once"
        assert not viewer.ponged(PagePong(number=99, received_ns=0, replied_ns=0), arrived_ns=10**18)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(scenario())


def test_unanswered_pings_are_not_kept_for_ever(run: Run) -> None:
    async def scenario() -> None:
        pinged = 0
        enough = asyncio.Event()

        async def send(text: str) -> None:
            nonlocal pinged
            pinged += 1
            if pinged == 40:
                enough.set()

        viewer = Viewer(1, send, ping_every_s=0)
        tasks = [asyncio.create_task(viewer.write()), asyncio.create_task(viewer.ping())]
        await enough.wait()
        assert len(viewer._pinged_ns) <= PING_BURST + 1
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(scenario())
