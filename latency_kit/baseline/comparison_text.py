"""A comparison in words and as data for JSON, for the command line and the pytest plugin alike."""

from collections.abc import Iterator
from typing import Any

from latency_kit.baseline.comparison import Change, Comparison
from latency_kit.baseline.percentile_ratio import PercentileRatio
from latency_kit.report.wording import ms_figure

__all__ = ["comparison_data", "comparison_lines", "ratio_text"]


def comparison_lines(comparison: Comparison, *, baseline: str) -> Iterator[str]:
    """Yield a line for each percentile of each series, and what only one side has."""
    yield (
        f"against {baseline}: ratio of candidate to baseline with its {comparison.confidence:.0%} interval; "
        f"slower by more than {comparison.tolerance:.0%} counts"
    )
    for one in comparison.series:
        yield one.name
        for compared in one.percentiles:
            ratio = compared.ratio
            before, after = ms_figure(ratio.baseline.estimate_ns), ms_figure(ratio.candidate.estimate_ns)
            yield (
                f"  p{compared.percentile:<5g} {before:>10} -> {after:>10}  {ratio_text(ratio):<24}"
                f"{compared.change}"
            )
    for names, side in (
        (comparison.only_in_baseline, "the baseline"),
        (comparison.only_in_candidate, "the candidate"),
    ):
        if names:
            yield f"only in {side}: {', '.join(names)}"
    if comparison.differences:
        yield f"what else differs: {'; '.join(str(one) for one in comparison.differences)}"


def ratio_text(ratio: PercentileRatio) -> str:
    """Write a ratio and its interval: "1.08 (0.97 to 1.20)"."""
    if ratio.lower is None or ratio.upper is None:
        return f"{ratio.estimate:.2f} (no interval)"
    return f"{ratio.estimate:.2f} ({ratio.lower:.2f} to {ratio.upper:.2f})"


def comparison_data(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison for JSON, durations in milliseconds."""
    return {
        "confidence": comparison.confidence,
        "tolerance": comparison.tolerance,
        "regressed": [one.name for one in comparison.regressed],
        "series": [
            {
                "name": one.name,
                "is_regressed": one.is_regressed,
                "baseline_calls": one.baseline.count,
                "candidate_calls": one.candidate.count,
                "percentiles": [
                    _percentile_data(compared.ratio, compared.change) for compared in one.percentiles
                ],
            }
            for one in comparison.series
        ],
        "only_in_baseline": list(comparison.only_in_baseline),
        "only_in_candidate": list(comparison.only_in_candidate),
        "differences": [
            {"fact": one.fact, "baseline": one.baseline, "candidate": one.candidate, "forbids": one.forbids}
            for one in comparison.differences
        ],
    }


def _percentile_data(ratio: PercentileRatio, change: Change) -> dict[str, Any]:
    data: dict[str, Any] = {
        "percentile": ratio.percentile,
        "baseline_ms": ratio.baseline.estimate_ns / 1e6,
        "candidate_ms": ratio.candidate.estimate_ns / 1e6,
        "ratio": ratio.estimate,
        "change": str(change),
    }
    if ratio.lower is not None and ratio.upper is not None:
        data |= {"ratio_lower": ratio.lower, "ratio_upper": ratio.upper}
    return data
