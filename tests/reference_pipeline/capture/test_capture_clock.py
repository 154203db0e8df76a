"""The capture clock: exact where stamps are exact, smooth where they jitter, quick where they jump."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_pipeline.capture.capture_clock import CaptureClock

MS = 1_000_000


@given(
    rate=st.sampled_from([8_000, 11_025, 16_000, 44_100, 48_000]),
    sizes=st.lists(st.integers(1, 2_000), min_size=1, max_size=50),
    start_ns=st.integers(0, 10**15),
)
def test_stamps_without_jitter_are_reproduced_to_the_nanosecond(
    rate: int, sizes: list[int], start_ns: int
) -> None:
    clock = CaptureClock(rate)
    frame = 0
    for size in sizes:
        frame += size
        stamp = start_ns + frame * 1_000_000_000 // rate
        clock.observe(frame, stamp)
        assert clock.time_of(frame) == stamp


def test_frames_of_a_block_are_one_period_apart() -> None:
    clock = CaptureClock(16_000)
    clock.observe(512, 1_000 * MS)
    assert clock.time_of(512) - clock.time_of(511) == 62_500
    assert clock.time_of(0) == 1_000 * MS - 32 * MS


def test_jitter_shrinks_to_a_fifth_of_its_size() -> None:
    rng = np.random.default_rng(1)
    clock = CaptureClock(16_000)
    errors = []
    for block in range(1, 2_001):
        true_ns = block * 16 * MS
        clock.observe(block * 256, true_ns + round(rng.normal(0.0, 2 * MS)))
        errors.append(clock.time_of(block * 256) - true_ns)
    assert np.std(errors[100:]) < 0.2 * 2 * MS
    assert abs(np.mean(errors[100:])) < 0.1 * 2 * MS


def test_a_card_that_drifts_is_followed_within_a_millisecond() -> None:
    clock = CaptureClock(48_000)
    for block in range(1, 20_001):  # 320 s at 100 parts per million: 32 ms in all
        stamp = round(block * 16 * MS * 1.0001)
        clock.observe(block * 768, stamp)
        assert abs(clock.time_of(block * 768) - stamp) < MS


def test_a_jump_is_followed_at_once() -> None:
    clock = CaptureClock(16_000)
    clock.observe(256, 16 * MS)
    clock.observe(512, 32 * MS + 5_000 * MS)
    assert clock.time_of(512) == 5_032 * MS


def test_no_time_is_told_before_the_first_block() -> None:
    with pytest.raises(LookupError, match="no block has been observed"):
        CaptureClock(16_000).time_of(0)
