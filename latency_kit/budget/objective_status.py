"""How an objective stands: error budget and burn rates, as pure functions of counts.

Source of the definitions: The Site Reliability Workbook, chapter 5, "Alerting on SLOs".
"""

from dataclasses import dataclass

from latency_kit.budget.evaluation import Verdict
from latency_kit.budget.objective import Objective
from latency_kit.budget.window_length import window_text
from latency_kit.errors import NoDataError

__all__ = ["ObjectiveStatus", "WindowBurn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowBurn:
    """How fast an objective's error budget burns in one window.

    * There is a burn rate exactly when the window holds events.

    Attributes:
        objective: The objective.
        window_ns: The window's length in nanoseconds.
        events: Events in the window.
        bad: Bad ones among them.
    """

    objective: Objective
    window_ns: int
    events: int
    bad: int

    @property
    def burn_rate(self) -> float:
        """Ratio of bad events over the ratio that is allowed: 1 uses up the budget in just the window.

        Raises:
            NoDataError: The window holds no event.
        """
        if not self.events:
            raise NoDataError(
                f"objective {self.objective.name!r}: no event in the last {window_text(self.window_ns)}, "
                "so there is no burn rate"
            )
        return float(self.bad / (self.objective.allowed_bad * self.events))


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveStatus:
    """How an objective stands at one moment.

    * `NO_DATA` exactly when its window holds fewer events than its `min_events`.
    * Otherwise `BREACHED` exactly when more events were bad than the target allows.

    Attributes:
        objective: The objective.
        verdict: `MET`, `BREACHED` or `NO_DATA`.
        events: Events in the objective's window.
        bad: Bad ones among them.
        burns: How fast the error budget burns, by window, the shortest first.
        firing: Names of the alerts that have begun and not ended.
    """

    objective: Objective
    verdict: Verdict
    events: int
    bad: int
    burns: tuple[WindowBurn, ...]
    firing: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The objective's name."""
        return self.objective.name

    @property
    def remaining_error_budget(self) -> float:
        """What is left of the error budget: 1 all of it, 0 nothing, below 0 overspent.

        Raises:
            NoDataError: There are fewer events than the objective's `min_events`.
        """
        if self.verdict is Verdict.NO_DATA:
            raise NoDataError(
                f"objective {self.name!r}: {self.events} events in its window of "
                f"{window_text(self.objective.window_ns)}, {self.objective.min_events} are needed"
            )
        return float(1 - self.bad / (self.objective.allowed_bad * self.events))

    def describe(self) -> str:
        """Say it in one line: "answers: MET, 62.5 % of the error budget left, 3 of 800 events bad in 30d"."""
        window = window_text(self.objective.window_ns)
        counted = f"{self.bad} of {self.events} events bad in {window}"
        if self.verdict is Verdict.NO_DATA:
            return f"{self.name}: {self.verdict}, {counted}, {self.objective.min_events} events needed"
        left = f"{100 * self.remaining_error_budget:.1f} % of the error budget left"
        firing = f", alerts: {', '.join(self.firing)}" if self.firing else ""
        return f"{self.name}: {self.verdict}, {left}, {counted}{firing}"
