"""Latency budgets: declared once (in Python or TOML), divided among stages, watched and judged.

Knows nothing of exporters, storage and reports.
"""

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
from latency_kit.budget.watch import BudgetWatch
from latency_kit.budget.window_length import window_ns, window_text

__all__ = [
    "DEFAULT_MIN_SAMPLES",
    "DEFAULT_PERCENTILE",
    "WORKBOOK_ALERTS",
    "AlertNotice",
    "Allotment",
    "BacktestResult",
    "BudgetEvaluation",
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
    "SubjectHistory",
    "Verdict",
    "WindowBurn",
    "backtest",
    "evaluate",
    "evaluate_history",
    "instant_text",
    "load_policy",
    "parse_policy",
    "window_ns",
    "window_text",
]
