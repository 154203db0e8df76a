"""All calls of an operation count; failed ones stand above all others."""

import pytest

from latency_kit.errors import NoDataError, UsageError
from latency_kit.histogram import Histogram, HistogramSnapshot
from latency_kit.measurement.measurement import NO_ATTRIBUTES, Outcome
from latency_kit.measurement.recording import Exemplar, SeriesSnapshot
from latency_kit.session import CallDurations


def _recorded(values_ns: list[int]) -> HistogramSnapshot:
    histogram = Histogram()
    histogram.record_many(values_ns)
    return histogram.snapshot()


def _series(operation: str, outcome: Outcome, values_ns: list[int], exemplar_ns: int = 0) -> SeriesSnapshot:
    exemplar = Exemplar(value_ns=exemplar_ns, unix_nano=1, trace_id=exemplar_ns or 1, span_id=1)
    return SeriesSnapshot(
        component="llm",
        operation=operation,
        outcome=outcome,
        attributes=NO_ATTRIBUTES,
        histogram=_recorded(values_ns),
        start_unix_nano=0,
        exemplars=(exemplar,) if exemplar_ns else (),
    )


def test_a_percentile_is_the_smallest_value_with_that_share_at_or_below_it() -> None:
    durations = CallDurations(name="llm.generate", good=_recorded(list(range(1, 11))))
    assert [durations.value_at_percentile(p) for p in (10, 50, 94, 95, 100)] == [1, 5, 10, 10, 10]


def test_failed_calls_stand_above_all_others() -> None:
    durations = CallDurations(name="llm.generate", good=_recorded(list(range(1, 9))), failed_count=2)
    assert durations.count == 10
    assert durations.value_at_percentile(50) == 5
    assert durations.value_at_percentile(80) == 8
    assert not durations.has_value_at(81)
    with pytest.raises(NoDataError, match=r"p95 of llm\.generate has no time: 2 of its 10 calls"):
        durations.value_at_percentile(95)


def test_no_percentile_exceeds_the_longest_call() -> None:
    durations = CallDurations(name="llm.generate", good=_recorded([4_310_000_123]))
    assert durations.value_at_percentile(50) == durations.max_ns == 4_310_000_123


def test_series_of_one_name_are_taken_together_over_all_outcomes() -> None:
    durations = CallDurations.of(
        "llm.generate",
        [
            _series("generate", Outcome.OK, [5, 7], exemplar_ns=7),
            _series("generate", Outcome.CANCELLED, [1], exemplar_ns=9),
            _series("generate", Outcome.ERROR, [1, 1]),
            _series("other", Outcome.OK, [99]),
        ],
    )
    assert (durations.good.count, durations.failed_count, durations.max_ns) == (2, 3, 7)
    assert [exemplar.value_ns for exemplar in durations.exemplars] == [9, 7]


def test_an_operation_that_was_never_called_has_no_figures() -> None:
    durations = CallDurations.of("llm.generate", [])
    assert durations.count == 0
    assert not durations.has_value_at(50)
    with pytest.raises(NoDataError):
        durations.value_at_percentile(50)


def test_the_zeroth_percentile_is_refused() -> None:
    with pytest.raises(UsageError, match=r"good\.min_ns"):
        CallDurations(name="llm.generate", good=_recorded([1])).value_at_percentile(0)
