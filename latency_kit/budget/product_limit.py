"""The product-limit estimate: percentiles where some calls were given up before they were done.

Pure functions over histograms.
"""

import math
from typing import Final

from latency_kit.budget.rules import percentile_mistake
from latency_kit.errors import NoDataError, UsageError
from latency_kit.histogram import HistogramSnapshot

__all__ = ["product_limit_percentile"]

_ROUNDING: Final = 1e-12
"""What the product of some thousand floating-point factors may be off."""


def product_limit_percentile(
    completed: HistogramSnapshot, given_up: HistogramSnapshot, percentile: float
) -> float:
    """Return the time within which `percentile` percent of the calls are done, in nanoseconds.

    A call that was cancelled or timed out after 80 ms says that it takes more than 80 ms, not how much
    more. Left out, an alternative that times out nine times in ten would look as fast as the tenth; taken
    for 80 ms, as fast as its time limit. The product-limit estimate counts it among those still running
    until 80 ms and not after. Without such calls it is the percentile of the histogram.

    Returns infinity where the calls that were done do not reach that percentile.

    Source: E. L. Kaplan, P. Meier, Nonparametric Estimation from Incomplete Observations, Journal of the
    American Statistical Association 53 (1958), section 2.3; completions count before losses at a tie.

    Raises:
        NoDataError: There are no calls at all.
        UsageError: The percentile is not in (0, 100].
    """
    mistake = percentile_mistake(percentile)
    if mistake is not None:
        raise UsageError(f"the percentile {mistake}")
    running = completed.count + given_up.count
    if not running:
        raise NoDataError("no call was recorded, so no share of the calls has a time; check the counts first")
    if not given_up.count:
        return completed.value_at_percentile(percentile)
    lost = iter(given_up.buckets())
    next_lost = next(lost, None)
    wanted = 1 - percentile / 100
    not_done = 1.0
    for bucket in completed.buckets():
        while next_lost is not None and next_lost.highest_ns < bucket.highest_ns:
            running -= next_lost.count
            next_lost = next(lost, None)
        not_done *= 1 - bucket.count / running
        running -= bucket.count
        if not_done <= wanted + _ROUNDING:
            return min(bucket.highest_ns, completed.max_ns)
    return math.inf
