"""The interval of a percentile covers the true one at least as often as it says, on any distribution."""

import random
from collections.abc import Callable
from fractions import Fraction
from math import comb, exp, log

import pytest

from latency_kit.baseline import (
    PercentileInterval,
    fewest_samples,
    interval_of_histogram,
    interval_of_samples,
)
from latency_kit.baseline.order_statistics import rank_bounds
from latency_kit.errors import NoDataError, UsageError
from latency_kit.histogram import Histogram, HistogramSnapshot

MS = 1_000_000

# name: (a sample in ms from a random source, the true value at a share)
DISTRIBUTIONS: dict[str, tuple[Callable[[random.Random], float], Callable[[float], float]]] = {
    "uniform": (lambda source: source.random(), lambda share: share),
    "exponential": (lambda source: source.expovariate(1), lambda share: -log(1 - share)),
    "pareto": (lambda source: source.paretovariate(1.5), lambda share: (1 - share) ** (-1 / 1.5)),
    "log-normal": (lambda source: source.lognormvariate(0, 1), lambda share: exp(NORMAL[share])),
    # Ten steps: of ten equally likely values the 9th is the true p90, the 5th the median.
    "steps": (lambda source: source.randint(1, 10), lambda share: -(-share * 10 // 1)),
}
NORMAL = {0.5: 0.0, 0.9: 1.2815515655446004, 0.95: 1.6448536269514722}


@pytest.mark.parametrize("percentile", [50, 90, 95])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_the_coverage_on_named_distributions_is_at_least_the_confidence(name: str, percentile: int) -> None:
    sample, truth = DISTRIBUTIONS[name]
    source = random.Random(f"{name}{percentile}")  # noqa: S311  # statistics, not secrets
    true_ns = round(truth(percentile / 100) * MS)
    trials, covered = 600, 0
    for _ in range(trials):
        ordered = sorted(round(sample(source) * MS) for _ in range(120))
        interval = interval_of_samples(ordered, percentile)
        assert interval.lower_ns is not None
        assert interval.upper_ns is not None
        covered += interval.lower_ns <= true_ns <= interval.upper_ns
    # Three standard deviations of what 600 trials at 95 % give.
    assert covered / trials >= 0.95 - 3 * (0.95 * 0.05 / trials) ** 0.5


@pytest.mark.parametrize("count", [6, 20, 73, 100, 368])
@pytest.mark.parametrize("percent", ["25", "50", "95", "99"])
def test_the_ranks_leave_at_most_half_of_the_rest_on_either_side_and_are_the_closest_that_do(
    count: int, percent: str
) -> None:
    share, beyond = Fraction(percent) / 100, Fraction(1, 40)
    terms = [comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(count + 1)]
    lower, upper = rank_bounds(count, float(percent))
    if lower is not None:
        assert sum(terms[:lower]) <= beyond
    assert sum(terms[: (lower or 0) + 1]) > beyond
    if upper is not None:
        assert sum(terms[upper:]) <= beyond
    assert sum(terms[(count + 1 if upper is None else upper) - 1 :]) > beyond


def test_the_median_of_a_hundred_lies_between_ranks_40_and_61() -> None:
    """As in the tables: H. A. David and H. N. Nagaraja, section 7.1."""
    assert rank_bounds(100, 50) == (40, 61)


@pytest.mark.parametrize(
    ("percentile", "fewest"), [(50, 6), (90, 36), (95, 72), (99, 368), (99.9, 3688), (5, 72)]
)
def test_the_fewest_samples_are_those_whose_extremes_bound_the_percentile(
    percentile: float, fewest: int
) -> None:
    assert fewest_samples(percentile) == fewest
    assert interval_of_samples(range(fewest), percentile).is_bounded
    assert not interval_of_samples(range(fewest - 1), percentile).is_bounded


def test_a_histogram_gives_the_interval_of_its_samples_widened_to_buckets() -> None:
    source = random.Random(7)  # noqa: S311  # statistics, not secrets
    values = sorted(round(source.lognormvariate(0, 1) * MS) for _ in range(500))
    histogram = Histogram()
    histogram.record_many(values)
    for percentile in (50, 90, 99):
        exact = interval_of_samples(values, percentile)
        found = interval_of_histogram(histogram.snapshot(), percentile)
        for lower, value, upper in (
            (found.lower_ns, exact.lower_ns, None),
            (None, exact.upper_ns, found.upper_ns),
        ):
            assert value is not None
            assert lower is None or value / 1.001 <= lower <= value
            assert upper is None or value <= upper <= value * 1.001
        assert found.estimate_ns == pytest.approx(exact.estimate_ns, rel=1e-3)


def test_the_bounds_of_a_histogram_never_leave_what_was_recorded() -> None:
    histogram = Histogram()
    histogram.record(123_456_789, count=100)
    interval = interval_of_histogram(histogram.snapshot(), 90)
    assert (interval.lower_ns, interval.estimate_ns, interval.upper_ns) == (123_456_789,) * 3


def test_the_estimate_is_within_the_bounds() -> None:
    for count in range(1, 200):
        found = interval_of_samples(range(count), 90)
        assert found.lower_ns is None or found.lower_ns <= found.estimate_ns
        assert found.upper_ns is None or found.estimate_ns <= found.upper_ns


def test_a_bound_that_there_are_too_few_samples_for_is_none() -> None:
    found = interval_of_samples(range(20), 95)
    assert isinstance(found, PercentileInterval)
    assert found.upper_ns is None
    assert found.lower_ns is not None
    assert not found.is_bounded


@pytest.mark.parametrize("percentile", [0, 100, -1, 101])
def test_percentiles_without_an_interval_are_refused(percentile: float) -> None:
    with pytest.raises(UsageError, match=f"above 0 and below 100 .* got {percentile}"):
        interval_of_samples([1, 2, 3], percentile)


def test_a_confidence_outside_0_and_1_is_refused() -> None:
    with pytest.raises(UsageError, match=r"between 0 and 1, such as 0.95, got 95"):
        fewest_samples(95, confidence=95)


def test_no_samples_are_no_data() -> None:
    with pytest.raises(NoDataError, match="needs samples"):
        interval_of_samples([], 50)
    with pytest.raises(NoDataError, match="needs samples"):
        interval_of_histogram(HistogramSnapshot.empty(), 50)
