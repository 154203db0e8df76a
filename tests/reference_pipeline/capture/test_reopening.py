"""A device that is lost and comes back: told, waited for, opened again, with no hole in time."""

import importlib
import itertools
import logging
import threading
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from reference_pipeline.capture.device_losses import DeviceNotice
from reference_pipeline.capture.reopening import ReopeningSource
from reference_pipeline.ports import SourceError

SOUND = np.full((256, 1), 0.25, dtype=np.float32)
HEADSET = 2


class World:
    """A clock that only waiting moves, and what happens at which of its seconds."""

    def __init__(self) -> None:
        self.now = 1_000_000_000_000
        self.events: list[tuple[float, Any]] = []
        self.waited_s = 0.0

    def now_ns(self) -> int:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += round(seconds * 1e9)
        self.waited_s += seconds
        while self.events and self.events[0][0] <= self.waited_s + 1e-9:
            self.events.pop(0)[1]()
        return False


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING, logger="reference_pipeline")
    return caplog


@pytest.fixture
def lasting(sound_card: ModuleType, world: World) -> ReopeningSource:
    module = importlib.import_module("reference_pipeline.capture.microphone_source")
    return ReopeningSource(
        module.MicrophoneSource("headset", now_ns=world.now_ns), now_ns=world.now_ns, wait=world.wait
    )


def wait_until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < give_up
        threading.Event().wait(0.005)


def unplug(card: ModuleType) -> None:
    card.plugged = [device for device in card.plugged if device["name"] != "USB Headset"]
    card.InputStream.opened[-1].unplug()


def plug_in(card: ModuleType) -> None:
    card.plugged = [
        {"name": "New Camera", "max_input_channels": 1, "default_samplerate": 48_000.0},
        {"name": "USB Headset", "max_input_channels": 1, "default_samplerate": 48_000.0},
    ]


def test_a_device_that_comes_back_is_heard_again_and_both_are_told(
    lasting: ReopeningSource, sound_card: ModuleType, world: World, delivered: Any, told: Any
) -> None:
    notices: list[DeviceNotice] = []
    lasting.tell_losses(notices.append)
    lasting.start(delivered.deliver, delivered.ended)
    sound_card.InputStream.opened[0].give(SOUND)
    world.events = [(3.0, lambda: plug_in(sound_card))]
    unplug(sound_card)
    wait_until(lambda: len(notices) == 2)
    assert lasting.losses == 1
    second = sound_card.InputStream.opened[1]
    assert second.options["device"] == 1
    assert second.options["samplerate"] == 16_000  # as before, whatever the device prefers now
    second.give(SOUND)
    lasting.stop()
    assert delivered.ends == [None]
    assert np.array_equal(delivered.blocks[-1].samples, SOUND)
    lost, back = [record.getMessage() for record in told.records if "reference_pipeline" in record.name]
    assert "USB Headset: the device was unplugged or suspended" in lost
    assert lost.endswith("it is waited for")
    assert back.startswith("USB Headset: is heard again after 3.")
    assert notices == [DeviceNotice(text=lost, is_back=False), DeviceNotice(text=back, is_back=True)]


def test_while_it_is_away_silence_comes_at_the_pace_of_time(
    lasting: ReopeningSource, sound_card: ModuleType, world: World, delivered: Any
) -> None:
    lasting.start(delivered.deliver, delivered.ended)
    sound_card.InputStream.opened[0].give(SOUND)
    world.events = [(2.0, lambda: plug_in(sound_card))]
    unplug(sound_card)
    wait_until(lambda: len(sound_card.InputStream.opened) == 2)
    lasting.stop()
    silence = np.concatenate([block.samples for block in delivered.blocks[1:]])
    assert not silence.any()
    assert abs(len(silence) / 16_000 - world.waited_s) < 0.2
    stamps = [block.captured_ns for block in delivered.blocks]
    assert all(later > earlier for earlier, later in itertools.pairwise(stamps))
    position = 0
    for block in delivered.blocks:
        assert block.first_sample == position
        position += len(block.samples)


