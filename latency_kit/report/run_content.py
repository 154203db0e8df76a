"""The rows of a report about budgets' burn, slow traces and a baseline, as text that every renderer shares.

Pure. The other rows, and what a report is as a whole, live in `content`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from latency_kit.baseline import Change, Comparison, PercentileRatio
from latency_kit.budget import BudgetEvaluation
from latency_kit.budget.rules import ms_text
from latency_kit.errors import UsageError
from latency_kit.report.wording import counted, ms_figure, share_figure
from latency_kit.session import KeptTrace, Session

__all__ = [
    "BurnRow",
    "ComparisonRow",
    "TraceRow",
    "burn_of",
    "burn_rows",
    "comparison_lines",
    "comparison_rows",
    "trace_lines",
    "trace_rows",
]

_PARTS_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnRow:
    """How much of what a budget allows was used up: calls over its limit against those that it allows."""

    budget: str
    limit: str
    over: str
    allowed: str
    burn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRow:
    """One slow trace and what its time went into."""

    trace: str
    operation: str
    duration: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRow:
    """One percentile of one series against the baseline."""

    name: str
    percentile: str
    baseline: str
    now: str
    ratio: str
    change: str


def burn_of(evaluation: BudgetEvaluation) -> float | None:
    """Return the share of its allowance that a budget has used, 1 being all; None if nothing is allowed.

    A budget on p95 allows 5 % of its calls to be over the limit (The Site Reliability Workbook, chapter 5).
    """
    allowed = 1 - evaluation.budget.percentile / 100
    if not evaluation.count or allowed <= 0:
        return None
    return evaluation.over_limit_count / evaluation.count / allowed


def burn_rows(session: Session) -> Iterator[BurnRow]:
    """Yield the budgets that have calls, in the order of the policy."""
    for one in session.evaluations:
        if not one.count:
            continue
        burn = burn_of(one)
        yield BurnRow(
            budget=one.name,
            limit=f"p{one.budget.percentile:g} {ms_text(one.budget.limit_ns)}",
            over=f"{one.over_limit_count} of {one.count} ({share_figure(one.over_limit_count / one.count)})",
            allowed=share_figure(1 - one.budget.percentile / 100),
            burn="-" if burn is None else share_figure(burn),
        )


def trace_rows(session: Session) -> Iterator[TraceRow]:
    """Yield the slowest traces, slowest first."""
    for trace in session.traces:
        yield TraceRow(
            trace=f"{trace.trace_id:032x}",
            operation=trace.explained.name,
            duration=ms_figure(trace.duration_ns),
            path=_path(trace),
        )


def trace_lines(session: Session) -> Iterator[str]:
    """Say what was left out so that the session stays small."""
    if not session.traces:
        yield "No traces were kept."
    for what, number in session.left_out.items():
        yield f"{number} {what}."


def comparison_rows(comparison: Comparison) -> Iterator[ComparisonRow]:
    """Yield each percentile of each series that both sessions have, where both have calls enough for it."""
    for series in comparison.series:
        for compared in series.percentiles:
            if compared.change is Change.TOO_FEW:
                continue
            ratio = compared.ratio
            yield ComparisonRow(
                name=series.name,
                percentile=f"p{compared.percentile:g}",
                baseline=ms_figure(ratio.baseline.estimate_ns),
                now=ms_figure(ratio.candidate.estimate_ns),
                ratio=_ratio(ratio),
                change=str(compared.change),
            )


def comparison_lines(comparison: Comparison, *, baseline: str) -> Iterator[str]:
    """Say what a comparison is, what it found, and what else differs."""
    slower = len(comparison.regressed)
    yield (
        f"Against {baseline}: {counted(len(comparison.series), 'series', 'series')} compared, "
        f"{slower} slower by more than {comparison.tolerance:.0%}. "
        f"Ratios with their {comparison.confidence:.0%} interval."
    )
    too_few = [
        series.name
        for series in comparison.series
        if all(one.change is Change.TOO_FEW for one in series.percentiles)
    ]
    if too_few:
        yield f"Too few calls to say anything: {', '.join(too_few)}."
    for names, side in (
        (comparison.only_in_baseline, "the baseline"),
        (comparison.only_in_candidate, "this session"),
    ):
        if names:
            yield f"Only in {side}: {', '.join(names)}."
    if comparison.differences:
        yield f"What else differs: {'; '.join(str(one) for one in comparison.differences)}."


def _path(trace: KeptTrace) -> str:
    try:
        parts = trace.critical_path().by_part()
    except UsageError:
        return "its spans make no tree"
    largest = sorted(parts.items(), key=lambda part: -part[1])[:_PARTS_NAMED]
    return ", ".join(f"{name} {share_figure(part / max(1, trace.duration_ns))}" for name, part in largest)


def _ratio(ratio: PercentileRatio) -> str:
    if ratio.lower is None or ratio.upper is None:
        return f"{ratio.estimate:.2f} (no interval)"
    return f"{ratio.estimate:.2f} ({ratio.lower:.2f} to {ratio.upper:.2f})"
