"""The marker's keywords are checked and completed before anything is measured."""

import pytest

from latency_kit.budget import Allotment, BudgetPolicy, LatencyBudget
from latency_kit.errors import UsageError
from latency_kit.pytest_plugin.plan import KEYWORDS, LatencyPlan, Limit, find_budget, plan_of

MS = 1_000_000


def budget(name: str, limit_ms: int, *allotments: LatencyBudget, percentile: float = 95) -> LatencyBudget:
    return LatencyBudget(
        name=name,
        component=name,
        operation="run",
        limit_ns=limit_ms * MS,
        percentile=percentile,
        allotments=tuple(Allotment(budget=one, overlaps=True) for one in allotments),
    )


POLICY = BudgetPolicy(
    budgets=(
        budget("end_to_end", 3000, budget("transcription", 500), budget("first", 200, percentile=99)),
        budget("other", 900, LatencyBudget(name="first", component="b", operation="c", limit_ns=MS)),
    )
)


def plan(**keywords: object) -> LatencyPlan:
    return plan_of(keywords, lambda: POLICY)


def test_a_budget_in_milliseconds_is_judged_at_p95_over_100_samples_and_up_to_ten_times_more() -> None:
    found = plan(budget_ms=500)
    assert found.total == Limit(limit_ns=500 * MS, percentile=95)
    assert (found.samples, found.max_samples, found.warmup, found.rate) == (100, 1000, 1, None)
    assert [look.count for look in found.looks(found.total)] == [100, 200, 400, 1000]


def test_without_a_number_of_samples_there_are_as_many_as_the_percentile_takes() -> None:
    found = plan(budget_ms=500, percentile=99)
    assert (found.samples, found.max_samples) == (437, 4370)


def test_too_few_samples_are_refused_with_the_number_it_takes() -> None:
    with pytest.raises(
        UsageError, match="100 samples cannot bound p99 at 95% confidence; it takes at least 437"
    ):
        plan(budget_ms=500, percentile=99, samples=100)


def test_a_single_look_takes_fewer_samples() -> None:
    found = plan(budget_ms=500, percentile=99, samples=368, max_samples=368)
    assert len(found.looks(Limit(limit_ns=1, percentile=99))) == 1


def test_without_a_budget_nothing_is_judged_and_no_more_is_sampled() -> None:
    found = plan(samples=30)
    assert (found.total, found.samples, found.max_samples) == (None, 30, 30)


def test_a_budget_by_name_has_its_limit_and_percentile_from_the_policy() -> None:
    assert plan(budget="end_to_end.transcription").total == Limit(
        limit_ns=500 * MS, percentile=95, budget="end_to_end.transcription"
    )
    assert plan(budget="transcription").total == plan(budget="end_to_end.transcription").total
    assert plan(budget="transcription", percentile=90).total == Limit(
        limit_ns=500 * MS, percentile=90, budget="end_to_end.transcription"
    )


def test_a_stream_may_have_a_budget_for_its_first_item() -> None:
    found = plan(first_item_budget="end_to_end.first", budget_ms=1000)
    assert found.first_item == Limit(limit_ns=200 * MS, percentile=99, budget="end_to_end.first")
    assert found.total == Limit(limit_ns=1000 * MS, percentile=95)
    assert found.samples == 437
    assert plan(first_item_budget_ms=0.5).first_item == Limit(limit_ns=500_000, percentile=95)


def test_a_name_that_several_budgets_have_needs_its_path() -> None:
    with pytest.raises(
        UsageError, match=r"2 budgets 'first'; name one by its path: end_to_end\.first, other\.first"
    ):
        find_budget(POLICY, "first")
    assert find_budget(POLICY, "other.first")[0] == "other.first"


def test_a_name_that_is_not_in_the_policy_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"there is no budget 'x'; the policy has: end_to_end, "):
        plan(budget="x")


def test_the_policy_is_read_only_for_a_name() -> None:
    def unread() -> BudgetPolicy:
        raise AssertionError

    assert plan_of({"budget_ms": 5}, unread).total is not None


@pytest.mark.parametrize(
    ("keywords", "reason"),
    [
        ({"budget_sm": 5}, "the marker latency has no 'budget_sm'; it takes budget, budget_ms"),
        ({"budget": "other", "budget_ms": 5}, "give budget or budget_ms, not both"),
        ({"first_item_budget": "a", "first_item_budget_ms": 5}, "give first_item_budget or"),
        ({"budget_ms": 0}, "budget_ms must be a number of milliseconds above 0, got 0"),
        ({"budget_ms": "5"}, "got '5'"),
        ({"budget_ms": True}, "got True"),
        ({"budget_ms": float("nan")}, "got nan"),
        ({"percentile": 100}, "below 100 .no number of samples bounds p100"),
        ({"percentile": 0}, "percentile must be a number above 0"),
        ({"samples": 0}, "samples must be a whole number from 1, got 0"),
        ({"samples": 10.5}, "samples must be a whole number"),
        ({"samples": 100, "max_samples": 99}, "max_samples must be a whole number from 100, got 99"),
        ({"warmup": -1}, "warmup must be a whole number from 0"),
        ({"rate": 0}, "rate must be a number of calls a second above 0"),
        ({"rate": "fast"}, "rate must be"),
        ({"confidence": 95}, "confidence must be a number between 0 and 1"),
    ],
)
def test_unfit_keywords_are_refused(keywords: dict[str, object], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        plan_of(keywords, lambda: POLICY)


def test_the_keywords_are_listed_in_order() -> None:
    assert list(KEYWORDS) == sorted(KEYWORDS)
