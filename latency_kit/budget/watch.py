"""The check of every single measurement against its limit, off the hot path, and the warning it logs.

One slow call is not a breach: whether a budget is met is for `evaluation` to say. Here a call that took
longer than its budget's limit is counted and told to the log.
"""

import logging
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from latency_kit.budget.policy import BudgetPolicy, PlacedBudget
from latency_kit.budget.rules import ms_text
from latency_kit.clock import SYSTEM_CLOCK, Clock
from latency_kit.errors import UsageError
from latency_kit.measurement.measurement import Measurement, Outcome
from latency_kit.units import NS_PER_MS, NS_PER_S, NS_PER_US

__all__ = ["WARNING_BURST", "WARNING_INTERVAL_NS", "BudgetWatch"]

_log = logging.getLogger("latency_kit.budget")

WARNING_BURST = 60
"""Warnings that one budget may log at once."""

WARNING_INTERVAL_NS = NS_PER_S
"""After a burst, one more warning of the same budget for each such time that has passed: 60 a minute."""


class BudgetWatch:
    """Compares each measurement with the limits of the budgets on its series.

    * A measurement over its limit is counted once for each budget whose limit it exceeds.
    * It logs one warning, for the tightest of them, or none when that budget has used up its warnings:
      `burst` at once, then one each `interval_ns`. The next warning says how many were left out.
    * The duration alone is compared, whatever the outcome.
    * Nothing is raised, whatever the log's handlers do.

    It is meant for one caller at a time, the draining thread; the figures may be read from any thread.
    """

    def __init__(
        self,
        policy: BudgetPolicy,
        *,
        burst: int = WARNING_BURST,
        interval_ns: int = WARNING_INTERVAL_NS,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Prepare the look-up of `policy`'s limits.

        Raises:
            UsageError: `burst` is below 0 or `interval_ns` below 1.
        """
        if burst < 0:
            raise UsageError(f"burst must be at least 0 warnings, got {burst!r}")
        if interval_ns < 1:
            raise UsageError(f"interval_ns must be at least 1 nanosecond, got {interval_ns!r}")
        self._now_ns = clock.monotonic_ns
        self._by_series: dict[tuple[str, str], list[_Watched]] = {}
        self._watched: list[_Watched] = []
        for placed in policy.placements:
            watched = _Watched(placed, _Allowance(burst, interval_ns, self._now_ns()))
            self._watched.append(watched)
            self._by_series.setdefault(placed.budget.series, []).append(watched)
        for group in self._by_series.values():
            group.sort(key=lambda watched: watched.limit_ns)
        self._limits_ns = {series: group[0].limit_ns for series, group in self._by_series.items()}
        self._failed_warnings = 0

    @property
    def limits_ns(self) -> Mapping[tuple[str, str], int]:
        """The tightest limit of each series, in nanoseconds, by (component, operation)."""
        return MappingProxyType(self._limits_ns)

    @property
    def over_limit(self) -> Mapping[str, int]:
        """How many measurements exceeded each budget's limit, by name; all budgets are listed."""
        return MappingProxyType({watched.placed.name: watched.over_limit for watched in self._watched})

    @property
    def unlogged(self) -> int:
        """How many warnings were left out so as not to flood the log."""
        return sum(watched.unlogged for watched in self._watched)

    @property
    def failed_warnings(self) -> int:
        """How many warnings the log itself failed to take."""
        return self._failed_warnings

    def limit_for(self, component: str, operation: str) -> int | None:
        """Return the tightest limit of a series in nanoseconds; None where no budget judges it."""
        return self._limits_ns.get((component, operation))

    def __call__(self, measurements: Iterable[Measurement], /) -> None:
        """Check a batch, oldest first."""
        limits_ns = self._limits_ns
        for measurement in measurements:
            limit_ns = limits_ns.get((measurement.component, measurement.operation))
            if limit_ns is not None and measurement.end_ns - measurement.start_ns > limit_ns:
                self._over_limit(measurement)

    def observe(self, measurement: Measurement) -> None:
        """Check one measurement."""
        self((measurement,))

    def tell_unlogged(self) -> None:
        """Log, for each budget, how many warnings were left out since its last one; for the shutdown."""
        for watched in self._watched:
            if watched.untold:
                name, untold = watched.placed.name, watched.untold
                watched.untold = 0
                self._warn(
                    f"{untold} more measurements over budget '{name}' were not logged", {"budget": name}
                )

    def _over_limit(self, measurement: Measurement) -> None:
        duration_ns = measurement.duration_ns
        exceeded = [
            watched
            for watched in self._by_series[measurement.component, measurement.operation]
            if duration_ns > watched.limit_ns
        ]
        for watched in exceeded:
            watched.over_limit += 1
        tightest = exceeded[0]
        if not tightest.allowance.take(self._now_ns()):
            tightest.unlogged += 1
            tightest.untold += 1
            return
        untold, tightest.untold = tightest.untold, 0
        message = _warning(measurement, tightest.placed)
        if untold:
            message += f" ({untold} more since the last warning were not logged)"
        self._warn(message, _fields(measurement, tightest.placed))

    def _warn(self, message: str, fields: Mapping[str, Any]) -> None:
        try:
            _log.warning("%s", message, extra=fields)
        except Exception:  # noqa: BLE001  # a broken log handler must not reach the measured program
            self._failed_warnings += 1


class _Watched:
    """A budget and what has been counted for it."""

    __slots__ = ("allowance", "limit_ns", "over_limit", "placed", "unlogged", "untold")

    def __init__(self, placed: PlacedBudget, allowance: "_Allowance") -> None:
        self.placed = placed
        self.limit_ns = placed.budget.limit_ns
        self.allowance = allowance
        self.over_limit = 0
        self.unlogged = 0
        self.untold = 0


class _Allowance:
    """A token bucket in whole nanoseconds: full at the start, one token back each interval."""

    __slots__ = ("_full", "_interval_ns", "_left", "_since_ns")

    def __init__(self, full: int, interval_ns: int, now_ns: int) -> None:
        self._full = full
        self._interval_ns = interval_ns
        self._left = full
        self._since_ns = now_ns

    def take(self, now_ns: int) -> bool:
        returned = (now_ns - self._since_ns) // self._interval_ns
        if self._left + returned >= self._full:
            self._left = self._full
            self._since_ns = now_ns
        else:
            self._left += returned
            self._since_ns += returned * self._interval_ns
        if self._left == 0:
            return False
        self._left -= 1
        return True


def _warning(measurement: Measurement, placed: PlacedBudget) -> str:
    excess_ns = measurement.duration_ns - placed.budget.limit_ns
    # As many decimals as it takes to show that the excess is not nothing.
    decimals = 1 if excess_ns >= NS_PER_MS // 10 else 3 if excess_ns >= NS_PER_US else 6
    ended = "" if measurement.outcome is Outcome.OK else f" ({measurement.outcome})"
    trace = "" if measurement.trace_id is None else f" [trace {measurement.trace_id:032x}]"
    return (
        f"{measurement.name}{ended} took {measurement.duration_ms:.{decimals}f} ms, "
        f"{excess_ns / NS_PER_MS:.{decimals}f} ms over its budget '{placed.name}' "
        f"of {ms_text(placed.budget.limit_ns)}{trace}"
    )


def _fields(measurement: Measurement, placed: PlacedBudget) -> dict[str, Any]:
    """Return what structured logs want apart from the sentence."""
    return {
        "budget": placed.name,
        "component": measurement.component,
        "operation": measurement.operation,
        "duration_ns": measurement.duration_ns,
        "limit_ns": placed.budget.limit_ns,
    }
