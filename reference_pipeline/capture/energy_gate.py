"""The energy gate: keeps the voice activity detector from running on silence.

It compares each block's power with a noise floor that it learns, in decibels relative to full scale
(a full-scale square wave is 0 dB). It decides nothing about speech.

With block power P (dB) and floor F (dB), once a block of T seconds:

* P < F:  F += (P - F) * min(1, T / 0.1)  - falls within about 100 ms, for the pauses of speech are short;
* P >= F: F += min(P - F, 3 * T)  - rises by at most 3 dB a second, so that a long sentence without a
  pause (15 s) does not lift it over its own speech;
* F is held in [-80, -20]. It starts at -60: too low is safe, the detector only runs more often.

The gate opens when P > F + margin and stays open for the hold time after the last such block.
"""

from dataclasses import dataclass

import numpy as np

from reference_pipeline.events import SAMPLE_RATE, Samples

__all__ = ["EnergyGate", "EnergyGateSettings", "power_of"]

_FALL_TIME_S = 0.1
_RISE_DB_PER_S = 3.0
_LOWEST_DB = -80.0
_HIGHEST_DB = -20.0
_INITIAL_DB = -60.0
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

    __slots__ = ("_floor_db", "_hold_samples", "_margin_db", "_open_samples")

    def __init__(self, settings: EnergyGateSettings | None = None) -> None:
        chosen = settings or EnergyGateSettings()
        self._margin_db = chosen.margin_db
        self._hold_samples = chosen.hold_ms * SAMPLE_RATE // 1000
        self._floor_db = _INITIAL_DB
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
        duration_s = len(samples) / SAMPLE_RATE
        power_db = 10.0 * float(np.log10(power_of(samples) + _SILENCE_POWER))
        loud = power_db > self._floor_db + self._margin_db
        difference_db = power_db - self._floor_db
        if difference_db < 0:
            self._floor_db += difference_db * min(1.0, duration_s / _FALL_TIME_S)
        else:
            self._floor_db += min(difference_db, _RISE_DB_PER_S * duration_s)
        self._floor_db = min(max(self._floor_db, _LOWEST_DB), _HIGHEST_DB)
        if loud:
            self._open_samples = self._hold_samples
            return True
        held = self._open_samples > 0
        self._open_samples = max(0, self._open_samples - len(samples))
        return held


def power_of(samples: Samples) -> float:
    """Return the mean square of a block."""
    return float(np.dot(samples, samples)) / len(samples)
