import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from latency_kit.budget import Allotment, BudgetPolicy, FailureRule, LatencyBudget
from latency_kit.errors import UsageError

BuildBudget = Callable[..., LatencyBudget]


def test_a_budget_knows_what_it_measures_and_its_limit_in_milliseconds(
    budget: BuildBudget,
) -> None:
    one = budget("answer", 3000, component="llm", operation="generate")
    assert (one.measures, one.series, one.limit_ms) == ("llm.generate", ("llm", "generate"), 3000.0)


def test_what_is_not_said_is_p95_of_at_least_20_calls_with_failures_over_the_limit(
    budget: BuildBudget,
) -> None:
    one = budget()
    assert (one.percentile, one.min_samples, one.failures) == (95.0, 20, FailureRule.OVER_LIMIT)


def test_equal_budgets_are_equal_however_their_values_were_written(
    budget: BuildBudget,
) -> None:
    allotment = Allotment(budget=budget("prompt", 50))
    assert budget(percentile=95, failures="by_duration", allotments=[allotment]) == budget(
        percentile=95.0, failures=FailureRule.BY_DURATION, allotments=(allotment,)
    )


def test_a_budget_is_frozen_and_can_be_copied_hashed_and_sent_to_another_process(
    budget: BuildBudget,
) -> None:
    policy = BudgetPolicy((budget(allotments=(Allotment(budget=budget("prompt", 50)),)),))
    with pytest.raises(AttributeError):
        policy.budgets[0].limit_ns = 5
    for same in (copy.deepcopy(policy), pickle.loads(pickle.dumps(policy))):  # noqa: S301  # our own bytes
        assert same == policy
        assert hash(same) == hash(policy)
        assert same.find("answer.prompt") == policy.find("answer.prompt")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "a.b"),
        ("name", " a"),
        ("name", "a\nb"),
        ("name", 5),
        ("component", ""),
        ("component", None),
        ("operation", "x "),
        ("limit_ns", -1),
        ("limit_ns", 0),
        ("limit_ns", 1.5),
        ("limit_ns", True),
        ("limit_ns", "5"),
        ("percentile", 0),
        ("percentile", 100.1),
        ("percentile", -5),
        ("percentile", math.nan),
        ("percentile", "95"),
        ("percentile", True),
        ("min_samples", 0),
        ("min_samples", 1.5),
        ("min_samples", True),
        ("failures", "ignored"),
        ("description", 5),
        ("owner", None),
    ],
)
def test_a_value_that_cannot_be_is_refused_at_construction_by_the_name_of_its_field(
    field: str, value: Any
) -> None:
    given = {"name": "answer", "component": "llm", "operation": "generate", "limit_ns": 1_000_000} | {
        field: value
    }
    with pytest.raises(UsageError, match=rf"budget .*: {field} must be"):
        LatencyBudget(**given)


def test_a_percentile_of_100_is_the_maximum_and_allowed(budget: BuildBudget) -> None:
    assert budget(percentile=100).percentile == 100


# --- allotments -----------------------------------------------------------------------------------


def parts(budget: BuildBudget, *limits_ms: int, **flags: bool) -> tuple[Allotment, ...]:
    return tuple(Allotment(budget=budget(f"s{n}", ms), **flags) for n, ms in enumerate(limits_ms))


def test_stages_that_run_after_each_other_may_use_up_the_limit_exactly(
    budget: BuildBudget,
) -> None:
    assert len(budget("whole", 100, allotments=parts(budget, 40, 60)).allotments) == 2


def test_stages_that_run_after_each_other_must_fit_the_limit_together(
    budget: BuildBudget,
) -> None:
    with pytest.raises(
        UsageError, match=r"need 101 ms \(s0 40 ms \+ s1 61 ms\), 1 ms more than the limit of 100 ms"
    ):
        budget("whole", 100, allotments=parts(budget, 40, 61))


