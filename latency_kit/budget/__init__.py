"""Latency budgets: declared once (in Python or TOML), divided among stages, watched and judged.

Knows nothing of exporters, storage and reports.
"""

from latency_kit.budget.alert_spans import span_alert
from latency_kit.budget.alerting import Alerts, AlertSink, log_alert
from latency_kit.budget.backtest import (
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
