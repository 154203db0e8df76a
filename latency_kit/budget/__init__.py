"""Latency budgets: declared once (in Python or TOML), divided among stages, watched and judged.

Knows nothing of exporters, storage and reports. Modules are loaded when a name of theirs is asked for:
who carries a deadline needs no webhook.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latency_kit.budget.alert_spans import span_alert
    from latency_kit.budget.alerting import Alerts, AlertSink, log_alert
    from latency_kit.budget.backtesting import (
        BacktestResult,
        Episode,
        IntervalOfCalls,
        SubjectHistory,
        backtest,
        evaluate_history,
    )
    from latency_kit.budget.counting import Call
    from latency_kit.budget.evaluation import (
        BudgetEvaluation,
        Durations,
        JudgedSeries,
        Verdict,
        evaluate,
    )
    from latency_kit.budget.figures import BudgetFigure, over_limit_figures
    from latency_kit.budget.model import (
        DEFAULT_MIN_SAMPLES,
        DEFAULT_PERCENTILE,
        Allotment,
        FailureRule,
        LatencyBudget,
    )
    from latency_kit.budget.notices import AlertNotice, NoticeKind, instant_text
    from latency_kit.budget.objective import WORKBOOK_ALERTS, BurnRateAlert, Objective
    from latency_kit.budget.objective_status import ObjectiveStatus, WindowBurn
    from latency_kit.budget.policy import BudgetPolicy, PlacedBudget
    from latency_kit.budget.policy_file import load_policy, parse_policy
    from latency_kit.budget.rolling_watch import RollingWatch
    from latency_kit.budget.strict import StrictLimit, strict_limits
    from latency_kit.budget.watch import BudgetWatch
    from latency_kit.budget.webhook import Webhook
    from latency_kit.budget.window_length import window_ns, window_text

__all__ = [
    "DEFAULT_MIN_SAMPLES",
    "DEFAULT_PERCENTILE",
    "WORKBOOK_ALERTS",
    "AlertNotice",
    "AlertSink",
    "Alerts",
    "Allotment",
    "BacktestResult",
    "BudgetEvaluation",
    "BudgetFigure",
    "BudgetPolicy",
    "BudgetWatch",
    "BurnRateAlert",
    "Call",
    "Durations",
    "Episode",
    "FailureRule",
    "IntervalOfCalls",
    "JudgedSeries",
    "LatencyBudget",
    "NoticeKind",
    "Objective",
    "ObjectiveStatus",
    "PlacedBudget",
    "RollingWatch",
    "StrictLimit",
    "SubjectHistory",
    "Verdict",
    "Webhook",
    "WindowBurn",
    "backtest",
    "evaluate",
    "evaluate_history",
    "instant_text",
    "load_policy",
    "log_alert",
    "over_limit_figures",
    "parse_policy",
    "span_alert",
    "strict_limits",
    "window_ns",
    "window_text",
]

_MODULE_OF_NAME = {
    "DEFAULT_MIN_SAMPLES": "model",
    "DEFAULT_PERCENTILE": "model",
    "WORKBOOK_ALERTS": "objective",
    "AlertNotice": "notices",
    "AlertSink": "alerting",
    "Alerts": "alerting",
    "Allotment": "model",
    "BacktestResult": "backtesting",
    "BudgetEvaluation": "evaluation",
    "BudgetFigure": "figures",
    "BudgetPolicy": "policy",
    "BudgetWatch": "watch",
    "BurnRateAlert": "objective",
    "Call": "counting",
    "Durations": "evaluation",
    "Episode": "backtesting",
    "FailureRule": "model",
    "IntervalOfCalls": "backtesting",
    "JudgedSeries": "evaluation",
    "LatencyBudget": "model",
    "NoticeKind": "notices",
    "Objective": "objective",
    "ObjectiveStatus": "objective_status",
    "PlacedBudget": "policy",
    "RollingWatch": "rolling_watch",
    "StrictLimit": "strict",
    "SubjectHistory": "backtesting",
    "Verdict": "evaluation",
    "Webhook": "webhook",
    "WindowBurn": "objective_status",
    "backtest": "backtesting",
    "evaluate": "evaluation",
    "evaluate_history": "backtesting",
    "instant_text": "notices",
    "load_policy": "policy_file",
    "log_alert": "alerting",
    "over_limit_figures": "figures",
    "parse_policy": "policy_file",
    "span_alert": "alert_spans",
    "strict_limits": "strict",
    "window_ns": "window_length",
    "window_text": "window_length",
}


if not TYPE_CHECKING:
    # Hidden from type checkers, which would otherwise take any name for a public one.

    def __getattr__(name: str) -> Any:
        module = _MODULE_OF_NAME.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
        return value
