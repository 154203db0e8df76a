"""From the tables `objectives` and `alerts` of a policy file to objectives, or to all mistakes in them.

Drafts may have gaps, as in `policy_tables`, so that one mistake hides no other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from latency_kit.budget.model import FailureRule
from latency_kit.budget.objective import (
    DEFAULT_OBJECTIVE_WINDOW_NS,
    FROM_TARGET,
    BurnRateAlert,
    Objective,
    alert_mistakes,
    scaled_alerts,
)
from latency_kit.budget.objective_rules import (
    alert_name_mistake,
    burn_rate_mistake,
    severity_mistake,
    target_mistake,
    window_order_mistake,
)
from latency_kit.budget.rules import min_samples_mistake, name_mistake, text_mistake
from latency_kit.budget.table_values import Path, TableValues, dotted, kind

__all__ = ["ALERT_KEYS", "OBJECTIVE_KEYS", "ObjectiveTables"]

OBJECTIVE_KEYS = (
    "measures",
    "threshold_ms",
    "target",
    "window",
    "min_events",
    "failures",
    "alerts",
    "description",
    "owner",
)

ALERT_KEYS = ("long_window", "short_window", "burn_rate", "severity")

_Alerts = list[tuple[BurnRateAlert, Path]]


@dataclass(slots=True, kw_only=True)
class _Draft:
    """An objective's table as far as it could be understood; None stands for what could not."""

    path: Path
    series: tuple[str, str] | None = None
    threshold_ns: int | None = None
    target: float | None = None
    window_ns: int | None = DEFAULT_OBJECTIVE_WINDOW_NS
    alerts: _Alerts | None = None
    min_events: int = FROM_TARGET
    failures: FailureRule = FailureRule.OVER_LIMIT
    description: str = ""
    owner: str = ""

    def objective(self, alerts: _Alerts) -> Objective:
        assert self.series is not None  # noqa: S101  # a draft with gaps is never built
        assert self.threshold_ns is not None  # noqa: S101  # the same
        assert self.target is not None  # noqa: S101  # the same
        assert self.window_ns is not None  # noqa: S101  # the same
        return Objective(
            name=self.path[-1],
            component=self.series[0],
            operation=self.series[1],
            threshold_ns=self.threshold_ns,
            target=self.target,
            window_ns=self.window_ns,
            min_events=self.min_events,
            failures=self.failures,
            alerts=tuple(alert for alert, _ in alerts),
            description=self.description,
            owner=self.owner,
        )


class ObjectiveTables:
    """Reads the objectives of one policy; what is wrong is noted in the values given."""

    def __init__(self, values: TableValues) -> None:
        self._values = values

    def read(self, table: Mapping[str, Any], path: Path) -> tuple[Objective, ...]:
        """Read `objectives` and the `alerts` that those without alerts of their own share."""
        shared = self._alerts(table["alerts"], (*path, "alerts")) if "alerts" in table else None
        at = (*path, "objectives")
        tables = table.get("objectives", {})
        if not isinstance(tables, dict):
            self._values.note(at, f"must be a table of objectives, got {kind(tables)}")
            return ()
        if "objectives" in table and not tables:
            self._values.note(at, f"holds no objective; write a table such as [{dotted(at)}.answer]")
        drafts = [self._draft(content, (*at, name)) for name, content in tables.items()]
        alerts_of = [self._fitted(draft, shared) for draft in drafts]
        if self._values.mistakes:
            return ()
        return tuple(draft.objective(alerts) for draft, alerts in zip(drafts, alerts_of, strict=True))

    def _draft(self, table: object, path: Path) -> _Draft:
        values = self._values
        draft = _Draft(path=path)
        values.judge(path, name_mistake(path[-1]))
        if not isinstance(table, dict):
            values.note(path, f"must be a table with measures, threshold_ms and target, got {kind(table)}")
            return draft
        values.refuse_unknown(table, path, OBJECTIVE_KEYS)
        for key in ("measures", "threshold_ms", "target"):
            if key not in table:
                values.note((*path, key), "is missing")
        for key, value in table.items():
            if key in OBJECTIVE_KEYS:
                self._field(draft, key, value)
        return draft

    def _field(self, draft: _Draft, key: str, value: Any) -> None:
        values = self._values
        at = (*draft.path, key)
        match key:
            case "measures":
                draft.series = values.series(value, at)
            case "threshold_ms":
                draft.threshold_ns = values.limit_ns(value, at)
            case "target":
                draft.target = float(value) if values.judge(at, target_mistake(value)) else None
            case "window":
                draft.window_ns = values.window_ns(value, at)
            case "failures":
                draft.failures = values.failures(value, at) or draft.failures
            case "alerts":
                draft.alerts = self._alerts(value, at)
            case _:
                rule = min_samples_mistake if key == "min_events" else text_mistake
                if values.judge(at, rule(value)):
                    setattr(draft, key, value)

    def _alerts(self, tables: object, path: Path) -> _Alerts:
        if not isinstance(tables, dict):
            self._values.note(path, f"must be a table of alerts, each with a name, got {kind(tables)}")
            return []
        read = ((self._alert(content, (*path, name)), (*path, name)) for name, content in tables.items())
        return [(alert, at) for alert, at in read if alert is not None]

    def _alert(self, table: object, path: Path) -> BurnRateAlert | None:
        values = self._values
        before = len(values.mistakes)
        values.judge(path, alert_name_mistake(path[-1]))
        if not isinstance(table, dict):
            values.note(
                path, f"must be a table with long_window, short_window and burn_rate, got {kind(table)}"
            )
            return None
        values.refuse_unknown(table, path, ALERT_KEYS)
        for key in ("long_window", "short_window", "burn_rate"):
            if key not in table:
                values.note((*path, key), "is missing")
        windows = {
            key: values.window_ns(table[key], (*path, key))
            for key in ("long_window", "short_window")
            if key in table
        }
        for key, rule in (("burn_rate", burn_rate_mistake), ("severity", severity_mistake)):
            if key in table:
                values.judge((*path, key), rule(table[key]))
        long_ns, short_ns = windows.get("long_window"), windows.get("short_window")
        if long_ns is not None and short_ns is not None:
            values.judge((*path, "short_window"), window_order_mistake(short_ns=short_ns, long_ns=long_ns))
        if len(values.mistakes) > before or long_ns is None or short_ns is None:
            return None
        return BurnRateAlert(
            name=path[-1],
            long_window_ns=long_ns,
            short_window_ns=short_ns,
            burn_rate=table["burn_rate"],
            severity=table.get("severity", "page"),
        )

    def _fitted(self, draft: _Draft, shared: _Alerts | None) -> _Alerts:
        """Return the alerts of an objective: its own, else the shared ones, else the workbook's."""
        if draft.window_ns is None:
            return []
        is_default = draft.alerts is None and shared is None
        alerts = draft.alerts if draft.alerts is not None else shared
        if alerts is None:
            alerts = [(alert, draft.path) for alert in scaled_alerts(draft.window_ns)]
        if draft.target is None:
            return alerts
        for alert, at in alerts:
            for key, reason in alert_mistakes(alert, target=draft.target, window_ns=draft.window_ns):
                if is_default:
                    own = dotted((*draft.path, "alerts", "NAME"))
                    advice = f"; or write alerts of its own as [{own}]"
                    self._values.note((*at, "target"), f"the default alert {alert.name}: {reason}{advice}")
                else:
                    whose = f"for {dotted(draft.path)}: " if draft.alerts is None else ""
                    self._values.note((*at, key), f"{whose}{reason}")
        return alerts
