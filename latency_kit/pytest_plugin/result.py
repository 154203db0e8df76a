"""What became of one measurement: its durations and its verdict, said in a line and as data for JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from latency_kit.baseline import Decision, PercentileInterval
from latency_kit.baseline.histogram_data import histogram_from_data, histogram_to_data
from latency_kit.histogram import HistogramSnapshot
from latency_kit.pytest_plugin.collection import Judgement
from latency_kit.pytest_plugin.plan import Limit
from latency_kit.report.wording import ms_figure

__all__ = ["SHOWN_PERCENTILES", "LatencyResult", "result_from_data", "result_to_data"]

SHOWN_PERCENTILES = (50.0, 95.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyResult:
    """One series of durations that a test measured.

    Attributes:
        node: The test's node id.
        part: Which of the test's series: empty for its first calls, "first_item" for a stream's first items.
        component: Under which component the series is stored.
        operation: Under which operation, `part` included.
        start_unix_nano: When the measurement began.
        histogram: The durations.
        durations_ns: The durations one by one, in the order taken.
        judgement: The verdict and the figures behind it.
        rate: Calls a second of an open loop; None where the caller waited for each answer.
        is_dependent: Whether the samples hang together, so that the interval is narrower than it should be.
    """

    node: str
    part: str
    component: str
    operation: str
    start_unix_nano: int
    histogram: HistogramSnapshot
    durations_ns: tuple[int, ...]
    judgement: Judgement
    rate: float | None = None
    is_dependent: bool = False

    @property
    def title(self) -> str:
        """The test's node id, and the part in parentheses."""
        return f"{self.node} ({self.part})" if self.part else self.node

    @property
    def verdict(self) -> str:
        """The decision as a word, or empty where nothing was judged."""
        return "" if self.judgement.decision is None else str(self.judgement.decision)

    def value_ns(self, percentile: float) -> int:
        """Return the value at a percentile, never above the greatest duration."""
        return min(self.histogram.value_at_percentile(percentile), self.histogram.max_ns)

    def explain(self) -> str:
        """Say the verdict and why in one sentence; for an undecided one, which side is not ruled out."""
        interval, limit = self.judgement.interval, self.judgement.limit
        confidence = f"{100 * interval.confidence:.4g} % confidence"
        bounds = (
            f"p{interval.percentile:g} is {ms_figure(interval.estimate_ns)} "
            f"({_between(interval)} at {confidence}, {interval.count} samples)"
        )
        if limit is None:
            return f"{self.title}: {bounds}"
        budget = f"the budget{f' {limit.budget!r}' if limit.budget else ''} of {ms_figure(limit.limit_ns)}"
        if self.judgement.decision is Decision.MET:
            return f"{self.title}: met: {bounds}, within {budget}"
        if self.judgement.decision is Decision.BREACHED:
            return f"{self.title}: breached: {bounds}, above {budget}"
        is_within = interval.estimate_ns <= limit.limit_ns
        likely, open_side = ("within", "above") if is_within else ("above", "within")
        return (
            f"{self.title}: undecided: {bounds}; the estimate is {likely} {budget}, but that the truth is "
            f"{open_side} it cannot be ruled out; take more samples (max_samples) or move the budget"
        )

    def properties(self) -> list[tuple[str, str]]:
        """Return the figures as pairs for a JUnit report, in milliseconds."""
        prefix = f"latency_{self.part}_" if self.part else "latency_"
        found = {f"p{percentile:g}_ms": self.value_ns(percentile) / 1e6 for percentile in SHOWN_PERCENTILES}
        found["max_ms"] = self.histogram.max_ns / 1e6
        texts = {name: f"{value:.6g}" for name, value in found.items()}
        texts["samples"] = str(self.histogram.count)
        if self.judgement.limit is not None:
            texts["budget_ms"] = f"{self.judgement.limit.limit_ns / 1e6:.6g}"
            texts["budget_percentile"] = f"{self.judgement.limit.percentile:g}"
            texts["verdict"] = self.verdict
        return [(prefix + name, text) for name, text in texts.items()]


def _between(interval: PercentileInterval) -> str:
    lower = "not bounded below" if interval.lower_ns is None else f"from {ms_figure(interval.lower_ns)}"
    upper = "not bounded above" if interval.upper_ns is None else f"to {ms_figure(interval.upper_ns)}"
    return f"{lower} {upper}" if interval.is_bounded else f"{lower}, {upper}"


def result_to_data(result: LatencyResult) -> dict[str, Any]:
    """Return what JSON can hold of a result; the counts as V2 encoding."""
    judgement = result.judgement
    interval = {name: getattr(judgement.interval, name) for name in PercentileInterval.__slots__}
    data: dict[str, Any] = {
        "node": result.node,
        "part": result.part,
        "component": result.component,
        "operation": result.operation,
        "start_unix_nano": result.start_unix_nano,
        "histogram": histogram_to_data(result.histogram),
        "durations_ns": list(result.durations_ns),
        "interval": interval,
        "rate": result.rate,
        "is_dependent": result.is_dependent,
    }
    if judgement.limit is not None:
        data["limit"] = {name: getattr(judgement.limit, name) for name in Limit.__slots__}
        data["verdict"] = result.verdict
    return data


def result_from_data(data: Mapping[str, Any]) -> LatencyResult:
    """Return the result that `result_to_data` wrote."""
    judgement = Judgement(
        decision=Decision(data["verdict"]) if "verdict" in data else None,
        interval=PercentileInterval(**data["interval"]),
        limit=Limit(**data["limit"]) if "limit" in data else None,
    )
    return LatencyResult(
        node=data["node"],
        part=data["part"],
        component=data["component"],
        operation=data["operation"],
        start_unix_nano=data["start_unix_nano"],
        histogram=histogram_from_data(data["histogram"]),
        durations_ns=tuple(data["durations_ns"]),
        judgement=judgement,
        rate=data["rate"],
        is_dependent=data["is_dependent"],
    )
