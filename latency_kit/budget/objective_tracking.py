"""Following one objective over time: its windows, its alerts, and how it stands at any moment.

Knows no clock: it is told the time. Live programs and recorded history are followed by the same code.
"""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final

from latency_kit.budget.alert_state import AlertChange, AlertState, Sight
from latency_kit.budget.counting import Call, CallCounts
from latency_kit.budget.evaluation import Verdict
from latency_kit.budget.notices import AlertNotice, NoticeKind
from latency_kit.budget.objective import BurnRateAlert, Objective
from latency_kit.budget.objective_rules import BREACH, exact
from latency_kit.budget.objective_status import ObjectiveStatus, WindowBurn
from latency_kit.budget.window_length import window_text

__all__ = ["SIGHT_OF_BREACH", "ObjectiveTracker"]

SIGHT_OF_BREACH: Final = {
    Verdict.BREACHED: Sight.TRUE,
    Verdict.MET: Sight.FALSE,
    Verdict.NO_DATA: Sight.LOST,
}


class _Alert:
    """A burn-rate alert with its windows and what is derived from it once.

    Its rule for few calls: the long window must hold the objective's `min_events`, the short one its share
    of them (at the same pace, rounded up).
    """

    __slots__ = ("declared", "few_in_long", "few_in_short", "long", "most_bad", "short", "state")

    def __init__(self, declared: BurnRateAlert, objective: Objective, counts: CallCounts) -> None:
        self.declared = declared
        self.long = counts.windows[declared.long_window_ns]
        self.short = counts.windows[declared.short_window_ns]
        self.few_in_long = objective.min_events
        share = Fraction(declared.short_window_ns, declared.long_window_ns)
        self.few_in_short = math.ceil(objective.min_events * share)
        # The ratio of bad events above which a window burns faster than the alert's rate.
        self.most_bad = exact(declared.burn_rate) * objective.allowed_bad
        self.state = AlertState()

    def sight(self) -> Sight:
        if self.long.events < self.few_in_long:
            return Sight.LOST
        if self.short.events < self.few_in_short:
            return Sight.UNCLEAR
        # In whole numbers: exact, and cheap enough to be asked at every call of a backtest.
        most, of = self.most_bad.numerator, self.most_bad.denominator
        both = all(window.bad * of > most * window.events for window in (self.long, self.short))
        return Sight.TRUE if both else Sight.FALSE


