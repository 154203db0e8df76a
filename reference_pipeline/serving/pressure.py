"""How hard the load presses, from what was measured of late: 0 is idle, at 1 nobody more can be let in.

Three signs are read, each from latency_kit's histograms of the last seconds, and each held against what it
may be: how late the event loop runs its callbacks (every session's page and answers wait for it), how long
utterances wait for the transcription engine, and how fast turns burn their error budget. The worst counts.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import latency_kit
from latency_kit import SeriesSnapshot
from latency_kit.budget import LatencyBudget
from latency_kit.histogram import HistogramSnapshot

__all__ = ["Pressure", "PressureGauge", "PressureLimits", "limits_of"]

LOOP_LAG = "event_loop.lag.corrected"
"""With the callbacks that a long lag has kept from being made: else the worst seconds would count least."""
TRANSCRIPTION_WAIT = "transcription.queue_wait"
TURN = "turn.end_to_end"

_PERCENTILE = 95

_LEAST_LAGS = 40
"""Two seconds of lags: with fewer one stall, such as that of a model being loaded, would be all there is."""

_LEAST_ALLOWED = 0.001
"""Share of turns that may be late under a budget that allows none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PressureLimits:
    """At which figures of a sign the pressure is 1.

    Attributes:
        loop_lag_ns: 95th percentile of the event loop's lag. A page is painted within 50 ms of its message
            only where the loop takes less than that from it.
        transcription_wait_ns: 95th percentile of an utterance's wait for the engine. It adds to every turn.
        burn_rate: How many times as many turns as the budget allows are over their limit or failed.
        turn_limit_ns: The limit of a turn.
        turn_target: Which share of turns is to be within it.
        min_turns: With fewer turns in their window they say nothing.
        window_ns: How long a lag or a wait counts.
        turns_window_ns: How long a turn counts.
    """

    loop_lag_ns: int = 100_000_000
    transcription_wait_ns: int = 500_000_000
    burn_rate: float = 4.0
    turn_limit_ns: int = 4_000_000_000
    turn_target: float = 0.95
    min_turns: int = 5
    window_ns: int = 10_000_000_000
    turns_window_ns: int = 60_000_000_000


def limits_of(turn: LatencyBudget) -> PressureLimits:
    """Return the limits whose burn rate is that of the turn's own budget."""
    return PressureLimits(turn_limit_ns=turn.limit_ns, turn_target=turn.percentile / 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressure:
    """How hard the load presses, and by which sign."""

    value: float
    cause: str


@dataclass(frozen=True, slots=True)
class _Seen:
    at_ns: int
    histograms: Mapping[str, HistogramSnapshot]
    bad_turns: int
    turns: int


class PressureGauge:
    """Turns intervals of a recording into one figure.

    * It is the greatest of the signs' figures over their limits; without any data it is 0.
    * What lies further back than its window no longer counts, so that pressure falls by itself.
    * It reads no clock and no recording: both are given.
    """

    def __init__(self, limits: PressureLimits | None = None) -> None:
        self._limits = limits or PressureLimits()
        self._seen: deque[_Seen] = deque()

    def observe(self, interval: Iterable[SeriesSnapshot], *, at_ns: int) -> Pressure:
        """Take what was recorded since the last call, and return the pressure at `at_ns`."""
        series = tuple(interval)
        bad, turns = self._turns(series)
        histograms = {
            name: merged
            for name in (LOOP_LAG, TRANSCRIPTION_WAIT)
            if (merged := _merged(one.histogram for one in series if one.name == name)) is not None
        }
        self._seen.append(_Seen(at_ns, histograms, bad, turns))
        return self.pressure(at_ns)

    def pressure(self, at_ns: int) -> Pressure:
        """Return the pressure as it is known at `at_ns`."""
        while self._seen and at_ns - self._seen[0].at_ns > self._limits.turns_window_ns:
            self._seen.popleft()
        recent = [one for one in self._seen if at_ns - one.at_ns <= self._limits.window_ns]
        signs = (
            _sign("event loop lag", LOOP_LAG, recent, self._limits.loop_lag_ns),
            _sign("transcription wait", TRANSCRIPTION_WAIT, recent, self._limits.transcription_wait_ns),
            Pressure(value=self._burn_rate() / self._limits.burn_rate, cause="burn rate"),
        )
        worst = max(signs, key=lambda sign: sign.value)
        return worst if worst.value > 0 else Pressure(value=0.0, cause="")

    def _turns(self, series: Iterable[SeriesSnapshot]) -> tuple[int, int]:
        bad = turns = 0
        for one in series:
            if one.name == TURN:
                count = one.histogram.count
                good = one.histogram.count_at_or_below(self._limits.turn_limit_ns)
                turns += count
                bad += count - good if one.outcome is latency_kit.Outcome.OK else count
        return bad, turns

    def _burn_rate(self) -> float:
        turns = sum(one.turns for one in self._seen)
        if turns < self._limits.min_turns:
            return 0.0
        bad = sum(one.bad_turns for one in self._seen)
        return bad / turns / max(1 - self._limits.turn_target, _LEAST_ALLOWED)


def _sign(cause: str, name: str, recent: Sequence[_Seen], limit_ns: int) -> Pressure:
    merged = _merged(one.histograms[name] for one in recent if name in one.histograms)
    enough = merged is not None and merged.count >= (_LEAST_LAGS if name == LOOP_LAG else 1)
    value_ns = merged.value_at_percentile(_PERCENTILE) if merged is not None and enough else 0
    return Pressure(value=value_ns / limit_ns, cause=cause)


def _merged(histograms: Iterable[HistogramSnapshot]) -> HistogramSnapshot | None:
    merged: HistogramSnapshot | None = None
    for one in histograms:
        if one.count:
            merged = one if merged is None else merged + one
    return merged
