"""Preprocessing: 16 kHz mono at exact positions, whatever the source delivers."""

import numpy as np
import pytest

from reference_pipeline.capture.preprocessing import Preprocessor
from reference_pipeline.events import RawBlock, Samples

RATES = [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000]


def prepare(samples: Samples, rate: int, *, block_frames: int) -> tuple[Samples, Preprocessor]:
    """Run a whole recording, shape (frames, channels), whose first frame is captured at 0 ns."""
    preprocessor = Preprocessor(rate)
    parts = []
    for begin in range(0, len(samples), block_frames):
        block = samples[begin : begin + block_frames]
        end = begin + len(block)
        raw = RawBlock(samples=block, first_sample=begin, captured_ns=end * 1_000_000_000 // rate)
        parts.append(preprocessor.process(raw))
    parts.append(preprocessor.finish())
    position = 0
    for part in parts:
        assert part.first_sample == position
        position += len(part.samples)
    return np.concatenate([part.samples for part in parts]), preprocessor


@pytest.mark.parametrize("rate", RATES)
def test_an_impulse_stays_at_its_instant_whatever_the_resampler_delays(rate: int) -> None:
    sound = np.zeros((rate, 1), dtype=np.float32)
    sound[rate // 2] = 1.0
    heard, preprocessor = prepare(sound, rate, block_frames=rate * 16 // 1000)
    peak = int(np.abs(heard).argmax())
    assert abs(peak - (rate // 2) * 16_000 / rate) <= 1.0
    assert abs(preprocessor.time_of(peak) - (rate // 2) * 1_000_000_000 // rate) <= 62_500


@pytest.mark.parametrize("rate", RATES)
def test_the_output_is_as_long_as_the_input_to_one_sample(rate: int) -> None:
    heard, _ = prepare(np.zeros((rate * 2 + 123, 1), dtype=np.float32), rate, block_frames=500)
    assert abs(len(heard) - (rate * 2 + 123) * 16_000 / rate) <= 1.0


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_a_tone_keeps_its_frequency_amplitude_and_phase(rate: int) -> None:
    time = np.arange(rate, dtype=np.float64) / rate
    tone = (0.5 * np.sin(2 * np.pi * 1_000 * time)).astype(np.float32)
    heard, _ = prepare(tone[:, None], rate, block_frames=rate // 50)
    expected = 0.5 * np.sin(2 * np.pi * 1_000 * np.arange(len(heard)) / 16_000)
    assert np.abs(heard - expected)[1_000:-1_000].max() < 0.01


def test_what_16_khz_cannot_hold_does_not_fold_back() -> None:
    time = np.arange(48_000) / 48_000
    tone = np.sin(2 * np.pi * 12_000 * time).astype(np.float32)
    heard, _ = prepare(tone[:, None], 48_000, block_frames=768)
    assert np.abs(heard[500:-500]).max() < 0.001


def test_channels_are_mixed_by_their_mean() -> None:
    time = np.arange(16_000) / 16_000
    left = np.sin(2 * np.pi * 500 * time).astype(np.float32)
    heard, _ = prepare(np.stack([left, np.zeros_like(left)], axis=1), 16_000, block_frames=256)
    assert np.abs(heard - left / 2).max() < 0.01


def test_a_constant_offset_is_removed_without_a_step() -> None:
    time = np.arange(32_000) / 16_000
    tone = (0.1 * np.sin(2 * np.pi * 200 * time)).astype(np.float32)
    heard, _ = prepare(tone[:, None] + np.float32(0.4), 16_000, block_frames=256)
    assert abs(float(heard[16_000:].mean())) < 0.001
    steepest = 0.1 * 2 * np.pi * 200 / 16_000
    assert np.abs(np.diff(heard)).max() < 1.1 * steepest


def test_cutting_into_other_blocks_changes_no_resampled_sample() -> None:
    sound = np.random.default_rng(3).normal(0, 0.1, (48_000, 1)).astype(np.float32)
    sound -= sound.mean()
    coarse, _ = prepare(sound, 48_000, block_frames=4_800)
    fine, _ = prepare(sound, 48_000, block_frames=480)
    assert len(coarse) == len(fine)
    assert np.abs(coarse - fine).max() < 0.02  # the offset's estimate differs by the blocks' means


def test_the_input_is_left_as_it_was() -> None:
    sound = np.full((256, 1), 0.25, dtype=np.float32)
    prepare(sound, 16_000, block_frames=256)
    assert (sound == 0.25).all()


def test_a_source_that_gave_nothing_leaves_nothing() -> None:
    assert len(Preprocessor(44_100).finish().samples) == 0
    assert len(Preprocessor(16_000).finish().samples) == 0
