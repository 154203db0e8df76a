"""The contract of the AudioSource port, held by every implementation."""

import importlib
import itertools
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from reference_pipeline.capture.channel_source import ChannelSource
from reference_pipeline.capture.file_source import FileSource
from reference_pipeline.capture.paired_source import PairedSource
from reference_pipeline.capture.reopening import ReopeningSource
from reference_pipeline.display.wire import PagePong
from reference_pipeline.ports import AudioSource, SourceError
from reference_pipeline.serving.listening_thread import ListeningThread
from reference_pipeline.serving.remote_source import RemoteSource
from reference_pipeline.serving.sender_clock import SenderClock
from reference_pipeline.serving.speaker_wire import SoundPiece

BLOCKS = 5


class DrivenSource:
    """A source together with what makes it give sound and come to its end."""

    def __init__(self, source: AudioSource, give: Callable[[], None]) -> None:
        self.source = source
        self.give = give


@pytest.fixture(params=["file", "channel", "microphone", "reopening", "paired", "remote"])
def driven(
    request: pytest.FixtureRequest, write_sound: Callable[..., Path], sound_card: ModuleType
) -> DrivenSource:
    if request.param == "file":
        path = write_sound(np.full(256 * BLOCKS, 0.5, dtype=np.float32))
        return DrivenSource(FileSource(path), lambda: None)
    if request.param == "channel":
        path = write_sound(np.full((256 * BLOCKS, 2), 0.5, dtype=np.float32))
        return DrivenSource(ChannelSource(FileSource(path), interviewer=0), lambda: None)
    if request.param == "remote":
        return _remote(request)
    module = importlib.import_module("reference_pipeline.capture.microphone_source")
    source: AudioSource = module.MicrophoneSource("headset")
    if request.param == "reopening":
        source = ReopeningSource(module.MicrophoneSource("headset"))
    if request.param == "paired":
        source = PairedSource(source, module.MicrophoneSource("camera"))

    def give() -> None:
        for index in range(BLOCKS):
            sound_card.InputStream.opened[-1].give(
                np.full((256, 1), 0.5, dtype=np.float32),
                adc_s=1 + index * 0.016,
                current_s=1.02 + index * 0.016,
            )

    return DrivenSource(source, give)


def _remote(request: pytest.FixtureRequest) -> DrivenSource:
    thread = ListeningThread()
    request.addfinalizer(thread.close)
    clock = SenderClock()
    clock.ping(0)
    clock.ponged(PagePong(number=1, received_ns=0, replied_ns=0), arrived_ns=0)
    source = RemoteSource("speaker", rate=16_000, clock=clock, thread=thread)

    def give() -> None:
        for index in range(BLOCKS):
            now_ns = (index + 1) * 16_000_000
            samples = np.full((256, 1), 0.5, dtype=np.float32)
            source.take(
                SoundPiece(samples=samples, first_sample=index * 256, captured_ns=now_ns), arrived_ns=now_ns
            )

    return DrivenSource(source, give)


@pytest.fixture
def heard(driven: DrivenSource, delivered: Any, until: Callable[[Callable[[], bool]], None]) -> Any:
    driven.source.start(delivered.deliver, delivered.ended)
    driven.give()
    until(lambda: len(delivered.blocks) == BLOCKS)
    driven.source.stop()
    return delivered


def test_it_has_a_name_and_a_rate(driven: DrivenSource) -> None:
    assert driven.source.name.split(" (")[0] in {"sound.wav", "USB Headset", "speaker"}
    assert driven.source.sample_rate == 16_000


def test_blocks_are_consecutive_float32_frames_by_channels(heard: Any) -> None:
    position = 0
    for block in heard.blocks:
        assert block.samples.dtype == np.float32
        assert block.samples.ndim == 2
        assert block.first_sample == position
        position += len(block.samples)


def test_a_block_that_was_delivered_does_not_change(heard: Any) -> None:
    assert np.abs(heard.samples - 0.5).max() < 1e-4


def test_capture_times_advance(heard: Any) -> None:
    stamps = [block.captured_ns for block in heard.blocks]
    assert all(later > earlier for earlier, later in itertools.pairwise(stamps))


def test_the_end_is_told_once_and_without_error_after_stop(driven: DrivenSource, heard: Any) -> None:
    driven.source.stop()
    assert heard.ends == [None]


def test_nothing_is_lost_where_everything_is_taken(driven: DrivenSource, heard: Any) -> None:
    assert driven.source.overruns == 0


def test_stopping_before_the_start_is_harmless(driven: DrivenSource, delivered: Any) -> None:
    driven.source.stop()
    assert delivered.blocks == []


def test_it_starts_once_only(driven: DrivenSource, heard: Any) -> None:
    with pytest.raises(SourceError, match=r"^(sound\.wav|USB \w+|speaker): (is being|was opened)"):
        driven.source.start(heard.deliver, heard.ended)
