"""The ratio of two percentiles has an interval that covers the true ratio, on any distribution."""

import random
from collections.abc import Callable
from math import exp, hypot, log

import pytest

from latency_kit.baseline import interval_of_histogram, percentile_ratio
from latency_kit.errors import NoDataError
from latency_kit.histogram import Histogram, HistogramSnapshot

SAMPLES: dict[str, Callable[[random.Random], float]] = {
    "uniform": lambda source: 1 + source.random(),
    "exponential": lambda source: source.expovariate(1),
    "log-normal": lambda source: source.lognormvariate(0, 0.5),
    "pareto": lambda source: source.paretovariate(2),
}


def recorded(values: list[float]) -> HistogramSnapshot:
    histogram = Histogram()
    histogram.record_many([round(value * 1e6) for value in values])
    return histogram.snapshot()


@pytest.mark.parametrize("percentile", [50, 95])
@pytest.mark.parametrize("name", SAMPLES)
def test_the_coverage_of_a_true_ratio_of_1_2_is_at_least_the_confidence(name: str, percentile: int) -> None:
    source, sample = random.Random(f"{name}{percentile}"), SAMPLES[name]  # noqa: S311  # statistics, not secrets
    trials, covered = 300, 0
    for _ in range(trials):
        ratio = percentile_ratio(
            recorded([sample(source) for _ in range(150)]),
            recorded([1.2 * sample(source) for _ in range(150)]),
            percentile,
        )
        assert ratio.lower is not None
        assert ratio.upper is not None
        assert ratio.lower <= ratio.estimate <= ratio.upper
        covered += ratio.lower <= 1.2 <= ratio.upper
    assert covered / trials >= 0.95 - 3 * (0.95 * 0.05 / trials) ** 0.5


def test_the_interval_is_that_of_the_published_formula() -> None:
    source = random.Random(5)  # noqa: S311  # statistics, not secrets
    before = recorded([source.expovariate(1) for _ in range(400)])
    after = recorded([source.expovariate(0.5) for _ in range(300)])
    ratio = percentile_ratio(before, after, 90)
    old, new = interval_of_histogram(before, 90), interval_of_histogram(after, 90)
    logs = [
        log(value)
        for value in (
            old.lower_ns,
            old.estimate_ns,
            old.upper_ns,
            new.lower_ns,
            new.estimate_ns,
            new.upper_ns,
        )
        if value is not None
    ]
    old_low, old_mid, old_high, new_low, new_mid, new_high = logs
    shift = new_mid - old_mid
    assert ratio.lower == pytest.approx(exp(shift - hypot(new_mid - new_low, old_high - old_mid)))
    assert ratio.upper == pytest.approx(exp(shift + hypot(new_high - new_mid, old_mid - old_low)))
    assert ratio.percentile == 90


def test_too_few_calls_for_a_bound_give_no_interval_but_an_estimate() -> None:
    ratio = percentile_ratio(recorded([1.0] * 20), recorded([2.0] * 500), 95)
    assert (ratio.lower, ratio.upper) == (None, None)
    assert ratio.estimate == pytest.approx(2.0, rel=1e-3)


def test_a_duration_of_0_counts_as_1_ns() -> None:
    assert percentile_ratio(recorded([0.0] * 100), recorded([0.0] * 100), 50).estimate == 1


def test_no_calls_are_no_data() -> None:
    with pytest.raises(NoDataError):
        percentile_ratio(HistogramSnapshot.empty(), recorded([1.0]), 50)
