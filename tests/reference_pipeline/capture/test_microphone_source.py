"""The microphone, driven by a fake sound card: choice of device, capture times, overruns, loss."""

import importlib
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from latency_kit.errors import MissingExtraError
from reference_pipeline.ports import SourceError

NAME = "reference_pipeline.capture.microphone_source"
MS = 1_000_000
SOUND = np.full((256, 1), 0.25, dtype=np.float32)


@pytest.fixture
def microphone(sound_card: ModuleType) -> ModuleType:
    return importlib.import_module(NAME)


def test_only_devices_with_inputs_are_listed(microphone: ModuleType) -> None:
    devices = microphone.input_devices()
    assert [device.name for device in devices] == ["Built-in Microphone", "USB Headset", "USB Camera"]
    assert [device.index for device in devices] == [1, 2, 3]
    assert [device.is_default for device in devices] == [False, True, False]


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        (None, "USB Headset"),
        (1, "Built-in Microphone"),
        ("1", "Built-in Microphone"),
        ("camera", "USB Camera"),
        ("USB Headset", "USB Headset"),
    ],
)
def test_a_device_is_chosen_by_index_or_part_of_its_name(
    microphone: ModuleType, wanted: str | int | None, name: str
) -> None:
    assert microphone.MicrophoneSource(wanted).name == name


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        ("usb", "more than one input device is called 'usb'"),
        ("harp", "no input device is called 'harp'"),
        (0, "no input device is called '0'"),
    ],
)
def test_a_wrong_choice_lists_the_right_ones(
    microphone: ModuleType, wanted: str | int, complaint: str
) -> None:
    with pytest.raises(SourceError, match=complaint) as caught:
        microphone.MicrophoneSource(wanted)
    assert "1: Built-in Microphone, 2: USB Headset, 3: USB Camera" in str(caught.value)


def test_without_any_input_the_way_out_is_named(microphone: ModuleType, sound_card: ModuleType) -> None:
    sound_card.query_devices = list
    with pytest.raises(SourceError, match="no input device was found; plug a microphone in or use --audio"):
        microphone.MicrophoneSource()


def test_a_card_that_cannot_list_its_devices_gives_one_clear_line(
    microphone: ModuleType, sound_card: ModuleType
) -> None:
    def fail() -> None:
        raise sound_card.PortAudioError("Error querying device -1")

    sound_card.query_devices = fail
    with pytest.raises(SourceError, match="the sound devices cannot be listed: Error querying device -1"):
        microphone.input_devices()


def test_the_stream_is_opened_at_the_device_s_rate_in_blocks_of_16_ms(
    microphone: ModuleType, sound_card: ModuleType, delivered: Any
) -> None:
    source = microphone.MicrophoneSource("camera")
    source.start(delivered.deliver, delivered.ended)
    (stream,) = sound_card.InputStream.opened
    assert stream.started
    assert stream.options["samplerate"] == 44_100
    assert stream.options["blocksize"] == 705
    assert stream.options["channels"] == 2
    assert stream.options["latency"] == "low"
    source.stop()
    assert stream.closed


def test_capture_time_is_the_converter_s_time_on_the_monotonic_clock(
    microphone: ModuleType, sound_card: ModuleType, delivered: Any
) -> None:
    source = microphone.MicrophoneSource("headset", now_ns=lambda: 50_000 * MS)
    source.start(delivered.deliver, delivered.ended)
    (stream,) = sound_card.InputStream.opened
    # The first frame passed the converter 20 ms before the callback; the block lasts 16 ms of them.
    stream.give(SOUND, adc_s=700.000, current_s=700.020)
    source.stop()
    assert delivered.blocks[0].captured_ns == pytest.approx(50_000 * MS - 4 * MS, abs=1_000)


@pytest.mark.parametrize(
    ("adc_s", "current_s"),
    [(0.0, 700.0), (700.0, 699.0), (690.0, 700.0)],
    ids=["none given", "in the future", "ten seconds old"],
)
def test_where_the_host_gives_no_usable_time_the_stream_s_latency_stands_in(
    microphone: ModuleType, sound_card: ModuleType, delivered: Any, adc_s: float, current_s: float
) -> None:
    source = microphone.MicrophoneSource("headset", now_ns=lambda: 50_000 * MS)
    source.start(delivered.deliver, delivered.ended)
    sound_card.InputStream.opened[0].give(SOUND, adc_s=adc_s, current_s=current_s)
    source.stop()
    assert delivered.blocks[0].captured_ns == 50_000 * MS - 20 * MS + 16 * MS


def test_lost_input_is_counted(microphone: ModuleType, sound_card: ModuleType, delivered: Any) -> None:
    source = microphone.MicrophoneSource("headset")
    source.start(delivered.deliver, delivered.ended)
    for overflow in (False, True, True):
        sound_card.InputStream.opened[0].give(SOUND, overflow=overflow)
    source.stop()
    assert source.overruns == 2
    assert len(delivered.blocks) == 3


def test_a_device_that_is_unplugged_ends_with_what_to_do(
    microphone: ModuleType, sound_card: ModuleType, delivered: Any
) -> None:
    source = microphone.MicrophoneSource("headset")
    source.start(delivered.deliver, delivered.ended)
    sound_card.InputStream.opened[0].unplug()
    source.stop()
    (end,) = delivered.ends
    assert str(end) == (
        "USB Headset: the device was unplugged or suspended; plug it in or choose another device, "
        "and start again"
    )


def test_a_device_that_falls_silent_without_a_word_is_noticed(
    microphone: ModuleType, sound_card: ModuleType, delivered: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(microphone, "_STALL_S", 0.05)
    source = microphone.MicrophoneSource("headset")
    source.start(delivered.deliver, delivered.ended)
    sound_card.InputStream.opened[0].give(SOUND)
    assert delivered.over.wait(5.0)
    source.stop()
    (end,) = delivered.ends
    assert "gives no sound any more" in str(end)


def test_a_device_that_cannot_be_opened_gives_one_clear_line(
    microphone: ModuleType, sound_card: ModuleType, delivered: Any
) -> None:
    sound_card.query_devices = lambda: [
        {"name": f"Card {index}", "max_input_channels": 1, "default_samplerate": 16_000.0}
        for index in range(10)
    ]
    source = microphone.MicrophoneSource(9)
    with pytest.raises(SourceError, match=r"Card 9: cannot be opened \(Device unavailable"):
        source.start(delivered.deliver, delivered.ended)
    source.stop()
    assert delivered.blocks == []


@pytest.mark.usefixtures("sound_card")
def test_without_sounddevice_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'latency-kit\[mic\]'"):
        importlib.import_module(NAME)


@pytest.mark.usefixtures("sound_card")
def test_without_the_portaudio_library_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class NoLibrary:
        """Finds sounddevice and fails as it does where libportaudio is missing."""

        def find_spec(self, name: str, path: object = None, target: object = None) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice")
    monkeypatch.setattr(sys, "meta_path", [NoLibrary(), *sys.meta_path])
    with pytest.raises(SourceError, match="apt-get install libportaudio2"):
        importlib.import_module(NAME)
