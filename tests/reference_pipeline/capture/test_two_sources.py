"""Two channels of one stream, and two devices: whose sound is delivered, and what goes along with it."""

import importlib
import logging
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from reference_pipeline.capture.channel_source import ChannelSource
from reference_pipeline.capture.device_losses import DeviceNotice
from reference_pipeline.capture.file_source import FileSource
from reference_pipeline.capture.paired_source import PairedSource
from reference_pipeline.events import RawBlock, Samples
from reference_pipeline.ports import SourceError

MS = 1_000_000
LEFT = np.full(1_024, 0.5, dtype=np.float32)
RIGHT = (0.25 * (-1.0) ** np.arange(1_024)).astype(np.float32)


def replay(source: Any, delivered: Any) -> None:
    source.start(delivered.deliver, delivered.ended)
    assert delivered.over.wait(10.0)
    source.stop()


@pytest.mark.parametrize(("channel", "wanted", "own_power"), [(0, LEFT, 1 / 16), (1, RIGHT, 0.0)])
def test_the_interviewer_s_channel_comes_with_the_power_of_the_other(
    write_sound: Callable[..., Path], delivered: Any, channel: int, wanted: Samples, own_power: float
) -> None:
    path = write_sound(np.stack([LEFT, RIGHT], axis=1), subtype="FLOAT")
    replay(ChannelSource(FileSource(path, speed=None), interviewer=channel), delivered)
    assert np.array_equal(delivered.samples[:, 0], wanted)
    assert {block.own_power for block in delivered.blocks} == {own_power}  # a constant offset has none


def test_the_channel_is_a_view_of_the_stream(delivered: Any) -> None:
    stereo = np.zeros((256, 2), dtype=np.float32)

    class OneBlock:
        name, sample_rate, channels, overruns = "one block", 16_000, 2, 7

        def start(self, deliver: Any, ended: Any) -> None:
            deliver(RawBlock(samples=stereo, first_sample=0, captured_ns=0))

        def stop(self) -> None:
            return

    source = ChannelSource(OneBlock(), interviewer=1)
    source.start(delivered.deliver, delivered.ended)
    assert np.shares_memory(delivered.blocks[0].samples, stereo)
    assert delivered.blocks[0].samples.shape == (256, 1)
    assert source.overruns == 7


def test_a_mono_source_has_no_second_channel(write_sound: Callable[..., Path]) -> None:
    with pytest.raises(
        SourceError, match=r"has 1 channel.*choose a stereo source or leave --interviewer out"
    ):
        ChannelSource(FileSource(write_sound(LEFT)), interviewer=0)


class ByHand:
    """A source whose blocks the test gives."""

    sample_rate = 16_000

    def __init__(self, name: str, overruns: int = 0) -> None:
        self.name = name
        self.overruns = overruns
        self.stopped = False

    def start(self, deliver: Any, ended: Any) -> None:
        self.deliver, self.ended = deliver, ended

    def stop(self) -> None:
        self.stopped = True

    def give(self, amplitude: float, *, from_ms: int, ms: int = 16) -> None:
        sound = (amplitude * (-1.0) ** np.arange(ms * 16)).astype(np.float32)[:, None]
        self.deliver(RawBlock(samples=sound, first_sample=0, captured_ns=(from_ms + ms) * MS))


@pytest.fixture
def pair(delivered: Any) -> tuple[ByHand, ByHand, PairedSource]:
    asked, own = ByHand("system", 2), ByHand("headset", 3)
    source = PairedSource(asked, own)
    source.start(delivered.deliver, delivered.ended)
    return asked, own, source


def powers(delivered: Any) -> list[float]:
    return [round(block.own_power, 4) for block in delivered.blocks]


def test_the_power_is_the_greatest_of_the_user_s_device_at_that_time(pair: Any, delivered: Any) -> None:
    asked, own, _ = pair
    for at, amplitude in ((1_000, 0.1), (1_010, 0.5), (1_020, 0.2), (1_030, 0.9)):
        own.give(amplitude, from_ms=at, ms=10)
    asked.give(0.3, from_ms=1_012)
    assert powers(delivered) == [0.25]


def test_a_user_s_device_that_lags_stands_in_with_its_last_power_for_100_ms(
    pair: Any, delivered: Any
) -> None:
    asked, own, _ = pair
    own.give(0.5, from_ms=1_000)
    asked.give(0.3, from_ms=1_100)
    asked.give(0.3, from_ms=1_140)
    assert powers(delivered) == [0.25, 0.0]


def test_blocks_overruns_end_and_stop_are_those_of_both(pair: Any, delivered: Any) -> None:
    asked, own, source = pair
    assert source.overruns == 5
    source.stop()
    assert asked.stopped
    assert own.stopped
    asked.ended(None)
    assert delivered.ends == [None]


def test_the_loss_of_the_user_s_device_is_told_and_ends_nothing(
    pair: Any, delivered: Any, caplog: pytest.LogCaptureFixture
) -> None:
    asked, own, _ = pair
    with caplog.at_level(logging.WARNING, logger="reference_pipeline"):
        own.ended(SourceError("headset: gone"))
    assert "headset: gone; until then what you say may be taken for the interviewer's" in caplog.text
    asked.give(0.3, from_ms=0)
    assert len(delivered.blocks) == 1
    assert delivered.ends == []


class Losable(ByHand):
    """A source that outlives losses, which the test tells."""

    losses = 0

    def tell_losses(self, told: Any) -> None:
        self.told = told

    def lose(self) -> None:
        self.losses += 1
        self.told(DeviceNotice(text=f"{self.name}: unplugged", is_back=False))


def test_the_loss_of_either_device_is_told_and_that_of_the_user_s_with_what_it_means(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked, own = Losable("system"), Losable("headset")
    source = PairedSource(asked, own)
    notices: list[DeviceNotice] = []
    source.tell_losses(notices.append)
    own.lose()
    own.told(DeviceNotice(text="headset: is heard again", is_back=True))
    asked.lose()
    mistaken = "until then what you say may be taken for the interviewer's"
    assert [(notice.text, notice.is_back) for notice in notices] == [
        (f"headset: unplugged; {mistaken}", False),
        ("headset: is heard again", True),
        ("system: unplugged", False),
    ]
    assert source.losses == 2
    assert f"headset: {mistaken}" in caplog.text


def test_the_losses_of_a_stream_are_those_of_its_channel() -> None:
    stream: Any = Losable("interface")
    stream.channels = 2
    source = ChannelSource(stream, interviewer=0)
    notices: list[DeviceNotice] = []
    source.tell_losses(notices.append)
    stream.lose()
    assert (source.losses, len(notices)) == (1, 1)


def test_one_device_cannot_be_both() -> None:
    with pytest.raises(SourceError, match="is given for the interviewer and for you"):
        PairedSource(ByHand("headset"), ByHand("headset"))


def test_where_the_interviewer_s_device_cannot_begin_the_user_s_is_closed(
    sound_card: ModuleType, delivered: Any
) -> None:
    module = importlib.import_module("reference_pipeline.capture.microphone_source")
    sound_card.listed = [
        {"name": f"Card {index}", "max_input_channels": 1, "default_samplerate": 16_000.0}
        for index in range(10)
    ]
    source = PairedSource(module.MicrophoneSource(9), module.MicrophoneSource(1))
    with pytest.raises(SourceError, match="Card 9: cannot be opened"):
        source.start(delivered.deliver, delivered.ended)
    assert all(stream.closed for stream in sound_card.InputStream.opened)
