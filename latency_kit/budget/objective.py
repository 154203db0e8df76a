"""An objective and its burn-rate alerts, as frozen data. How they are read and judged lives elsewhere."""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from latency_kit.budget.model import FailureRule, failure_rule_mistake, series_mistake
from latency_kit.budget.objective_rules import (
    alert_name_mistake,
    burn_rate_mistake,
    exact,
    fewest_events,
    never_fires_mistake,
    severity_mistake,
    target_mistake,
    window_order_mistake,
)
from latency_kit.budget.rules import limit_mistake, min_samples_mistake, name_mistake, text_mistake
from latency_kit.budget.window_length import window_mistake, window_ns, window_text
from latency_kit.errors import UsageError
from latency_kit.units import ns_to_ms

__all__ = ["DEFAULT_OBJECTIVE_WINDOW_NS", "FROM_TARGET", "WORKBOOK_ALERTS", "BurnRateAlert", "Objective"]

DEFAULT_OBJECTIVE_WINDOW_NS: Final = window_ns("30d")

FROM_TARGET: Final = 0
"""As `min_events`: as many as the target makes meaningful, ceil(1 / (1 - target))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnRateAlert:
    """When to alert: the error budget burns faster than `burn_rate` in both windows.

    The long window says that enough was burned to matter, the short one that it is still burning, so
    that the alert ends soon after its cause (The Site Reliability Workbook, chapter 5).

    * The short window is shorter than the long one, and both are windows that can be kept.

    Attributes:
        name: Tells the alerts of one objective apart.
        long_window_ns: The longer window, in nanoseconds.
        short_window_ns: The shorter window, in nanoseconds.
        burn_rate: The alert fires above it; at 1 the error budget is used up exactly at the window's end.
        severity: A word for routing, such as "page" or "ticket".

    Raises:
        UsageError: A value breaks one of the rules above.
    """

    name: str
    long_window_ns: int
    short_window_ns: int
    burn_rate: float
    severity: str = "page"

    def __post_init__(self) -> None:
        """Check all values and bring equal alerts to equal objects."""
        checks = (
            ("name", alert_name_mistake(self.name)),
            ("long_window_ns", window_mistake(self.long_window_ns)),
            ("short_window_ns", window_mistake(self.short_window_ns)),
            ("burn_rate", burn_rate_mistake(self.burn_rate)),
            ("severity", severity_mistake(self.severity)),
        )
        for field, mistake in checks:
            if mistake is not None:
                raise UsageError(f"alert {self.name!r}: {field} {mistake}")
        order = window_order_mistake(short_ns=self.short_window_ns, long_ns=self.long_window_ns)
        if order is not None:
            raise UsageError(f"alert {self.name!r}: short_window_ns {order}")
        object.__setattr__(self, "burn_rate", float(self.burn_rate))


WORKBOOK_ALERTS: Final = (
    BurnRateAlert(
        name="page_fast", long_window_ns=window_ns("1h"), short_window_ns=window_ns("5m"), burn_rate=14.4
    ),
    BurnRateAlert(
        name="page_slow", long_window_ns=window_ns("6h"), short_window_ns=window_ns("30m"), burn_rate=6
    ),
    BurnRateAlert(
        name="ticket",
        long_window_ns=window_ns("3d"),
        short_window_ns=window_ns("6h"),
        burn_rate=1,
        severity="ticket",
    ),
)
"""The thresholds of The Site Reliability Workbook (chapter 5, table 5-8) for a window of 30 days: 2 % of the
error budget in 1 hour, 5 % in 6 hours, 10 % in 3 days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What ratio of a series' calls must be good: not failed, and at most `threshold_ns` long.

    * The target is above 0 and below 1: there is always an error budget, and never nothing else.
    * No alert looks further back than the objective's window, and each can fire.
    * Alerts of one objective have different names.
    * `WORKBOOK_ALERTS`, the default, are scaled to a window that is not 30 days: the burn rates stay, and
      so do the shares of the error budget that they stand for.

    Attributes:
        name: The objective's name; without dots.
        component: Component of the series that is judged.
        operation: Operation of the series that is judged.
        threshold_ns: The longest that a good call takes, in nanoseconds.
        target: The ratio of calls that must be good, such as 0.99.
        window_ns: Over what rolling window, in nanoseconds.
        min_events: With fewer calls in a window nothing is said of it; `FROM_TARGET` (the default) takes
            ceil(1 / (1 - target)), which is what the attribute then reads.
        failures: How calls that failed are judged.
        alerts: When to alert.
        description: What the objective is for, for people.
        owner: Who answers for it, for people.

    Raises:
        UsageError: A value breaks one of the rules above.
    """

    name: str
    component: str
    operation: str
    threshold_ns: int
    target: float
    window_ns: int = DEFAULT_OBJECTIVE_WINDOW_NS
    min_events: int = FROM_TARGET
    failures: FailureRule = FailureRule.OVER_LIMIT
    alerts: tuple[BurnRateAlert, ...] = WORKBOOK_ALERTS
    description: str = ""
    owner: str = ""

    def __post_init__(self) -> None:
        """Check all values and bring equal objectives to equal objects."""
        self._check("name", name_mistake(self.name))
        self._check("component", series_mistake(self.component))
        self._check("operation", series_mistake(self.operation))
        self._check("threshold_ns", limit_mistake(self.threshold_ns))
        self._check("target", target_mistake(self.target))
        self._check("window_ns", window_mistake(self.window_ns))
        self._check("failures", failure_rule_mistake(self.failures))
        self._check("description", text_mistake(self.description))
        self._check("owner", text_mistake(self.owner))
        object.__setattr__(self, "target", float(self.target))
        object.__setattr__(self, "failures", FailureRule(self.failures))
        if self.min_events == FROM_TARGET:
            object.__setattr__(self, "min_events", fewest_events(self.target))
        self._check("min_events", min_samples_mistake(self.min_events))
        if self.alerts is WORKBOOK_ALERTS:
            object.__setattr__(self, "alerts", scaled_alerts(self.window_ns))
        object.__setattr__(self, "alerts", tuple(self.alerts))
        self._check_alerts()

    @property
    def threshold_ms(self) -> float:
        """The threshold for people, in milliseconds."""
        return ns_to_ms(self.threshold_ns)

    @property
    def measures(self) -> str:
        """`component.operation`, the series that is judged."""
        return f"{self.component}.{self.operation}"

    @property
    def series(self) -> tuple[str, str]:
        """(component, operation), the series that is judged, as a key."""
        return (self.component, self.operation)

    @property
    def allowed_bad(self) -> Fraction:
        """The ratio of bad events that the target allows, exactly: 1/100 for a target of 0.99."""
        return 1 - exact(self.target)

    @property
    def windows_ns(self) -> tuple[int, ...]:
        """Every window that must be kept, ascending."""
        lengths = {self.window_ns}
        for alert in self.alerts:
            lengths |= {alert.long_window_ns, alert.short_window_ns}
        return tuple(sorted(lengths))

    def _check(self, field: str, mistake: str | None) -> None:
        if mistake is not None:
            raise UsageError(f"objective {self.name!r}: {field} {mistake}")

    def _check_alerts(self) -> None:
        names = set()
        for alert in self.alerts:
            if not isinstance(alert, BurnRateAlert):
                raise UsageError(
                    f"objective {self.name!r}: alerts must be BurnRateAlert objects, "
                    f"got {type(alert).__name__}"
                )
            if alert.name in names:
                raise UsageError(f"objective {self.name!r}: two alerts are named {alert.name!r}")
            names.add(alert.name)
            for _, reason in alert_mistakes(alert, target=self.target, window_ns=self.window_ns):
                raise UsageError(f"objective {self.name!r}: alert {alert.name!r}: {reason}")


def alert_mistakes(alert: BurnRateAlert, *, target: float, window_ns: int) -> list[tuple[str, str]]:
    """Return why an alert does not fit an objective: the key as the policy file has it, and the reason."""
    found = []
    never = never_fires_mistake(alert.burn_rate, target)
    if never is not None:
        found.append(("burn_rate", f"burn rate {never}"))
    if alert.long_window_ns > window_ns:
        reason = (
            f"the long window of {window_text(alert.long_window_ns)} is longer than the objective's own "
            f"window of {window_text(window_ns)}"
        )
        found.append(("long_window", reason))
    return found


def scaled_alerts(objective_window_ns: int) -> tuple[BurnRateAlert, ...]:
    """Return the workbook's alerts for an objective's window, with the same shares of the error budget."""
    if objective_window_ns == DEFAULT_OBJECTIVE_WINDOW_NS:
        return WORKBOOK_ALERTS
    shortest_ns = window_ns("1s")

    def scaled(length_ns: int) -> int:
        return max(length_ns * objective_window_ns // DEFAULT_OBJECTIVE_WINDOW_NS, shortest_ns)

    return tuple(
        replace(
            alert, long_window_ns=scaled(alert.long_window_ns), short_window_ns=scaled(alert.short_window_ns)
        )
        for alert in WORKBOOK_ALERTS
        if scaled(alert.short_window_ns) < scaled(alert.long_window_ns)
    )
