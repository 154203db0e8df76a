"""The ratio of a percentile in two sets of calls, with its confidence interval. Judging it lives elsewhere.

The interval of each percentile comes from order statistics. The two are put together on a logarithmic scale
by the method of variance estimates recovery (MOVER): with estimates a, b and their bounds (la, ua), (lb, ub)
in logarithms, the difference b - a lies between

    (b - a) - sqrt((b - lb)**2 + (ua - a)**2)   and   (b - a) + sqrt((ub - b)**2 + (a - la)**2)

It needs histograms only, is the same each time (no random resampling) and assumes no distribution; the tests
hold its coverage on named distributions.

Source: G. Y. Zou and A. Donner, Construction of confidence limits about effect measures: a general approach,
Statistics in Medicine 27 (2008) 1693-1702; for quantiles: R. M. Price and D. G. Bonett, Distribution-free
confidence intervals for difference and ratio of medians, J. Stat. Comput. Simul. 72 (2002) 119-124.
"""

from dataclasses import dataclass
from math import exp, hypot, log

from latency_kit.baseline.order_statistics import (
    DEFAULT_CONFIDENCE,
    PercentileInterval,
    interval_of_histogram,
)
from latency_kit.histogram import HistogramSnapshot

__all__ = ["PercentileRatio", "percentile_ratio"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PercentileRatio:
    """How many times as long the candidate takes as the baseline, at one percentile.

    * `lower` <= `estimate` <= `upper`, where the bounds exist; they exist together.

    Attributes:
        baseline: The percentile of the baseline.
        candidate: The same percentile of the candidate.
        estimate: Candidate over baseline; 1.1 is ten percent slower.
        lower: The lower bound; None where the samples of either are too few for one.
        upper: The upper bound, as well.
    """

    baseline: PercentileInterval
    candidate: PercentileInterval
    estimate: float
    lower: float | None
    upper: float | None

    @property
    def percentile(self) -> float:
        """The percentile, in percent."""
        return self.baseline.percentile


def percentile_ratio(
    baseline: HistogramSnapshot,
    candidate: HistogramSnapshot,
    percentile: float,
    *,
    confidence: float = DEFAULT_CONFIDENCE,
) -> PercentileRatio:
    """Return the ratio of a percentile of `candidate` to that of `baseline`.

    A percentile of 0 ns counts as 1 ns, the resolution of the clock, so that there is a ratio.

    Raises:
        NoDataError: One of them is empty.
        UsageError: `percentile` is not above 0 and below 100, or `confidence` not between 0 and 1.
    """
    before = interval_of_histogram(baseline, percentile, confidence=confidence)
    after = interval_of_histogram(candidate, percentile, confidence=confidence)
    old, new = _log(before.estimate_ns), _log(after.estimate_ns)
    estimate = max(after.estimate_ns, 1) / max(before.estimate_ns, 1)
    lower = upper = None
    if (
        before.lower_ns is not None
        and before.upper_ns is not None
        and after.lower_ns is not None
        and after.upper_ns is not None
    ):
        lower = estimate * exp(-hypot(new - _log(after.lower_ns), _log(before.upper_ns) - old))
        upper = estimate * exp(hypot(_log(after.upper_ns) - new, old - _log(before.lower_ns)))
    return PercentileRatio(baseline=before, candidate=after, estimate=estimate, lower=lower, upper=upper)


def _log(value_ns: int) -> float:
    return log(max(value_ns, 1))