@pytest.mark.parametrize("flags", [{"overlaps": True}, {"optional": True}])
def test_a_stage_that_overlaps_or_is_optional_is_not_part_of_the_sum(
    budget: BuildBudget, flags: dict[str, bool]
) -> None:
    allotments = (*parts(budget, 40, 60), Allotment(budget=budget("beside", 100), **flags))
    assert budget("whole", 100, allotments=allotments).allotments[2].limit_ns == 100_000_000


@pytest.mark.parametrize("flags", [{}, {"overlaps": True}, {"optional": True}])
def test_every_stage_must_fit_the_limit_on_its_own(budget: BuildBudget, flags: dict[str, bool]) -> None:
    with pytest.raises(UsageError, match=r"allotment 's0': 101 ms does not fit the limit of 100 ms"):
        budget("whole", 100, allotments=parts(budget, 101, **flags))


def test_two_stages_of_one_budget_have_two_names(budget: BuildBudget) -> None:
    with pytest.raises(UsageError, match="two allotments are named 'a'"):
        budget("whole", 100, allotments=[Allotment(budget=budget("a", 1)), Allotment(budget=budget("a", 2))])


def test_what_is_no_allotment_is_refused(budget: BuildBudget) -> None:
    with pytest.raises(UsageError, match="Allotment objects, got LatencyBudget"):
        budget("whole", 100, allotments=[budget("a", 1)])
    with pytest.raises(UsageError, match="must be a LatencyBudget, got str"):
        Allotment(budget="a")
    with pytest.raises(UsageError, match="optional must be True or False"):
        Allotment(budget=budget("a", 1), optional="yes")


# --- policy ---------------------------------------------------------------------------------------


def test_placements_list_the_whole_tree_each_budget_before_its_allotments(
    budget: BuildBudget,
) -> None:
    inner = budget("b", 50, allotments=[Allotment(budget=budget("c", 10), optional=True)])
    policy = BudgetPolicy(
        [budget("a", 100, allotments=[Allotment(budget=inner, overlaps=True)]), budget("d", 5)]
    )
    assert [(p.name, p.depth, p.overlaps, p.optional) for p in policy.placements] == [
        ("a", 0, False, False),
        ("a.b", 1, True, False),
        ("a.b.c", 2, False, True),
        ("d", 0, False, False),
    ]
    assert policy.find("a.b.c").budget.limit_ms == 10


def test_a_name_that_is_not_there_is_answered_with_those_that_are(
    budget: BuildBudget,
) -> None:
    with pytest.raises(UsageError, match=r"no budget 'x'; the policy has: a, b"):
        BudgetPolicy([budget("a"), budget("b")]).find("x")


def test_two_budgets_at_the_top_have_two_names(budget: BuildBudget) -> None:
    with pytest.raises(UsageError, match="two budgets are named 'a'"):
        BudgetPolicy([budget("a"), budget("a", operation="other")])


def test_the_same_name_may_stand_below_two_budgets(budget: BuildBudget) -> None:
    tops = [
        budget(top, 100, allotments=[Allotment(budget=budget("database", 50, operation=f"{top}_query"))])
        for top in ("search", "checkout")
    ]
    assert BudgetPolicy(tops).find("checkout.database").budget.operation == "checkout_query"


def test_one_series_is_judged_once_at_each_percentile_wherever_in_the_tree(
    budget: BuildBudget,
) -> None:
    tight, wide = budget("p95", 100, operation="x"), budget("p99", 300, operation="x", percentile=99)
    assert len(BudgetPolicy([tight, wide]).placements) == 2
    again = budget(
        "whole", 300, allotments=[Allotment(budget=budget("part", 50, operation="x", percentile=95))]
    )
    with pytest.raises(UsageError, match=r"'whole.part': 'llm.x' at p95 is already judged by p95"):
        BudgetPolicy([tight, again])


def test_a_policy_holds_budgets_and_may_be_empty() -> None:
    assert BudgetPolicy().placements == ()
    with pytest.raises(UsageError, match="LatencyBudget objects, got str"):
        BudgetPolicy(["answer"])