def test_a_night_s_sleep_is_not_heard_through(
    lasting: ReopeningSource, sound_card: ModuleType, world: World, delivered: Any
) -> None:
    lasting.start(delivered.deliver, delivered.ended)
    sound_card.InputStream.opened[0].give(SOUND)

    def sleep() -> None:
        world.now += 8 * 3_600 * 1_000_000_000
        plug_in(sound_card)

    world.events = [(0.1, sleep)]
    unplug(sound_card)
    wait_until(lambda: len(sound_card.InputStream.opened) == 2)
    lasting.stop()
    assert sum(len(block.samples) for block in delivered.blocks) < 4 * 16_000


def test_it_can_be_stopped_while_the_device_is_away(
    lasting: ReopeningSource, sound_card: ModuleType, world: World, delivered: Any
) -> None:
    lasting.start(delivered.deliver, delivered.ended)
    unplug(sound_card)
    wait_until(lambda: world.waited_s > 1.0)
    lasting.stop()
    assert delivered.ends == [None]


def test_tries_become_rarer_up_to_one_in_five_seconds(
    lasting: ReopeningSource, sound_card: ModuleType, world: World, delivered: Any
) -> None:
    tries: list[float] = []
    sound_card._terminate = lambda: tries.append(round(world.waited_s, 1))
    lasting.start(delivered.deliver, delivered.ended)
    unplug(sound_card)
    wait_until(lambda: world.waited_s > 25.0)
    lasting.stop()
    assert tries[:6] == [0.5, 1.5, 3.5, 7.5, 12.5, 17.5]


def test_a_device_that_falls_silent_is_closed_before_it_is_opened_again(
    lasting: ReopeningSource, sound_card: ModuleType, delivered: Any
) -> None:
    lasting.start(delivered.deliver, delivered.ended)
    lasting._source._lost("gives no sound any more")  # type: ignore[attr-defined]  # as its watch does
    wait_until(lambda: len(sound_card.InputStream.opened) == 2)
    assert sound_card.InputStream.opened[0].closed
    lasting.stop()
    assert sound_card.InputStream.opened[1].closed


def test_the_default_device_s_loss_leads_to_what_is_default_then(
    sound_card: ModuleType, world: World, delivered: Any
) -> None:
    module = importlib.import_module("reference_pipeline.capture.microphone_source")
    lasting = ReopeningSource(
        module.MicrophoneSource(now_ns=world.now_ns), now_ns=world.now_ns, wait=world.wait
    )
    lasting.start(delivered.deliver, delivered.ended)
    assert lasting.name == "USB Headset"
    sound_card.default.device = [1, 0]
    unplug(sound_card)
    wait_until(lambda: lasting.name == "Built-in Microphone")
    assert lasting.sample_rate == 16_000
    lasting.stop()


def test_devices_are_looked_for_anew_only_while_no_stream_is_open(
    sound_card: ModuleType, delivered: Any
) -> None:
    module = importlib.import_module("reference_pipeline.capture.microphone_source")
    plug_in(sound_card)
    source = module.MicrophoneSource("headset")
    source.start(delivered.deliver, delivered.ended)
    assert "New Camera" not in [device.name for device in module.input_devices(anew=True)]
    source.stop()
    assert "New Camera" in [device.name for device in module.input_devices(anew=True)]


def test_a_device_that_never_worked_is_not_waited_for(
    sound_card: ModuleType, world: World, delivered: Any
) -> None:
    sound_card.listed = [
        {"name": f"Card {index}", "max_input_channels": 1, "default_samplerate": 16_000.0}
        for index in range(10)
    ]
    module = importlib.import_module("reference_pipeline.capture.microphone_source")
    lasting = ReopeningSource(module.MicrophoneSource(9), now_ns=world.now_ns, wait=world.wait)
    with pytest.raises(SourceError, match="Card 9: cannot be opened"):
        lasting.start(delivered.deliver, delivered.ended)
    lasting.stop()
    assert world.waited_s == 0.0
