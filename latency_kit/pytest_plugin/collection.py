"""The samples of one measurement so far, and whether they are enough. Knows neither clocks nor pytest."""

from collections.abc import Sequence
from dataclasses import dataclass

from latency_kit.baseline import Decision, PercentileInterval, decide, interval_of_samples
from latency_kit.pytest_plugin.calls import Sample
from latency_kit.pytest_plugin.plan import LatencyPlan, Limit

__all__ = ["Judgement", "SampleCollection", "judge_once"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What samples say about a limit.

    Attributes:
        decision: Met, breached or undecided; None where there was no limit.
        interval: The percentile and its bounds.
        limit: The limit; None where nothing is judged.
    """

    decision: Decision | None
    interval: PercentileInterval
    limit: Limit | None = None


class SampleCollection:
    """Samples, and how many more it takes.

    * `needed` is 0 once every limit is decided, or the bound of the plan is reached.
    * Verdicts are taken at the looks of the plan only: the figures that made one are those it was made at.
    """

    def __init__(self, plan: LatencyPlan) -> None:
        self._plan = plan
        self.totals_ns: list[int] = []
        self.first_items_ns: list[int] = []

    def add(self, sample: Sample) -> None:
        """Take one more sample."""
        self.totals_ns.append(sample.total_ns)
        if sample.first_item_ns is not None:
            self.first_items_ns.append(sample.first_item_ns)

    @property
    def needed(self) -> int:
        """How many more samples to take before asking again."""
        count = len(self.totals_ns)
        if count < self._plan.samples:
            return self._plan.samples - count
        following = [
            look.count
            for limit in (self._plan.total, self._plan.first_item)
            if limit is not None and self._judged(limit).decision is Decision.UNDECIDED
            for look in self._plan.looks(limit)
            if look.count > count
        ]
        return min(following) - count if following else 0

    def total(self) -> Judgement:
        """Judge the whole calls."""
        if self._plan.total is None:
            return judge_once(self.totals_ns, self._plan)
        return self._judged(self._plan.total)

    def first_item(self) -> Judgement:
        """Judge the time to the first item."""
        if self._plan.first_item is None:
            return judge_once(self.first_items_ns, self._plan)
        return self._judged(self._plan.first_item)

    def _judged(self, limit: Limit) -> Judgement:
        values = self.totals_ns if limit is self._plan.total else self.first_items_ns
        # All looks again: a limit that was decided at an earlier one stays so while others need more samples.
        for look in self._plan.looks(limit):
            if look.count > len(values):
                break
            decision, interval = decide(
                sorted(values[: look.count]),
                limit_ns=limit.limit_ns,
                percentile=limit.percentile,
                confidence=look.confidence,
            )
            if decision is not Decision.UNDECIDED:
                break
        return Judgement(decision=decision, interval=interval, limit=limit)


def judge_once(values: Sequence[int], plan: LatencyPlan, limit: Limit | None = None) -> Judgement:
    """Judge samples that are all there is, in one look; without a limit, say the interval alone."""
    ordered = sorted(values)
    if limit is None:
        interval = interval_of_samples(ordered, plan.percentile, confidence=plan.confidence)
        return Judgement(decision=None, interval=interval)
    decision, interval = decide(
        ordered, limit_ns=limit.limit_ns, percentile=limit.percentile, confidence=plan.confidence
    )
    return Judgement(decision=decision, interval=interval, limit=limit)
