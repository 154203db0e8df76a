"""Following a policy while the program runs: its windows, their alerts, and what outlives a restart.

Time here is a wall stamp plus monotonic time: windows age with the monotonic clock, so that setting the
wall clock neither empties nor freezes them. (On Linux that clock stands still while the machine is
suspended; what was recorded before is then as old as the machine was awake.) The wall clock is asked only
when the state is stored and read.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from latency_kit.budget.budget_tracking import BudgetTracker
from latency_kit.budget.counting import Call
from latency_kit.budget.evaluation import BudgetEvaluation
from latency_kit.budget.figures import BudgetFigure, breach_figures, objective_figures
from latency_kit.budget.notices import AlertNotice, NoticeKind
from latency_kit.budget.objective_rules import BREACH
from latency_kit.budget.objective_status import ObjectiveStatus
from latency_kit.budget.objective_tracking import ObjectiveTracker
from latency_kit.budget.policy import BudgetPolicy
from latency_kit.budget.window_file import read_state, write_state
from latency_kit.budget.window_state import restore_state, state_of
from latency_kit.clock import SYSTEM_CLOCK, Clock, WallAnchor
from latency_kit.errors import CorruptDataError
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.measurement import Measurement, Outcome
from latency_kit.units import NS_PER_S

__all__ = ["JUDGE_INTERVAL_NS", "SAVE_INTERVAL_NS", "RollingWatch"]

JUDGE_INTERVAL_NS: Final = NS_PER_S
"""Time between two looks at all alerts: less than an interval (2.5 s) of a window of 5 minutes."""

SAVE_INTERVAL_NS: Final = 60 * NS_PER_S
"""Time between two stores of the state: what a killed process forgets."""


class RollingWatch:
    """Follows the objectives and the windowed budgets of a policy.

    * It never raises after construction: what fails is counted in the losses given.
    * A call is counted when it ended; one that claims to end in the future ends now.
    * Every begin and end of an alert is told once, also over a restart with a state file.
    * A state that cannot be read is counted ("budget_windows_unreadable") and begun anew.
    * After a fork the child's windows are empty, and the state file is the parent's alone.

    It takes measurements on the draining thread; everything else may be asked from any thread.

    Attributes:
        watched: The series that are judged; calls of others need not be told.
    """

    def __init__(
        self,
        policy: BudgetPolicy,
        *,
        anchor: WallAnchor | None = None,
        clock: Clock = SYSTEM_CLOCK,
        tell: Callable[[AlertNotice], object] | None = None,
        losses: Losses | None = None,
        state_file: Path | None = None,
        judge_interval_ns: int = JUDGE_INTERVAL_NS,
        save_interval_ns: int = SAVE_INTERVAL_NS,
    ) -> None:
        """Prepare the windows, filled from the state file where there is one.

        Args:
            policy: What to follow.
            anchor: That of the measurements' wall stamps.
            clock: Where times come from.
            tell: Takes the notices; must not block.
            losses: Counts what fails.
            state_file: Where windows outlive the process; one for each process.
            judge_interval_ns: Time between two looks at all alerts by `tick`.
            save_interval_ns: Time between two stores of the state by `tick`.
        """
        self._policy = policy
        self._clock = clock
        self._anchor = WallAnchor.take(clock) if anchor is None else anchor
        self._tell = tell
        self._losses = Losses() if losses is None else losses
        self._state_file = state_file
        self._judge_interval_ns = judge_interval_ns
        self._save_interval_ns = save_interval_ns
        self._lock = threading.RLock()
        self._saving = threading.Lock()
        self._judge_at_ns = self._save_at_ns = 0
        self._begin()
        self.watched = frozenset(self._by_series)
        self._restore()

    def __call__(self, measurements: Sequence[Measurement], /) -> None:
        """Count a batch of finished calls."""
        now_ns = self._now_ns()
        calls: dict[tuple[str, str], list[Call]] = {}
        by_series = self._by_series
        for measurement in measurements:
            series = (measurement.component, measurement.operation)
            if series in by_series:
                call = Call(
                    min(measurement.end_unix_nano, now_ns),
                    measurement.end_ns - measurement.start_ns,
                    measurement.outcome is Outcome.OK,
                    measurement.trace_id,
                    measurement.span_id,
                )
                calls.setdefault(series, []).append(call)
        with self._lock:
            for series, its_calls in calls.items():
                for tracker in self._by_series[series]:
                    tracker.add(its_calls)

    def tick(self) -> None:
        """Look at all alerts and store the state, each when it is due; cheap when it is not. Never raises."""
        try:
            now_ns = self._now_ns()
            if now_ns >= self._judge_at_ns:
                self._judge_at_ns = now_ns + self._judge_interval_ns
                self.judge()
            if now_ns >= self._save_at_ns:
                self._save_at_ns = now_ns + self._save_interval_ns
                self.save()
        except Exception as error:  # noqa: BLE001  # the draining thread must go on
            self._losses.count("budget_judging_failed", why=repr(error))

    def judge(self) -> tuple[AlertNotice, ...]:
        """Look at all alerts now; tell and return those that began or ended since the last look."""
        with self._lock:
            now_ns = self._now_ns()
            notices = [notice for tracker in self._trackers.values() for notice in tracker.changes(now_ns)]
            for notice in notices:
                if notice.alert == BREACH and notice.kind is NoticeKind.FIRED:
                    self._breaches[f"{notice.subject}/{notice.name}"] += 1
        if self._tell is not None:
            for notice in notices:
                self._tell(notice)
        return tuple(notices)

    def objectives(self) -> tuple[ObjectiveStatus, ...]:
        """Return how every objective stands now, in the order of the policy."""
        with self._lock:
            now_ns = self._now_ns()
            found = []
            for tracker in self._trackers.values():
                if isinstance(tracker, ObjectiveTracker):
                    tracker.counts.advance(now_ns)
                    found.append(tracker.status())
            return tuple(found)

    def evaluate(self) -> tuple[BudgetEvaluation, ...]:
        """Judge every budget that has a window by the calls in it, in the order of the policy."""
        with self._lock:
            now_ns = self._now_ns()
            return tuple(
                tracker.evaluation(now_ns)
                for tracker in self._trackers.values()
                if isinstance(tracker, BudgetTracker)
            )

    def figures(self) -> tuple[BudgetFigure, ...]:
        """Return what goes to metrics: error budgets, burn rates, alerts and breaches."""
        with self._lock:
            return (
                *objective_figures(self.objectives()),
                *breach_figures(self._breaches, start_unix_nano=self._start_unix_nano),
            )

    def save(self) -> bool:
        """Store the state now; tell whether that came about, or nothing is to be stored."""
        path = self._state_file
        if path is None:
            return True
        with self._saving:
            with self._lock:
                state = state_of(
                    self._trackers, now_ns=self._now_ns(), wall_unix_nano=self._clock.unix_nano()
                )
            try:
                write_state(path, state)
            except (OSError, ValueError) as error:
                self._losses.count("budget_windows_not_stored", why=repr(error))
                return False
        return True

    def renew_after_fork(self) -> None:
        """Begin with empty windows in a forked child, and leave the state file to the parent."""
        self._lock = threading.RLock()
        self._saving = threading.Lock()
        self._state_file = None
        self._begin()

    def _begin(self) -> None:
        self._trackers: dict[str, ObjectiveTracker | BudgetTracker] = {
            **{f"objective/{one.name}": ObjectiveTracker(one) for one in self._policy.objectives},
            **{
                f"budget/{placed.name}": BudgetTracker(placed)
                for placed in self._policy.placements
                if placed.budget.window_ns is not None
            },
        }
        self._by_series = _by_series(self._trackers.values())
        self._breaches = dict.fromkeys(self._trackers, 0)
        self._start_unix_nano: int = self._now_ns()
        self._judge_at_ns = self._start_unix_nano + self._judge_interval_ns
        self._save_at_ns = self._start_unix_nano + self._save_interval_ns

    def _restore(self) -> None:
        if self._state_file is None:
            return
        try:
            state = read_state(self._state_file)
            if state is not None:
                restore_state(state, self._trackers, now_ns=self._now_ns())
        except CorruptDataError as error:
            self._losses.count("budget_windows_unreadable", why=error)
            self._begin()

    def _now_ns(self) -> int:
        return self._anchor.to_unix_nano(self._clock.monotonic_ns())


def _by_series(
    trackers: Iterable[ObjectiveTracker | BudgetTracker],
) -> dict[tuple[str, str], list[ObjectiveTracker | BudgetTracker]]:
    found: dict[tuple[str, str], list[ObjectiveTracker | BudgetTracker]] = {}
    for tracker in trackers:
        found.setdefault(tracker.series, []).append(tracker)
    return found
