"""Following one budget over its rolling window: whether it is breached now, and what its percentile is.

Knows no clock, as `objective_tracking`.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from latency_kit.budget.alert_state import AlertChange, AlertState
from latency_kit.budget.counting import Call, CallCounts
from latency_kit.budget.evaluation import BudgetEvaluation, CallsOfOutcome, Verdict, evaluate_one
from latency_kit.budget.histogram_window import HistogramWindow
from latency_kit.budget.model import LatencyBudget
from latency_kit.budget.notices import AlertNotice, NoticeKind
from latency_kit.budget.objective_rules import BREACH
from latency_kit.budget.objective_tracking import SIGHT_OF_BREACH
from latency_kit.budget.policy import PlacedBudget
from latency_kit.budget.rules import ms_text
from latency_kit.budget.window_length import window_text
from latency_kit.errors import UsageError
from latency_kit.histogram.layout import DEFAULT_LAYOUT
from latency_kit.histogram.percentile import ceil_rank
from latency_kit.measurement.measurement import Outcome

__all__ = ["BudgetTracker"]

_GOOD: Final = "good"
_FAILED: Final = "failed"


class BudgetTracker:
    """Keeps the calls of one budget's window.

    * The verdict is that of `evaluate` over the calls in the window, at any moment.
    * `changes` gives each breach and each end of one once.

    Attributes:
        placed: The budget and its place in the policy.
        counts: Its calls in its window.
        durations: Durations of the calls that ended well ("good") and of the others ("failed"); empty where
            they are not kept.
    """

    def __init__(self, placed: PlacedBudget, *, keep_durations: bool = True) -> None:
        """Prepare an empty window; without durations there are verdicts but no percentiles.

        Raises:
            UsageError: The budget has no window.
        """
        budget = placed.budget
        if budget.window_ns is None:
            raise UsageError(f"budget {placed.name!r} has no window to follow; give it window_ns")
        self.placed = placed
        self.window_ns = budget.window_ns
        # Judged as the histogram judges: what shares a bucket with the limit keeps it.
        limit_ns = DEFAULT_LAYOUT.highest_equivalent(budget.limit_ns)
        self.counts = CallCounts(limit_ns, budget.failures, (budget.window_ns,))
        self.durations: Mapping[str, HistogramWindow] = MappingProxyType(
            {name: HistogramWindow(budget.window_ns) for name in (_GOOD, _FAILED)} if keep_durations else {}
        )
        self._state = AlertState()

    @property
    def budget(self) -> LatencyBudget:
        """The budget."""
        return self.placed.budget

    @property
    def series(self) -> tuple[str, str]:
        """(component, operation) of the calls to count."""
        return self.budget.series

    def firing_since(self) -> dict[str, int]:
        """Return when the breach began that has not ended, by the name of the alert."""
        return {} if self._state.since_ns is None else {BREACH: self._state.since_ns}

    def restore_firing(self, since_ns: Mapping[str, int]) -> None:
        """Take up a breach that had begun, so that its begin is not told again."""
        self._state.since_ns = since_ns.get(BREACH)

    def add(self, calls: Sequence[Call]) -> None:
        """Take finished calls."""
        self.counts.add(calls)
        for name, window in self.durations.items():
            _add_durations(window, [call for call in calls if call.is_ok is (name == _GOOD)])

    def evaluation(self, now_ns: int) -> BudgetEvaluation:
        """Judge the calls in the window, with the value at the budget's percentile.

        Raises:
            UsageError: No durations are kept.
        """
        if not self.durations:
            raise UsageError(f"budget {self.placed.name!r}: its durations are not kept")
        for window in self.durations.values():
            window.advance(now_ns)
        good, failed = (self.durations[name].snapshot() for name in (_GOOD, _FAILED))
        return evaluate_one(
            self.placed,
            [
                CallsOfOutcome(outcome=Outcome.OK, histogram=good),
                CallsOfOutcome(outcome=Outcome.ERROR, histogram=failed),
            ],
        )

    def verdict(self) -> Verdict:
        """Judge the counts as of the latest time that they were told."""
        window = self.counts.windows[self.window_ns]
        if window.events < self.budget.min_samples:
            return Verdict.NO_DATA
        within = window.events - window.bad
        is_met = within >= ceil_rank(self.budget.percentile, window.events)
        return Verdict.MET if is_met else Verdict.BREACHED

    def changes(self, now_ns: int) -> list[AlertNotice]:
        """Return whether a breach begins or ends at `now_ns`; the window is advanced to it."""
        self.counts.advance(now_ns)
        change = self._state.see(SIGHT_OF_BREACH[self.verdict()], now_ns)
        return [] if change is None else [self._notice(change)]

    def _notice(self, change: AlertChange) -> AlertNotice:
        window = self.counts.windows[self.window_ns]
        budget = self.budget
        counted = (
            f"{window.bad} of {window.events} calls over {ms_text(budget.limit_ns)} in "
            f"{window_text(self.window_ns)}"
        )
        allowed = window.events - ceil_rank(budget.percentile, window.events) if window.events else 0
        said = {
            NoticeKind.FIRED: f"is breached: {counted}, p{budget.percentile:g} allows {allowed}",
            NoticeKind.RECOVERED: f"is met again: {counted}, p{budget.percentile:g} allows {allowed}",
            NoticeKind.NO_DATA: f"can no longer be judged: {counted}, {budget.min_samples} are needed",
        }[change.kind]
        last_bad = self.counts.last_bad if change.kind is NoticeKind.FIRED else None
        return AlertNotice(
            kind=change.kind,
            subject="budget",
            name=self.placed.name,
            alert=BREACH,
            severity=BREACH,
            measures=budget.measures,
            at_unix_nano=change.at_ns,
            since_unix_nano=change.since_ns,
            message=f"budget '{self.placed.name}' {said}",
            owner=budget.owner,
            figures={"events": float(window.events), "bad": float(window.bad)},
            trace_id=None if last_bad is None else last_bad.trace_id,
            span_id=None if last_bad is None else last_bad.span_id,
        )


def _add_durations(window: HistogramWindow, calls: Sequence[Call]) -> None:
    begin_ns = end_ns = at_ns = 0
    durations_ns: list[int] = []
    for call in calls:
        if not begin_ns <= call.at_ns < end_ns:
            if durations_ns:
                window.add(at_ns, durations_ns)
            at_ns, durations_ns = call.at_ns, []
            begin_ns, end_ns = window.interval_around(at_ns)
        durations_ns.append(call.duration_ns)
    if durations_ns:
        window.add(at_ns, durations_ns)
