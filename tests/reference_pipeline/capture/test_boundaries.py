"""Where speech begins and ends inside blocks, against signals whose bounds are known."""

import numpy as np

from reference_pipeline.capture.boundaries import (
    WINDOW,
    first_speech_sample,
    last_speech_sample,
    window_powers,
)
from reference_pipeline.events import AudioBlock, Samples

BLOCK = 512
NOISE = 1e-8


def blocks_of(samples: Samples) -> list[AudioBlock]:
    return [
        AudioBlock(samples=samples[begin : begin + BLOCK], first_sample=begin, start_ns=begin * 62_500)
        for begin in range(0, len(samples), BLOCK)
    ]


def tone(length: int, begin: int, end: int) -> Samples:
    sound = np.random.default_rng(2).normal(0.0, NOISE**0.5, length).astype(np.float32)
    sound[begin:end] += 0.3 * np.sin(np.arange(end - begin) / 4, dtype=np.float32)
    return sound


def test_a_window_s_power_is_its_mean_square() -> None:
    (block,) = blocks_of(np.repeat(np.array([0.0, 0.5, 1.0], dtype=np.float32), [WINDOW, WINDOW, 10]))
    assert window_powers(block).tolist() == [0.0, 0.25, 1.0]


def test_the_end_is_found_to_one_window() -> None:
    for end in range(600, 1_500, 37):
        found = last_speech_sample(blocks_of(tone(1_536, 0, end)), noise_power=NOISE, peak_power=0.045)
        assert found is not None
        assert 0 <= found - end <= WINDOW


def test_reverberation_more_than_30_db_below_the_peak_is_not_speech() -> None:
    sound = tone(1_536, 0, 640)
    sound[640:] += 0.003 * np.sin(np.arange(896) / 4, dtype=np.float32)
    assert last_speech_sample(blocks_of(sound), noise_power=NOISE, peak_power=0.045) == 640


def test_where_nothing_is_loud_no_end_is_found() -> None:
    quiet = blocks_of(tone(1_024, 0, 0))
    assert last_speech_sample(quiet, noise_power=NOISE, peak_power=0.045) is None
    assert last_speech_sample([], noise_power=NOISE, peak_power=0.045) is None


def test_the_end_never_lies_beyond_a_shorter_last_block() -> None:
    found = last_speech_sample(blocks_of(tone(1_000, 0, 1_000)), noise_power=NOISE, peak_power=0.045)
    assert found == 1_000


def test_an_onset_inside_the_first_voiced_block_is_found_to_one_window() -> None:
    for begin in range(1_024, 1_500, 37):
        blocks = blocks_of(tone(2_560, begin, 2_560))
        found = first_speech_sample(blocks[:2], blocks[2:4], noise_power=NOISE, reach=2_560)
        assert 0 <= begin - found <= WINDOW


def test_an_onset_that_the_detector_missed_is_found_before_the_first_voiced_block() -> None:
    blocks = blocks_of(tone(4_096, 1_300, 4_096))
    found = first_speech_sample(blocks[:5], blocks[5:7], noise_power=NOISE, reach=2_560)
    assert 0 <= 1_300 - found <= WINDOW


def test_the_closure_of_a_consonant_does_not_hide_the_onset_before_it_and_a_longer_gap_does() -> None:
    for gap, onset in ((1_024, 512), (2_048, 3_072)):
        sound = tone(4_096, 512, 4_096)
        sound[3_072 - gap : 3_072] = 0.0
        blocks = blocks_of(sound)
        assert first_speech_sample(blocks[:6], blocks[6:], noise_power=NOISE, reach=5_120) == onset


def test_the_search_for_an_onset_goes_back_no_further_than_its_reach() -> None:
    blocks = blocks_of(tone(8_192, 0, 8_192))
    found = first_speech_sample(blocks[:10], blocks[10:12], noise_power=NOISE, reach=2_560)
    assert found == 10 * BLOCK - 2_560


def test_without_anything_loud_the_first_voiced_block_s_start_stands() -> None:
    blocks = blocks_of(np.zeros(2_048, dtype=np.float32))
    assert first_speech_sample(blocks[:2], blocks[2:], noise_power=NOISE, reach=2_560) == 1_024
