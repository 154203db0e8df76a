"""Whether what the interviewer's channel holds is the user's own voice, leaked into it.

Judged by levels: where only the user speaks, the interviewer's channel is weaker than the user's by the leak
(10 to 20 dB between two people at a table, more between a headset and the system's audio); where the
interviewer speaks it is the other way round. The two cases lie apart in the difference of levels wherever the
gains of the channels stand, so that the border between them is learned as soon as both have been heard:
Otsu's method (N. Otsu, "A Threshold Selection Method from Gray-Level Histograms", 1979) finds the two groups
with the least variance inside. Nothing is subtracted, and no sample is changed.
"""

import math
from collections import deque

import numpy as np

from latency_kit.units import NS_PER_MS, NS_PER_S
from reference_pipeline.capture.energy_gate import EnergyGate, power_of
from reference_pipeline.events import SAMPLE_RATE, AudioBlock, RawBlock

__all__ = ["OwnVoice"]

FIRST_BORDER_DB = -6.0
"""The border until both voices have been heard: a leak of -10 dB lies below it, two equal voices above."""

_RING_NS = 96 * NS_PER_MS
"""Both levels are the highest of this long: a leak comes later than the voice, and a room keeps both."""
_REMEMBERED = 512
"""Differences remembered: 16 s of speech of either."""
_RELEARN_EVERY = 32
_FEWEST = 24
"""Blocks that a group needs (0.8 s of speech) and the distance of the groups, before the border is moved."""
_LEAST_APART_DB = 10.0
_SHARE = 0.3
"""Where between the groups' medians the border lies: nearer to the user's, for both at once lie midway, and
the interviewer must not be lost then."""
_MOST_DB = 30.0
"""Differences beyond this, either way, say no more than this."""
_LOWEST_BORDER_DB = -24.0
_HIGHEST_BORDER_DB = 3.0
_SILENCE = 1e-12


class OwnVoice:
    """Compares the two channels, block by block.

    * Without a channel of the user's nothing is ever taken for the user's voice.
    * Where the user's channel is quiet, nothing is.
    * The border lies between the two groups whatever the gains, once each has been heard for a second.
    """

    def __init__(self) -> None:
        self._gate = EnergyGate()
        self._powers: deque[tuple[int, float, bool]] = deque()
        self._asked: deque[tuple[int, float]] = deque()
        self._differences: deque[float] = deque(maxlen=_REMEMBERED)
        self._since_learned = 0
        self._border_db = FIRST_BORDER_DB

    @property
    def border_db(self) -> float:
        """The difference of levels, interviewer's over user's, below which a block is the user's."""
        return self._border_db

    def heard(self, raw: RawBlock, sample_rate: int) -> None:
        """Take note of the user's channel during a raw block of that many frames a second."""
        if raw.own_power is None or not len(raw.samples):
            return
        count = len(raw.samples) * SAMPLE_RATE // sample_rate
        loud = self._gate.admits_power(raw.own_power, count) and raw.own_power > 4.0 * self._gate.floor_power
        start_ns = raw.captured_ns - len(raw.samples) * NS_PER_S // sample_rate
        self._powers.append((start_ns, raw.own_power, loud))
        while self._powers[0][0] < start_ns - 4 * _RING_NS:
            self._powers.popleft()

    def covers(self, block: AudioBlock, *, floor_power: float) -> bool:
        """Return whether the user's voice is all that the block holds.

        Args:
            block: Of the interviewer's channel.
            floor_power: That channel's noise floor as mean square.
        """
        since_ns = block.start_ns - _RING_NS
        during = [
            (power, loud) for start_ns, power, loud in self._powers if since_ns <= start_ns < block.end_ns
        ]
        self._asked.append((block.start_ns, power_of(block.samples)))
        while self._asked[0][0] < since_ns:
            self._asked.popleft()
        if not during:
            return False
        power = max(power for _, power in self._asked)
        own_power = max(power for power, _ in during)
        own_loud = any(loud for _, loud in during)
        difference_db = 10.0 * math.log10((power + _SILENCE) / (own_power + _SILENCE))
        if own_loud or power > 4.0 * floor_power:
            self._learn(difference_db)
        return own_loud and difference_db < self._border_db

    def _learn(self, difference_db: float) -> None:
        self._differences.append(min(max(difference_db, -_MOST_DB), _MOST_DB))
        self._since_learned += 1
        if self._since_learned < _RELEARN_EVERY:
            return
        self._since_learned = 0
        groups = _two_groups(np.sort(np.array(self._differences)))
        if groups is not None:
            low, high = groups
            border_db = low + _SHARE * (high - low)
            self._border_db = min(max(border_db, _LOWEST_BORDER_DB), _HIGHEST_BORDER_DB)


def _two_groups(ordered: np.ndarray) -> tuple[float, float] | None:
    """Return the medians of the two groups of sorted differences, or None where they are not two."""
    count = len(ordered)
    if count < 2 * _FEWEST:
        return None
    sums = np.cumsum(ordered)
    sizes = np.arange(1, count)
    low = sums[:-1] / sizes
    high = (sums[-1] - sums[:-1]) / (count - sizes)
    between = sizes * (count - sizes) * (high - low) ** 2
    between[: _FEWEST - 1] = 0.0
    between[count - _FEWEST :] = 0.0
    best = int(np.argmax(between))
    if high[best] - low[best] < _LEAST_APART_DB:
        return None
    return float(ordered[best // 2]), float(ordered[(best + 1 + count) // 2])
