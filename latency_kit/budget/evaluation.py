"""Judging a policy against what was recorded: a pure function from frozen data to verdicts."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from latency_kit.budget.model import FailureRule, LatencyBudget
from latency_kit.budget.policy import BudgetPolicy, PlacedBudget
from latency_kit.budget.rules import ms_text
from latency_kit.errors import NoDataError
from latency_kit.histogram.percentile import ceil_rank
from latency_kit.measurement.measurement import Outcome
from latency_kit.units import ns_to_ms

__all__ = [
    "BudgetEvaluation",
    "CallsOfOutcome",
    "Durations",
    "JudgedCalls",
    "JudgedSeries",
    "Verdict",
    "evaluate",
    "evaluate_one",
]


class Verdict(StrEnum):
    """What became of a budget."""

    MET = "MET"
    BREACHED = "BREACHED"
    NO_DATA = "NO_DATA"


class Durations(Protocol):
    """Recorded durations, such as a `HistogramSnapshot`."""

    @property
    def count(self) -> int:
        """How many values there are."""
        ...

    @property
    def max_ns(self) -> int:
        """The largest value; asked only where there are values."""
        ...

    def value_at_percentile(self, percentile: float, /) -> int:
        """Return the smallest value with at least that share of the values at or below it."""
        ...

    def count_at_or_below(self, value_ns: int, /) -> int:
        """Return how many values are at most `value_ns`, as exactly as the buckets tell."""
        ...


class JudgedCalls(Protocol):
    """The durations of calls with one outcome."""

    @property
    def outcome(self) -> Outcome:
        """How these calls ended."""
        ...

    @property
    def histogram(self) -> Durations:
        """Their durations."""
        ...


class JudgedSeries(JudgedCalls, Protocol):
    """The durations of one operation's calls with one outcome, such as a `SeriesSnapshot`."""

    @property
    def component(self) -> str:
        """The part of the program."""
        ...

    @property
    def operation(self) -> str:
        """What it did."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsOfOutcome:
    """Durations of calls with one outcome, for `evaluate_one`."""

    outcome: Outcome
    histogram: Durations


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetEvaluation:
    """One budget, judged.

    * `NO_DATA` exactly when there are fewer calls than the budget's `min_samples`.
    * Otherwise `MET` exactly when the percentile could be observed and is at most the limit.

    Attributes:
        placed: The budget and its place in the policy.
        verdict: `MET`, `BREACHED` or `NO_DATA`.
        count: All calls, whatever their outcome.
        failed_count: Those of them that did not end well.
        over_limit_count: Those that count as over the limit: by their time, or because they failed and
            the budget's `failures` says so.
    """

    placed: PlacedBudget
    verdict: Verdict
    count: int
    failed_count: int
    over_limit_count: int
    _observed_ns: int | None = field(default=None)

    @property
    def budget(self) -> LatencyBudget:
        """The budget that was judged."""
        return self.placed.budget

    @property
    def name(self) -> str:
        """The budget's dotted path in the policy."""
        return self.placed.name

    @property
    def is_observed(self) -> bool:
        """Whether `observed_ns` exists: there are calls, and the percentile falls on one with a time."""
        return self._observed_ns is not None

    @property
    def observed_ns(self) -> int:
        """The value at the budget's percentile, in nanoseconds.

        Failed calls stand above all others where the budget counts them as over the limit, so that
        failing fast does not make the figure better.

        Raises:
            NoDataError: Nothing was recorded, or the percentile falls among such failed calls.
        """
        if self._observed_ns is None:
            raise NoDataError(self._why_unobserved())
        return self._observed_ns

    @property
    def observed_ms(self) -> float:
        """`observed_ns` for people, in milliseconds.

        Raises:
            NoDataError: As for `observed_ns`.
        """
        return ns_to_ms(self.observed_ns)

    def describe(self) -> str:
        """Say it in one line: "answer: MET, p95 is 1200.0 ms of 3000 ms, 12 calls"."""
        budget = self.budget
        limit = ms_text(budget.limit_ns)
        calls = f"{self.count} call{'' if self.count == 1 else 's'}"
        if self.verdict is Verdict.NO_DATA:
            return f"{self.name}: {self.verdict}, {calls} of the {budget.min_samples} needed, limit {limit}"
        failed = f", {self.failed_count} of them failed" if self.failed_count else ""
        if not self.is_observed:
            figure = f"a failed call, limit {limit}"
        else:
            figure = f"{self.observed_ms:.1f} ms of {limit}"
        return f"{self.name}: {self.verdict}, p{budget.percentile:g} is {figure}, {calls}{failed}"

    def _why_unobserved(self) -> str:
        if self.count == 0:
            return f"budget {self.name!r}: nothing was recorded for {self.budget.measures!r}"
        return (
            f"budget {self.name!r}: p{self.budget.percentile:g} falls among the {self.failed_count} of "
            f"{self.count} calls that failed, which have no time to judge"
        )


