"""A recording replayed: every sample once, at the pace of speech, and bad files refused in one line."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reference_pipeline.capture.file_source import FileSource
from reference_pipeline.capture.sound_file import write_flac
from reference_pipeline.ports import SourceError

SOUND = np.random.default_rng(1).uniform(-0.9, 0.9, 5_000).astype(np.float32)


class SlowWorld:
    """A clock that only waiting and late wake-ups move."""

    def __init__(self, *, late_ns: int = 0) -> None:
        self.now = 5_000_000_000
        self.late_ns = late_ns
        self.waits: list[float] = []

    def now_ns(self) -> int:
        return self.now

    def wait(self, seconds: float) -> bool:
        if seconds > 0:
            self.waits.append(seconds)
            self.now += round(seconds * 1e9) + self.late_ns
        return False


def replay(source: FileSource, delivered: Any) -> None:
    source.start(delivered.deliver, delivered.ended)
    assert delivered.over.wait(10.0)
    source.stop()


@pytest.mark.parametrize(
    ("subtype", "step"),
    [("PCM_U8", 2**-7), ("PCM_16", 2**-15), ("PCM_24", 2**-23), ("FLOAT", 0.0), ("DOUBLE", 0.0)],
)
def test_every_sample_comes_once_and_true_whatever_the_wav_holds(
    write_sound: Callable[..., Path], delivered: Any, subtype: str, step: float
) -> None:
    replay(FileSource(write_sound(SOUND, subtype=subtype), speed=None), delivered)
    assert delivered.samples.shape == (5_000, 1)
    assert np.abs(delivered.samples[:, 0] - SOUND).max() <= step
    assert delivered.ends == [None]


def test_flac_is_read_as_well(tmp_path: Path, delivered: Any) -> None:
    write_flac(tmp_path / "sound.flac", SOUND, 16_000)
    replay(FileSource(tmp_path / "sound.flac", speed=None), delivered)
    assert np.abs(delivered.samples[:, 0] - SOUND).max() <= 2**-15


def test_stereo_keeps_its_channels_and_any_rate_its_frames(
    write_sound: Callable[..., Path], delivered: Any
) -> None:
    stereo = np.stack([SOUND, -SOUND], axis=1)
    source = FileSource(write_sound(stereo, 44_100, subtype="FLOAT"), speed=None)
    assert source.sample_rate == 44_100
    replay(source, delivered)
    assert np.array_equal(delivered.samples, stereo)


def test_samples_beyond_full_scale_and_not_a_number_are_tamed(
    write_sound: Callable[..., Path], delivered: Any
) -> None:
    wild = np.array([3.0, -3.0, np.nan, np.inf, 0.5], dtype=np.float32)
    replay(FileSource(write_sound(wild, subtype="FLOAT"), speed=None), delivered)
    assert delivered.samples[:, 0].tolist() == [1.0, -1.0, 0.0, 1.0, 0.5]


def test_each_block_is_due_at_the_start_plus_its_position_and_lateness_never_adds_up(
    write_sound: Callable[..., Path], delivered: Any
) -> None:
    world = SlowWorld(late_ns=3_000_000)
    path = write_sound(np.zeros(16_000, dtype=np.float32))
    late: list[int] = []
    source = FileSource(path, now_ns=world.now_ns, wait=world.wait)
    source.start(
        lambda block: (delivered.deliver(block), late.append(world.now - block.captured_ns))[0],
        delivered.ended,
    )
    assert delivered.over.wait(10.0)
    stamps = [block.captured_ns - 5_000_000_000 for block in delivered.blocks]
    assert stamps == [16_000_000 * (index + 1) for index in range(62)] + [1_000_000_000]
    assert set(late) == {3_000_000}
    assert world.now == 6_003_000_000


def test_blocks_that_were_missed_in_a_stall_come_at_once_and_then_the_pace_is_kept(
    write_sound: Callable[..., Path], delivered: Any
) -> None:
    world = SlowWorld()

    def deliver(block: Any) -> None:
        delivered.deliver(block)
        if len(delivered.blocks) == 10:
            world.now += 100_000_000

    source = FileSource(write_sound(np.zeros(16_000, dtype=np.float32)), now_ns=world.now_ns, wait=world.wait)
    source.start(deliver, delivered.ended)
    assert delivered.over.wait(10.0)
    assert world.now == 6_000_000_000
    assert len(world.waits) == 63 - 6  # 100 ms hold six whole blocks, for which nobody waited


def test_twice_the_speed_takes_half_the_time_and_keeps_capture_times(
    write_sound: Callable[..., Path], delivered: Any
) -> None:
    world = SlowWorld()
    path = write_sound(np.zeros(16_000, dtype=np.float32))
    replay(FileSource(path, speed=2.0, now_ns=world.now_ns, wait=world.wait), delivered)
    assert world.now == 5_500_000_000
    assert delivered.blocks[-1].captured_ns == 6_000_000_000


def test_stopping_ends_it_early_and_without_an_error(
    write_sound: Callable[..., Path], delivered: Any, until: Callable[[Callable[[], bool]], None]
) -> None:
    source = FileSource(write_sound(np.zeros(16_000 * 60, dtype=np.float32)))
    source.start(delivered.deliver, delivered.ended)
    until(lambda: len(delivered.blocks) >= 2)
    source.stop()
    count = len(delivered.blocks)
    assert delivered.ends == [None]
    assert count < 3_000
    source.stop()
    assert len(delivered.blocks) == count


def test_it_may_be_stopped_from_within_a_delivery(write_sound: Callable[..., Path], delivered: Any) -> None:
    source = FileSource(write_sound(np.zeros(16_000, dtype=np.float32)), speed=None)
    source.start(lambda block: (delivered.deliver(block), source.stop())[0], delivered.ended)
    assert delivered.over.wait(10.0)
    assert len(delivered.blocks) == 1


def test_real_time_takes_as_long_as_the_recording(write_sound: Callable[..., Path], delivered: Any) -> None:
    source = FileSource(write_sound(np.zeros(4_800, dtype=np.float32)))
    began = source._now_ns()
    source.start(delivered.deliver, delivered.ended)
    assert delivered.over.wait(10.0)
    assert source._now_ns() - began >= 300_000_000
    assert threading.active_count() < 50


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("absent.wav", None, "no such file"),
        ("empty.wav", b"", "the file is empty"),
        ("text.wav", b"this is a shopping list, not a recording\n" * 50, "not a readable WAV or FLAC"),
        ("torn.flac", b"fLaC" + bytes(60), "not a readable WAV or FLAC"),
    ],
)
def test_a_bad_file_gets_one_clear_line(
    tmp_path: Path, name: str, content: bytes | None, complaint: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=complaint) as caught:
        FileSource(path)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_zero_length_recording_and_a_folder_get_one_clear_line(
    tmp_path: Path, write_sound: Callable[..., Path]
) -> None:
    with pytest.raises(SourceError, match="zero length"):
        FileSource(write_sound(np.empty(0, dtype=np.float32)))
    with pytest.raises(SourceError, match="is not a file"):
        FileSource(tmp_path)


def test_a_flac_that_is_torn_in_the_middle_ends_with_the_error(tmp_path: Path, delivered: Any) -> None:
    path = tmp_path / "sound.flac"
    write_flac(path, np.tile(SOUND, 20), 16_000)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    replay(FileSource(path, speed=None), delivered)
    (end,) = delivered.ends
    assert 0 < len(delivered.samples) < 100_000
    assert isinstance(end, SourceError)
    assert "sound.flac" in str(end)


@pytest.mark.parametrize("wrong", [{"speed": 0.0}, {"speed": -1.0}, {"block_ms": 0}])
def test_options_that_make_no_sense_are_refused(
    write_sound: Callable[..., Path], wrong: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="expected"):
        FileSource(write_sound(SOUND), **wrong)
