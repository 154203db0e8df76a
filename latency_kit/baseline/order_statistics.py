"""The confidence interval of a percentile, from order statistics: no distribution is assumed.

Of `n` independent samples the number at or below the true percentile `p` is binomial, Bin(n, p), whatever the
distribution; where it has steps, at least as many. So the sample of rank `l` exceeds the true percentile with
a probability of at most P(Bin(n, p) <= l - 1), and that of rank `u` falls short of it with at most
P(Bin(n, p) >= u). Ranks that keep both at half of what the confidence leaves give an interval that covers the
true value at least as often as it says: it is conservative, never approximate.

Source: H. A. David and H. N. Nagaraja, Order Statistics, 3rd edition, Wiley 2003, section 7.1;
W. J. Conover, Practical Nonparametric Statistics, 3rd edition, Wiley 1999, section 3.2.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, log

from latency_kit.baseline.binomial import probability_at_least, probability_at_most
from latency_kit.errors import NoDataError, UsageError
from latency_kit.histogram import HistogramSnapshot
from latency_kit.histogram.percentile import ceil_rank

__all__ = [
    "DEFAULT_CONFIDENCE",
    "PercentileInterval",
    "fewest_samples",
    "interval_of_histogram",
    "interval_of_samples",
    "rank_bounds",
]

DEFAULT_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class PercentileInterval:
    """A percentile of samples, and between which values the true one lies.

    * `lower_ns` <= `estimate_ns` <= `upper_ns`, where the bounds exist.
    * A bound that the samples are too few for is None: nothing limits the percentile on that side.

    Attributes:
        percentile: In percent.
        confidence: How often, at least, such an interval covers the true percentile.
        count: How many samples it is from.
        estimate_ns: The sample at the percentile, by the ceil-rank rule.
        lower_ns: The lower bound.
        upper_ns: The upper bound.
    """

    percentile: float
    confidence: float
    count: int
    estimate_ns: int
    lower_ns: int | None
    upper_ns: int | None

    @property
    def is_bounded(self) -> bool:
        """Whether both bounds exist."""
        return self.lower_ns is not None and self.upper_ns is not None


def interval_of_samples(
    ordered: Sequence[int], percentile: float, *, confidence: float = DEFAULT_CONFIDENCE
) -> PercentileInterval:
    """Return the interval from samples in ascending order, in nanoseconds; exact.

    Raises:
        NoDataError: There are no samples.
        UsageError: `percentile` is not above 0 and below 100, or `confidence` not between 0 and 1.
    """
    count = len(ordered)
    lower, upper = rank_bounds(count, percentile, confidence=confidence)
    return PercentileInterval(
        percentile=percentile,
        confidence=confidence,
        count=count,
        estimate_ns=ordered[ceil_rank(percentile, count) - 1],
        lower_ns=None if lower is None else ordered[lower - 1],
        upper_ns=None if upper is None else ordered[upper - 1],
    )


def interval_of_histogram(
    histogram: HistogramSnapshot, percentile: float, *, confidence: float = DEFAULT_CONFIDENCE
) -> PercentileInterval:
    """Return the interval from a histogram: its bounds are the outer ends of their buckets.

    Raises:
        NoDataError: Nothing was recorded.
        UsageError: As for `interval_of_samples`.
    """
    count = histogram.count
    lower, upper = rank_bounds(count, percentile, confidence=confidence)
    estimate_ns = min(_value_at_rank(histogram, ceil_rank(percentile, count)), histogram.max_ns)
    lower_ns = upper_ns = None
    if lower is not None:
        lowest_ns = histogram.layout.lowest_equivalent(_value_at_rank(histogram, lower))
        lower_ns = max(lowest_ns, histogram.min_ns)
    if upper is not None:
        upper_ns = min(_value_at_rank(histogram, upper), histogram.max_ns)
    return PercentileInterval(
        percentile=percentile,
        confidence=confidence,
        count=count,
        estimate_ns=estimate_ns,
        lower_ns=lower_ns,
        upper_ns=upper_ns,
    )


def rank_bounds(
    count: int, percentile: float, *, confidence: float = DEFAULT_CONFIDENCE
) -> tuple[int | None, int | None]:
    """Return the ranks (from 1) of the samples that bound the percentile; None where no sample can.

    Raises:
        NoDataError: `count` is 0.
        UsageError: As for `interval_of_samples`.
    """
    share = _share(percentile)
    beyond = _tail_share(confidence)
    if count < 1:
        raise NoDataError("an interval of a percentile needs samples, there are none")
    # The largest l with P(X <= l - 1) <= beyond, and the smallest u with P(X >= u) <= beyond.
    lower = _last_true(0, count, lambda rank: probability_at_most(rank - 1, count, share) <= beyond)
    short = _last_true(0, count, lambda rank: probability_at_least(rank, count, share) > beyond)
    return (lower or None), (short + 1 if short < count else None)


def fewest_samples(percentile: float, *, confidence: float = DEFAULT_CONFIDENCE) -> int:
    """Return how many samples it takes to bound the percentile on both sides.

    The greatest of n samples falls short of the percentile p with probability p**n, and the smallest exceeds
    it with (1 - p)**n; both must be at most half of what `confidence` leaves.

    Raises:
        UsageError: As for `interval_of_samples`.
    """
    share = _share(percentile)
    beyond = _tail_share(confidence)
    count = max(1, ceil(log(beyond) / log(max(share, 1 - share))))
    # The quotient of logarithms may miss a whole number by a rounding error.
    while count > 1 and max(share, 1 - share) ** (count - 1) <= beyond:
        count -= 1
    while max(share, 1 - share) ** count > beyond:
        count += 1
    return count


def _share(percentile: float) -> float:
    if not 0 < percentile < 100:  # noqa: PLR2004  # per cent
        raise UsageError(
            f"only a percentile above 0 and below 100 has an interval from samples, got {percentile!r}"
        )
    return percentile / 100


def _tail_share(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise UsageError(f"confidence must be between 0 and 1, such as 0.95, got {confidence!r}")
    return (1 - confidence) / 2


def _last_true(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """Return the largest number above `low`, up to `high`, for which `holds`; `low` where it is for none."""
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low


def _value_at_rank(histogram: HistogramSnapshot, rank: int) -> int:
    # Half a rank below, so that no rounding of the percentile reaches the next rank.
    return histogram.value_at_percentile(100 * (rank - 0.5) / histogram.count)
