"""Judged budgets as plain data for JSON, and back: the trees of budgets once, the figures of each verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from latency_kit.budget import Allotment, BudgetEvaluation, BudgetPolicy, LatencyBudget, Verdict

__all__ = ["evaluations_from_data", "evaluations_to_data"]


def evaluations_to_data(evaluations: Sequence[BudgetEvaluation]) -> dict[str, Any]:
    """Return `budgets`, the trees that were judged, and `evaluations`, the verdicts by dotted name."""
    return {
        "budgets": [
            _budget_to_data(evaluation.budget) for evaluation in evaluations if evaluation.placed.depth == 0
        ],
        "evaluations": [_evaluation_to_data(evaluation) for evaluation in evaluations],
    }


def evaluations_from_data(data: Mapping[str, Any]) -> tuple[BudgetEvaluation, ...]:
    """Return the evaluations that `evaluations_to_data` wrote.

    Raises:
        KeyError, TypeError, ValueError: Something is missing, of the wrong kind, or no fit budget.
    """
    policy = BudgetPolicy(budgets=tuple(_budget_from_data(entry) for entry in data["budgets"]))
    return tuple(
        BudgetEvaluation(
            placed=policy.find(entry["budget"]),
            verdict=Verdict(entry["verdict"]),
            count=entry["count"],
            failed_count=entry["failed_count"],
            over_limit_count=entry["over_limit_count"],
            _observed_ns=entry.get("observed_ns"),
        )
        for entry in data["evaluations"]
    )


def _evaluation_to_data(evaluation: BudgetEvaluation) -> dict[str, Any]:
    data = {
        "budget": evaluation.name,
        "verdict": evaluation.verdict.value,
        "count": evaluation.count,
        "failed_count": evaluation.failed_count,
        "over_limit_count": evaluation.over_limit_count,
    }
    if evaluation.is_observed:
        data["observed_ns"] = evaluation.observed_ns
    return data


def _budget_to_data(budget: LatencyBudget) -> dict[str, Any]:
    data = {one.name: getattr(budget, one.name) for one in fields(LatencyBudget) if one.name != "allotments"}
    data["failures"] = budget.failures.value
    data["allotments"] = [
        {
            "budget": _budget_to_data(allotment.budget),
            "overlaps": allotment.overlaps,
            "optional": allotment.optional,
        }
        for allotment in budget.allotments
    ]
    return data


def _budget_from_data(data: Mapping[str, Any]) -> LatencyBudget:
    allotments = tuple(
        Allotment(
            budget=_budget_from_data(entry["budget"]),
            overlaps=entry["overlaps"],
            optional=entry["optional"],
        )
        for entry in data["allotments"]
    )
    return LatencyBudget(**{**data, "allotments": allotments})