class ObjectiveTracker:
    """Counts the calls of one objective and says when its alerts begin and end.

    * An alert fires when the burn rates of its long and its short window are both above its rate, and
      both windows hold enough events.
    * `changes` gives each begin and each end once.

    Attributes:
        objective: The objective.
        counts: Its calls in all its windows.
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.counts = CallCounts(objective.threshold_ns, objective.failures, objective.windows_ns)
        self._whole = self.counts.windows[objective.window_ns]
        self._allowed_bad = objective.allowed_bad
        self._alerts = [_Alert(alert, objective, self.counts) for alert in objective.alerts]
        self._breach = AlertState()

    @property
    def series(self) -> tuple[str, str]:
        """(component, operation) of the calls to count."""
        return self.objective.series

    @property
    def firing(self) -> tuple[str, ...]:
        """Names of the alerts that have begun and not ended."""
        return tuple(self.firing_since())

    def add(self, calls: Sequence[Call]) -> None:
        """Take finished calls."""
        self.counts.add(calls)

    def firing_since(self) -> dict[str, int]:
        """Return when each alert began that has not ended, by name."""
        return {name: state.since_ns for name, state in self._states().items() if state.since_ns is not None}

    def restore_firing(self, since_ns: Mapping[str, int]) -> None:
        """Take up alerts that had begun, so that their begin is not told again."""
        for name, state in self._states().items():
            state.since_ns = since_ns.get(name)

    def status(self) -> ObjectiveStatus:
        """Return how the objective stands as of the latest time that it was told."""
        objective = self.objective
        return ObjectiveStatus(
            objective=objective,
            verdict=self._verdict(),
            events=self._whole.events,
            bad=self._whole.bad,
            burns=tuple(self._burn(length_ns) for length_ns in self.counts.windows),
            firing=self.firing,
        )

    def changes(self, now_ns: int) -> list[AlertNotice]:
        """Return the alerts that begin or end at `now_ns`; windows are advanced to it."""
        self.counts.advance(now_ns)
        notices = []
        for alert in self._alerts:
            change = alert.state.see(alert.sight(), now_ns)
            if change is not None:
                notices.append(self._burn_notice(change, alert))
        change = self._breach.see(SIGHT_OF_BREACH[self._verdict()], now_ns)
        if change is not None:
            notices.append(self._breach_notice(change))
        return notices

    def _verdict(self) -> Verdict:
        events, bad = self._whole.events, self._whole.bad
        if events < self.objective.min_events:
            return Verdict.NO_DATA
        is_met = bad * self._allowed_bad.denominator <= self._allowed_bad.numerator * events
        return Verdict.MET if is_met else Verdict.BREACHED

    def _states(self) -> dict[str, AlertState]:
        return {alert.declared.name: alert.state for alert in self._alerts} | {BREACH: self._breach}

    def _burn(self, length_ns: int) -> WindowBurn:
        window = self.counts.windows[length_ns]
        return WindowBurn(objective=self.objective, window_ns=length_ns, events=window.events, bad=window.bad)

    def _burn_notice(self, change: AlertChange, alert: _Alert) -> AlertNotice:
        declared = alert.declared
        long_burn, short_burn = self._burn(declared.long_window_ns), self._burn(declared.short_window_ns)
        burns = " and ".join(_burn_text(burn) for burn in (long_burn, short_burn))
        name = self.objective.name
        if change.kind is NoticeKind.FIRED:
            message = (
                f"objective '{name}' burns its error budget too fast: {burns} "
                f"(alert {declared.name}: above {declared.burn_rate:g})"
            )
        elif change.kind is NoticeKind.RECOVERED:
            message = f"objective '{name}': alert {declared.name} is over: {burns}"
        else:
            message = (
                f"objective '{name}': alert {declared.name} ends without data: {long_burn.events} events in "
                f"{window_text(declared.long_window_ns)}, {alert.few_in_long} are needed"
            )
        figures = {
            f"burn_rate_{window_text(burn.window_ns)}": round(burn.burn_rate, 6)
            for burn in (long_burn, short_burn)
            if burn.events
        }
        return self._notice(
            change, alert=declared.name, severity=declared.severity, message=message, figures=figures
        )

    def _breach_notice(self, change: AlertChange) -> AlertNotice:
        status = self.status()
        counted = f"{status.bad} of {status.events} events bad in {window_text(self.objective.window_ns)}"
        figures = {"events": float(status.events), "bad": float(status.bad)}
        if status.verdict is not Verdict.NO_DATA:
            figures["remaining_error_budget"] = round(status.remaining_error_budget, 6)
        said = {
            NoticeKind.FIRED: f"has used up its error budget: {counted}",
            NoticeKind.RECOVERED: f"is within its error budget again: {counted}",
            NoticeKind.NO_DATA: f"can no longer be judged: {counted}, {self.objective.min_events} are needed",
        }[change.kind]
        message = f"objective '{self.objective.name}' {said}"
        return self._notice(change, alert=BREACH, severity=BREACH, message=message, figures=figures)

    def _notice(
        self, change: AlertChange, *, alert: str, severity: str, message: str, figures: dict[str, float]
    ) -> AlertNotice:
        objective = self.objective
        last_bad = self.counts.last_bad if change.kind is NoticeKind.FIRED else None
        return AlertNotice(
            kind=change.kind,
            subject="objective",
            name=objective.name,
            alert=alert,
            severity=severity,
            measures=objective.measures,
            at_unix_nano=change.at_ns,
            since_unix_nano=change.since_ns,
            message=message,
            owner=objective.owner,
            figures=figures,
            trace_id=None if last_bad is None else last_bad.trace_id,
            span_id=None if last_bad is None else last_bad.span_id,
        )


def _burn_text(burn: WindowBurn) -> str:
    window = window_text(burn.window_ns)
    return f"burn rate {burn.burn_rate:.4g} over {window}" if burn.events else f"no event in {window}"
