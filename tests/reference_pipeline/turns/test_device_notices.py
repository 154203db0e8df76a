"""What becomes of a device is shown, whichever thread tells it."""

import asyncio
import threading
from typing import Any

from reference_pipeline.capture.device_losses import DeviceNotice
from reference_pipeline.events import DisplayMessage, MessageKind
from reference_pipeline.runs import show_losses


class Losable:
    losses = 1

    def tell_losses(self, told: Any) -> None:
        self.told = told


class Wall:
    """A display that keeps what it is shown."""

    name = "wall"

    def __init__(self) -> None:
        self.messages: list[DisplayMessage] = []

    async def show(self, message: DisplayMessage) -> Any:
        self.messages.append(message)

    async def close(self) -> None: ...


def test_a_loss_and_the_return_are_shown_in_order_and_nothing_after_the_end() -> None:
    source: Any = Losable()
    wall = Wall()

    def lose_and_find() -> None:
        source.told(DeviceNotice(text="headset: unplugged", is_back=False))
        source.told(DeviceNotice(text="headset: is heard again", is_back=True))

    async def run() -> None:
        showing = show_losses(source, wall)
        thread = threading.Thread(target=lose_and_find)
        thread.start()
        await asyncio.to_thread(thread.join)
        await asyncio.sleep(0)
        await showing.end()

    asyncio.run(run())
    source.told(DeviceNotice(text="too late", is_back=False))
    assert [(message.kind, message.text, message.data["over"]) for message in wall.messages] == [
        (MessageKind.NOTICE, "headset: unplugged", False),
        (MessageKind.NOTICE, "headset: is heard again", True),
    ]


def test_a_source_without_devices_has_nothing_to_tell() -> None:
    async def run() -> None:
        await show_losses(object(), Wall()).end()  # type: ignore[arg-type]  # no more than that is asked of it

    asyncio.run(run())
