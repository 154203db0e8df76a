"""What a test asks to be measured: the keywords of its marker, checked and completed. Pure, no pytest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from latency_kit.baseline import DEFAULT_CONFIDENCE, Look, fewest_samples, planned_looks
from latency_kit.budget import DEFAULT_PERCENTILE, BudgetPolicy, LatencyBudget
from latency_kit.errors import UsageError
from latency_kit.units import ms_to_ns

__all__ = ["KEYWORDS", "LatencyPlan", "Limit", "find_budget", "plan_of"]

DEFAULT_SAMPLES = 100
DEFAULT_WARMUP = 1
_MOST_TIMES_MORE = 10
"""Up to how many times the samples to begin with are taken while it is undecided."""

KEYWORDS = (
    "budget",
    "budget_ms",
    "confidence",
    "first_item_budget",
    "first_item_budget_ms",
    "max_samples",
    "percentile",
    "rate",
    "samples",
    "warmup",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a percentile must keep.

    Attributes:
        limit_ns: The limit in nanoseconds.
        percentile: In percent.
        budget: The budget's dotted path in the policy; empty where the limit was given as a number.
    """

    limit_ns: int
    percentile: float
    budget: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyPlan:
    """How a test is measured.

    Attributes:
        total: The limit of whole calls; None to measure without judging.
        first_item: The limit of a stream's time to its first item; None not to judge that.
        samples: How many to begin with.
        max_samples: How many at most while it is undecided.
        warmup: Calls before, which do not count.
        rate: Calls a second in an open loop; None to call again when the last call has ended.
        confidence: Of each verdict.
        percentile: Shown where nothing is judged.
    """

    total: Limit | None = None
    first_item: Limit | None = None
    samples: int = DEFAULT_SAMPLES
    max_samples: int = DEFAULT_SAMPLES
    warmup: int = DEFAULT_WARMUP
    rate: float | None = None
    confidence: float = DEFAULT_CONFIDENCE
    percentile: float = DEFAULT_PERCENTILE

    def looks(self, limit: Limit) -> tuple[Look, ...]:
        """Return when a limit is looked at."""
        return planned_looks(self.samples, self.max_samples, limit.percentile, confidence=self.confidence)


def plan_of(keywords: Mapping[str, Any], policy: Callable[[], BudgetPolicy]) -> LatencyPlan:
    """Return the plan that a marker's keywords ask for.

    Args:
        keywords: As in `@pytest.mark.latency(...)`.
        policy: Reads the policy; called only when a budget is given by name.

    Raises:
        UsageError: A keyword is unknown or unfit, the budget is not in the policy, or the samples are too few
            for the percentile.
    """
    unknown = [name for name in keywords if name not in KEYWORDS]
    if unknown:
        raise UsageError(
            f"the marker latency has no {', '.join(map(repr, unknown))}; it takes {', '.join(KEYWORDS)}"
        )
    confidence = _share(keywords.get("confidence", DEFAULT_CONFIDENCE))
    total = _limit(keywords, "", policy)
    first_item = _limit(keywords, "first_item_", policy)
    limits = [limit for limit in (total, first_item) if limit is not None]
    percentile = _percentile(keywords.get("percentile", DEFAULT_PERCENTILE))
    # The first of several looks has half of what the confidence leaves.
    enough = [fewest_samples(limit.percentile, confidence=(1 + confidence) / 2) for limit in limits]
    samples = _whole(keywords, "samples", max([DEFAULT_SAMPLES, *enough]), at_least=1)
    default_bound = samples * _MOST_TIMES_MORE if limits else samples
    plan = LatencyPlan(
        total=total,
        first_item=first_item,
        samples=samples,
        max_samples=_whole(keywords, "max_samples", default_bound, at_least=samples),
        warmup=_whole(keywords, "warmup", DEFAULT_WARMUP, at_least=0),
        rate=_rate(keywords.get("rate")),
        confidence=confidence,
        percentile=percentile,
    )
    for limit in limits:
        plan.looks(limit)
    return plan


def find_budget(policy: BudgetPolicy, name: str) -> tuple[str, LatencyBudget]:
    """Return the dotted path and the budget called `name`: by its path, or by its own name if that is unique.

    Raises:
        UsageError: There is none, or there are several.
    """
    named = [placed for placed in policy.placements if name in (placed.name, placed.budget.name)]
    exact = [placed for placed in named if placed.name == name] or named
    if len(exact) > 1:
        raise UsageError(
            f"there are {len(exact)} budgets {name!r}; name one by its path: "
            f"{', '.join(placed.name for placed in exact)}"
        )
    placed = exact[0] if exact else policy.find(name)
    return placed.name, placed.budget


def _limit(keywords: Mapping[str, Any], prefix: str, policy: Callable[[], BudgetPolicy]) -> Limit | None:
    name, limit_ms = keywords.get(f"{prefix}budget"), keywords.get(f"{prefix}budget_ms")
    if name is not None and limit_ms is not None:
        raise UsageError(f"give {prefix}budget or {prefix}budget_ms, not both")
    if name is not None:
        path, budget = find_budget(policy(), name)
        percentile = _percentile(keywords.get("percentile", budget.percentile))
        return Limit(limit_ns=budget.limit_ns, percentile=percentile, budget=path)
    if limit_ms is None:
        return None
    if isinstance(limit_ms, bool) or not isinstance(limit_ms, int | float) or not limit_ms > 0:
        raise UsageError(f"{prefix}budget_ms must be a number of milliseconds above 0, got {limit_ms!r}")
    percentile = _percentile(keywords.get("percentile", DEFAULT_PERCENTILE))
    return Limit(limit_ns=ms_to_ns(limit_ms), percentile=percentile)


def _percentile(given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < 100:  # noqa: PLR2004  # per cent
        raise UsageError(
            "percentile must be a number above 0 and below 100 (no number of samples bounds p100), "
            f"got {given!r}"
        )
    return float(given)


def _share(given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < 1:
        raise UsageError(f"confidence must be a number between 0 and 1, such as 0.95, got {given!r}")
    return float(given)


def _rate(given: object) -> float | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not given > 0:
        raise UsageError(f"rate must be a number of calls a second above 0, got {given!r}")
    return float(given)


def _whole(keywords: Mapping[str, Any], name: str, default: int, *, at_least: int) -> int:
    given = keywords.get(name, default)
    if isinstance(given, bool) or not isinstance(given, int) or given < at_least:
        raise UsageError(f"{name} must be a whole number from {at_least}, got {given!r}")
    return given