def evaluate(policy: BudgetPolicy, series: Iterable[JudgedSeries]) -> tuple[BudgetEvaluation, ...]:
    """Judge every budget of `policy`, in the order of `policy.placements`.

    All outcomes of an operation are judged together: `percentile` percent of all its calls (rounded up to
    whole calls) must be within the limit, where a failed call is never within it unless the budget's
    `failures` is `by_duration`.
    """
    recorded: dict[tuple[str, str], list[JudgedSeries]] = defaultdict(list)
    for one in series:
        recorded[one.component, one.operation].append(one)
    return tuple(evaluate_one(placed, recorded.get(placed.budget.series, ())) for placed in policy.placements)


def evaluate_one(placed: PlacedBudget, recorded: Sequence[JudgedCalls]) -> BudgetEvaluation:
    """Judge one budget by the calls of its own series, as `evaluate` does."""
    budget = placed.budget
    count = sum(one.histogram.count for one in recorded)
    failed_count = sum(one.histogram.count for one in recorded if one.outcome is not Outcome.OK)
    timed = [
        one.histogram
        for one in recorded
        if one.histogram.count and (one.outcome is Outcome.OK or budget.failures is FailureRule.BY_DURATION)
    ]
    within = sum(durations.count_at_or_below(budget.limit_ns) for durations in timed)
    rank = ceil_rank(budget.percentile, count)
    if count < budget.min_samples:
        verdict = Verdict.NO_DATA
    else:
        verdict = Verdict.MET if within >= rank else Verdict.BREACHED
    observed_ns = None
    if 0 < rank <= sum(durations.count for durations in timed):
        # A histogram answers with the upper end of a bucket, which may lie above all that was recorded, and
        # above the limit although the limit's own bucket holds the value.
        observed_ns = min(_value_at_rank(timed, rank), max(durations.max_ns for durations in timed))
        if within >= rank:
            observed_ns = min(observed_ns, budget.limit_ns)
    return BudgetEvaluation(
        placed=placed,
        verdict=verdict,
        count=count,
        failed_count=failed_count,
        over_limit_count=count - within,
        _observed_ns=observed_ns,
    )


def _value_at_rank(parts: Sequence[Durations], rank: int) -> int:
    """Return the value that has `rank` in all `parts` taken together."""
    if len(parts) == 1:
        return _own_value(parts[0], rank)  # no search: what is judged live is judged every second
    return min(value for part in parts for value in _smallest_covering(part, parts, rank))


def _smallest_covering(part: Durations, parts: Sequence[Durations], rank: int) -> Iterable[int]:
    """Yield the smallest value of `part` with at least `rank` values of all parts at or below it, if any."""
    low, high = 1, part.count + 1
    while low < high:
        middle = (low + high) // 2
        value = _own_value(part, middle)
        if sum(other.count_at_or_below(value) for other in parts) >= rank:
            high = middle
        else:
            low = middle + 1
    if low <= part.count:
        yield _own_value(part, low)


def _own_value(part: Durations, rank: int) -> int:
    # Half a rank below, so that no rounding of the percentile reaches the next rank.
    return part.value_at_percentile(100 * (rank - 0.5) / part.count)
