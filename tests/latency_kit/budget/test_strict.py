import pytest

from latency_kit.budget import Allotment, BudgetPolicy, LatencyBudget, strict_limits
from latency_kit.errors import BudgetExceededError, LatencyKitError

MS = 1_000_000


def policy() -> BudgetPolicy:
    def budget(
        name: str, limit_ms: int, percentile: float, *, strict: bool, operation: str = "a"
    ) -> LatencyBudget:
        return LatencyBudget(
            name=name,
            component="x",
            operation=operation,
            limit_ns=limit_ms * MS,
            percentile=percentile,
            strict=strict,
        )

    inner = Allotment(budget=budget("inner", 40, 99, strict=True))
    outer = LatencyBudget(
        name="outer", component="x", operation="whole", limit_ns=500 * MS, allotments=(inner,)
    )
    return BudgetPolicy(
        (
            outer,
            budget("loose", 10, 50, strict=False),
            budget("wide", 90, 90, strict=True),
            budget("other", 20, 95, strict=False, operation="b"),
        )
    )


def test_the_tightest_strict_limit_of_each_series_counts_and_no_other() -> None:
    limits = strict_limits(policy())
    assert {series: (one.placed.name, one.limit_ns) for series, one in limits.items()} == {
        ("x", "a"): ("outer.inner", 40 * MS)
    }


def test_a_call_over_a_strict_limit_raises_and_one_at_the_limit_does_not() -> None:
    limit = strict_limits(policy())["x", "a"]
    limit.check(40 * MS)
    with pytest.raises(BudgetExceededError) as caught:
        limit.check(40 * MS + 500_000)
    error = caught.value
    assert str(error) == "x.a took 40.5 ms, 0.5 ms over its strict budget 'outer.inner' of 40 ms"
    assert (error.budget, error.duration_ns, error.limit_ns) == ("outer.inner", 40_500_000, 40 * MS)
    assert isinstance(error, LatencyKitError)
