"""Where speech begins and ends inside the blocks that the detector called voiced.

A detector speaks per block of 32 ms, late at an onset and late at an end; the boundary itself is found from
the power of windows of 8 ms. Pure functions over samples; when an utterance ends is `endpointing`'s matter.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reference_pipeline.events import AudioBlock

__all__ = ["WINDOW", "first_speech_sample", "last_speech_sample", "window_powers"]

WINDOW = 128
"""Samples in a window: 8 ms, one period of the lowest voice (125 Hz) or more."""

_END_ABOVE_NOISE = 10 ** (8 / 10)
_END_BELOW_PEAK = 10 ** (-30 / 10)
_START_ABOVE_NOISE = 10 ** (10 / 10)
_START_BELOW_PEAK = 10 ** (-25 / 10)


def window_powers(block: AudioBlock) -> NDArray[np.float64]:
    """Return the mean square of each window of a block; a last part shorter than a window counts as one."""
    samples = block.samples
    whole = len(samples) // WINDOW * WINDOW
    powers = np.square(samples[:whole], dtype=np.float64).reshape(-1, WINDOW).mean(axis=1)
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

    Inside the first voiced block it is the first window at least 10 dB above the noise floor and at most
    25 dB below the loudest window of `voiced`. From there it goes back through `before` (the blocks just
    before, not voiced) for as long as windows stay that loud, at most `reach` samples.
    """
    peak = max(float(window_powers(block).max()) for block in voiced)
    floor = max(noise_power * _START_ABOVE_NOISE, peak * _START_BELOW_PEAK)
    first = voiced[0]
    loud = np.flatnonzero(window_powers(first) >= floor)
    if not loud.size or loud[0] > 0:
        return first.first_sample + (int(loud[0]) * WINDOW if loud.size else 0)
    start = first.first_sample
    earliest = start - reach
    for block in reversed(before):
        for index in range(len(window_powers(block)) - 1, -1, -1):
            position = block.first_sample + index * WINDOW
            if position < earliest or window_powers(block)[index] < floor:
                return start
            start = position
    return start
