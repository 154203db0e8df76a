"""Where speech begins and ends inside the blocks that the detector called voiced.

A detector speaks per block of 32 ms, late at an onset and late at an end; the boundary itself is found from
the power of windows of 8 ms. Pure functions over samples; when an utterance ends is `endpointing`'s matter.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reference_pipeline.events import SAMPLE_RATE, AudioBlock

__all__ = ["WINDOW", "first_speech_sample", "last_speech_sample", "window_powers"]

WINDOW = 128
"""Samples in a window: 8 ms, one period of the lowest voice (125 Hz) or more."""

_CLOSURE = SAMPLE_RATE * 80 // 1000
_END_ABOVE_NOISE = 10 ** (8 / 10)
_END_BELOW_PEAK = 10 ** (-30 / 10)
_START_ABOVE_NOISE = 10 ** (10 / 10)
_START_BELOW_PEAK = 10 ** (-25 / 10)


def window_powers(block: AudioBlock) -> NDArray[np.float64]:
    """Return the mean square of each window of a block; a last part shorter than a window counts as one."""
    samples = block.samples
    whole = len(samples) // WINDOW * WINDOW
    powers: NDArray[np.float64] = (
        np.square(samples[:whole], dtype=np.float64).reshape(-1, WINDOW).mean(axis=1)
    )
    if whole < len(samples):
        powers = np.append(powers, np.square(samples[whole:], dtype=np.float64).mean())
    return powers


def last_speech_sample(recent: Sequence[AudioBlock], *, noise_power: float, peak_power: float) -> int | None:
    """Return the position just after the last speech in `recent`, or None where there is none.

    Speech is a window at least 8 dB above the noise floor and at most 30 dB below the loudest window of the
    utterance.
    """
    floor = max(noise_power * _END_ABOVE_NOISE, peak_power * _END_BELOW_PEAK)
    for block in reversed(recent):
        loud = np.flatnonzero(window_powers(block) >= floor)
        if loud.size:
            return block.first_sample + min((int(loud[-1]) + 1) * WINDOW, len(block.samples))
    return None


def first_speech_sample(
    before: Sequence[AudioBlock], voiced: Sequence[AudioBlock], *, noise_power: float, reach: int
) -> int:
    """Return the position of the first speech at an onset.

    Speech is a window at least 10 dB above the noise floor and at most 25 dB below the loudest window of
    `voiced`. The search begins at the first such window of the first voiced block (at the block's start where
    it has none) and goes back through `before`, the blocks just before it, over gaps as long as the closure
    of a consonant ("i can"), at most `reach` samples.
    """
    peak = max(float(window_powers(block).max()) for block in voiced)
    floor = max(noise_power * _START_ABOVE_NOISE, peak * _START_BELOW_PEAK)
    first = voiced[0]
    loud = np.flatnonzero(window_powers(first) >= floor)
    start = first.first_sample + (int(loud[0]) * WINDOW if loud.size else 0)
    earliest = first.first_sample - reach
    for block in reversed(before):
        for index in np.flatnonzero(window_powers(block) >= floor)[::-1]:
            position = block.first_sample + int(index) * WINDOW
            if position < earliest or start - position > _CLOSURE:
                return start
            start = position
    return start
