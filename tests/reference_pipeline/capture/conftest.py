"""Shared by the tests of the listening side: recordings, a sink that remembers, a fake sound card."""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from reference_pipeline.capture.file_source import FileSource
from reference_pipeline.capture.listener import Listener
from reference_pipeline.capture.silero import SileroDetector
from reference_pipeline.events import AudioBlock, RawBlock, Samples, Utterance
from reference_pipeline.ports import SourceError

HUMAN_SPEECH = Path(__file__).resolve().parents[4] / "shared" / "speech"


@dataclass
class RecordingSink:
    """Remembers the calls of a listener in their order."""

    calls: list[str] = field(default_factory=list)
    utterances: list[Utterance] = field(default_factory=list)
    blocks: list[list[AudioBlock]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    pauses: list[int] = field(default_factory=list)
    ends: list[SourceError | None] = field(default_factory=list)

    def speech_started(self, first_block: AudioBlock) -> None:
        self.calls.append("started")
        self.blocks.append([])

    def speech_block(self, block: AudioBlock) -> None:
        self.calls.append("block")
        self.blocks[-1].append(block)

    def speech_paused(self, last_voiced_sample: int) -> None:
        self.calls.append("paused")
        self.pauses.append(last_voiced_sample)

    def speech_resumed(self) -> None:
        self.calls.append("resumed")

    def speech_ended(self, utterance: Utterance) -> None:
        self.calls.append("ended")
        self.utterances.append(utterance)

    def speech_discarded(self, reason: str) -> None:
        self.calls.append("discarded")
        self.reasons.append(reason)

    def source_ended(self, error: SourceError | None) -> None:
        self.calls.append("source ended")
        self.ends.append(error)


@dataclass
class Delivered:
    """Remembers what a source delivers."""

    blocks: list[RawBlock] = field(default_factory=list)
    ends: list[SourceError | None] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def deliver(self, block: RawBlock) -> None:
        self.blocks.append(block)

    def ended(self, error: SourceError | None) -> None:
        self.ends.append(error)
        self.over.set()

    @property
    def samples(self) -> Samples:
        return np.concatenate([block.samples for block in self.blocks])


@pytest.fixture
def delivered() -> Delivered:
    return Delivered()


@pytest.fixture
def sink() -> RecordingSink:
    return RecordingSink()


@pytest.fixture
def write_sound(tmp_path: Path) -> Callable[..., Path]:
    """Write samples to a file and return its path."""

    def write(
        samples: Samples, rate: int = 16_000, *, name: str = "sound.wav", subtype: str = "PCM_16"
    ) -> Path:
        path = tmp_path / name
        soundfile.write(path, samples, rate, subtype=subtype)
        return path

    return write


@pytest.fixture(scope="session")
def hear() -> Callable[[Path], tuple[RecordingSink, Listener]]:
    """Let a listener hear a whole file as fast as it can."""

    def listen(path: Path) -> tuple[RecordingSink, Listener]:
        heard = RecordingSink()
        listener = Listener(FileSource(path, speed=None), SileroDetector(), heard)
        listener.start()
        assert listener.wait(60.0)
        listener.stop()
        return heard, listener

    return listen


@pytest.fixture(scope="session")
def human_speech() -> Path:
    """The folder of human speech beside the repository."""
    if not HUMAN_SPEECH.is_dir():
        pytest.skip("the recordings of human speech (../shared/speech) are not on this machine")
    return HUMAN_SPEECH


class FakePortAudioError(Exception):
    """Stands for sounddevice.PortAudioError."""


class FakeStream:
    """An input stream that is driven by the test instead of a sound card."""

    latency = 0.02
    opened: "list[FakeStream]"

    def __init__(self, **options: Any) -> None:
        if options["device"] == 9:
            raise FakePortAudioError("Device unavailable [PaErrorCode -9985]")
        self.options = options
        self.started = False
        self.closed = False
        type(self).opened.append(self)

    def start(self) -> None:
        self.started = True

    def close(self) -> None:
        self.closed = True
        self.options["finished_callback"]()

    def give(
        self, samples: Samples, *, adc_s: float = 0.0, current_s: float = 0.0, overflow: bool = False
    ) -> None:
        """Call back as PortAudio would, and reuse the buffer afterwards, as PortAudio does."""
        buffer = samples.copy()
        self.options["callback"](
            buffer,
            len(buffer),
            SimpleNamespace(inputBufferAdcTime=adc_s, currentTime=current_s),
            SimpleNamespace(input_overflow=overflow),
        )
        buffer.fill(9.0)

    def unplug(self) -> None:
        self.options["finished_callback"]()


DEVICES: Sequence[dict[str, object]] = (
    {"name": "Speakers", "max_input_channels": 0, "default_samplerate": 48_000.0},
    {"name": "Built-in Microphone", "max_input_channels": 2, "default_samplerate": 48_000.0},
    {"name": "USB Headset", "max_input_channels": 1, "default_samplerate": 16_000.0},
    {"name": "USB Camera", "max_input_channels": 4, "default_samplerate": 44_100.0},
)


@pytest.fixture
def sound_card(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A fake sounddevice in place of the real one; `InputStream.opened` lists the streams opened.

    As with PortAudio, what is plugged in later (`card.plugged`) is listed once it has been started anew.
    """
    card = ModuleType("sounddevice")
    stream_class = type("Stream", (FakeStream,), {"opened": []})
    card.plugged = list(DEVICES)
    card.listed = list(DEVICES)
    card.query_devices = lambda: list(card.listed)
    card._terminate = lambda: None
    card._initialize = lambda: setattr(card, "listed", list(card.plugged))
    card.default = SimpleNamespace(device=[2, 0])
    card.PortAudioError = FakePortAudioError
    card.InputStream = stream_class
    monkeypatch.setitem(sys.modules, "sounddevice", card)
    monkeypatch.delitem(sys.modules, "reference_pipeline.capture.microphone_source", raising=False)
    yield card
    sys.modules.pop("reference_pipeline.capture.microphone_source", None)


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Wait until a condition of another thread holds, at most five seconds."""

    def wait(condition: Callable[[], bool]) -> None:
        give_up = time.monotonic() + 5.0
        while not condition():
            assert time.monotonic() < give_up, "the condition did not come true within 5 s"
            threading.Event().wait(0.005)

    return wait
