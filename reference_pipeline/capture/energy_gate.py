"""The energy gate: keeps the voice activity detector from running on silence.

It compares each block's power with a noise floor that it learns, in decibels relative to full scale
(a full-scale square wave is 0 dB). It decides nothing about speech.

The floor F is the least block power of the last five seconds (minimum statistics, after R. Martin, "Noise
Power Spectral Density Estimation Based on Optimal Smoothing and Minimum Statistics", 2001, without the
spectrum): speech has closures and pauses, noise has not. It therefore falls at once, is right from the
second second of a session, and a long sentence does not lift it over its own speech. F is held in [-80, -20].
In the first second it is at most -60, since what is heard then may be speech: too low is safe, the detector
only runs more often.

The gate opens when P > F + margin and stays open for the hold time after the last such block.
"""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from reference_pipeline.events import SAMPLE_RATE, Samples

__all__ = ["EnergyGate", "EnergyGateSettings", "power_of"]

_PART_SAMPLES = SAMPLE_RATE // 2
_PARTS = 10
"""The minimum is kept for parts of half a second, of which the newest ten count."""
_START_SAMPLES = SAMPLE_RATE
_LOWEST_DB = -80.0
_HIGHEST_DB = -20.0
_START_DB = -60.0
_SILENCE_POWER = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyGateSettings:
    """When the gate opens.

    Attributes:
        margin_db: How far above the noise floor a block must lie.
        hold_ms: How long the gate stays open after the last such block; longer than any silence limit of
            endpointing, so that the detector sees the end of speech itself.
    """

    margin_db: float = 6.0
    hold_ms: int = 500

    def __post_init__(self) -> None:
        if self.margin_db <= 0 or self.hold_ms < 0:
            raise ValueError(
                f"expected margin_db > 0 and hold_ms >= 0, got {self.margin_db} and {self.hold_ms}"
            )


class EnergyGate:
    """Tells blocks that may hold speech from those that cannot.

    * The floor stays within [-80, -20] dB.
    * In steady noise of any level up to -20 dB the gate closes in the end.
    * After the last loud block it stays open for `hold_ms`.
    """

    __slots__ = ("_floor_db", "_heard", "_hold_samples", "_margin_db", "_minima", "_open_samples", "_part")

    def __init__(self, settings: EnergyGateSettings | None = None) -> None:
        chosen = settings or EnergyGateSettings()
        self._margin_db = chosen.margin_db
        self._hold_samples = chosen.hold_ms * SAMPLE_RATE // 1000
        self._floor_db = _START_DB
        self._minima = deque([_HIGHEST_DB], maxlen=_PARTS)
        self._part = 0
        self._heard = 0
        self._open_samples = 0

    @property
    def floor_db(self) -> float:
        """The noise floor in decibels relative to full scale."""
        return self._floor_db

    @property
    def floor_power(self) -> float:
        """The noise floor as mean square."""
        return float(10.0 ** (self._floor_db / 10.0))

    def admits(self, samples: Samples) -> bool:
        """Learn from a block and return whether the detector shall see it."""
        return self.admits_power(power_of(samples), len(samples))

    def admits_power(self, power: float, count: int) -> bool:
        """Do the same for a block of `count` samples whose mean square is known."""
        power_db = 10.0 * math.log10(power + _SILENCE_POWER)
        self._learn(power_db, count)
        loud = power_db > self._floor_db + self._margin_db
        if loud:
            self._open_samples = self._hold_samples
            return True
        held = self._open_samples > 0
        self._open_samples = max(0, self._open_samples - count)
        return held

    def _learn(self, power_db: float, count: int) -> None:
        if self._part >= _PART_SAMPLES:
            self._minima.append(power_db)
            self._part = 0
        else:
            self._minima[-1] = min(self._minima[-1], power_db)
        self._part += count
        self._heard += count
        highest = _START_DB if self._heard <= _START_SAMPLES else _HIGHEST_DB
        self._floor_db = min(max(min(self._minima), _LOWEST_DB), highest)


def power_of(samples: Samples) -> float:
    """Return the mean square of a block about its mean.

    What is left of a constant offset is no sound: after speech it would keep the gate open for seconds.
    """
    mean = float(samples.mean())
    return max(0.0, float(np.dot(samples, samples)) / len(samples) - mean * mean)
