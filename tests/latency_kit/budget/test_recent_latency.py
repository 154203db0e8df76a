"""What an operation lately needed: the window, the cache, and reading without waiting."""

import math
from collections.abc import Iterator, Mapping

import pytest

import latency_kit
from latency_kit import Outcome
from latency_kit.budget.recent_latency import (
    MAX_OPERATIONS,
    REFRESH_NS,
    TRIAL_INTERVAL_NS,
    WINDOW_NS,
    RecentLatencies,
    RecentLatency,
)
from latency_kit.histogram import Histogram, HistogramSnapshot
from latency_kit.measurement.active import active
from latency_kit.testing import FakeClock, capture_measurements

MS = 1_000_000


class Source:
    """Histograms by outcome, and how often they were read."""

    def __init__(self) -> None:
        self.histograms: dict[Outcome, Histogram] = {}
        self.reads = 0
        self.is_busy = False

    def add(self, duration_ns: int, times: int = 1, outcome: Outcome = Outcome.OK) -> None:
        self.histograms.setdefault(outcome, Histogram()).record_many([duration_ns] * times)

    def folded(self, component: str, operation: str) -> Mapping[Outcome, HistogramSnapshot] | None:
        self.reads += 1
        return None if self.is_busy else {key: one.snapshot() for key, one in self.histograms.items()}


@pytest.fixture
def clock() -> Iterator[FakeClock]:
    fake = FakeClock()
    with capture_measurements(clock=fake):
        yield fake


def test_figures_are_read_again_after_a_tenth_of_a_second_and_not_before(clock: FakeClock) -> None:
    source = Source()
    source.add(1000, 20)
    latency = RecentLatency("llm", "large", source)
    assert [latency.needed_ns(95, 20) for _ in range(100)] == [1000] * 100
    assert source.reads == 1
    source.add(1500, 20)
    clock.advance(ns=REFRESH_NS - 1)
    assert latency.needed_ns(95, 20) == 1000
    clock.advance(ns=1)
    assert (latency.needed_ns(95, 20), source.reads) == (1500, 2)


def test_too_few_calls_are_not_known_and_those_that_never_began_are_none(clock: FakeClock) -> None:
    source = Source()
    source.add(1000, 19)
    source.add(1000, 50, Outcome.DROPPED)
    latency = RecentLatency("llm", "large", source)
    assert latency.needed_ns(95, 20) is None
    assert latency.needed_ns(95, 19) == 1000


@pytest.mark.parametrize("outcome", [Outcome.CANCELLED, Outcome.TIMED_OUT, Outcome.ERROR])
def test_calls_that_were_given_up_are_longer_than_they_took(clock: FakeClock, outcome: Outcome) -> None:
    source = Source()
    source.add(1000, 10)
    source.add(1000, 10, outcome)
    latency = RecentLatency("llm", "large", source)
    assert latency.needed_ns(50, 20) == 1000
    assert latency.needed_ns(95, 20) == math.inf


def test_old_calls_leave_the_window_and_the_last_figure_stands_until_new_ones_tell(clock: FakeClock) -> None:
    source = Source()
    source.add(1900, 100)
    latency = RecentLatency("llm", "large", source)
    assert latency.needed_ns(95, 20) == 1900
    for _ in range(60):
        clock.advance(ns=WINDOW_NS // 50)
        latency.needed_ns(95, 20)
    assert latency.is_outdated(20)
    assert (latency.needed_ns(95, 20), latency.quickest_ns()) == (1900, None)
    source.add(100, 20)
    clock.advance(ns=REFRESH_NS)
    assert (latency.needed_ns(95, 20), latency.quickest_ns(), latency.slowest_ns()) == (100, 100, 100)


def test_a_recent_call_counts_until_it_is_as_old_as_the_window(clock: FakeClock) -> None:
    source = Source()
    source.add(10, 20)
    latency = RecentLatency("llm", "large", source)
    latency.needed_ns(95, 20)
    source.add(1900, 20)
    for _ in range(49):
        clock.advance(ns=WINDOW_NS // 50)
        assert latency.needed_ns(95, 20) == 1900 or source.reads == 1


def test_a_recording_at_work_is_not_waited_for(clock: FakeClock) -> None:
    source = Source()
    source.add(1000, 20)
    latency = RecentLatency("llm", "large", source)
    latency.needed_ns(95, 20)
    source.is_busy = True
    clock.advance(ns=REFRESH_NS)
    assert latency.needed_ns(95, 20) == 1000


def test_a_recording_that_fails_is_counted_and_never_reaches_the_host(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Source()

    def fail(component: str, operation: str) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(source, "folded", fail)
    assert RecentLatency("llm", "large", source).needed_ns(95, 20) is None
    assert active.losses.counts() == {"latencies_failed": 1}


def test_a_recording_that_began_anew_is_taken_as_it_is(clock: FakeClock) -> None:
    source = Source()
    source.add(1000, 100)
    latency = RecentLatency("llm", "large", source)
    for _ in range(8):
        latency.needed_ns(95, 20)
        clock.advance(ns=WINDOW_NS // 5)
    source.histograms.clear()
    source.add(50, 30)
    clock.advance(ns=REFRESH_NS)
    assert latency.needed_ns(95, 20) == 50


def test_one_trial_a_second_is_given(clock: FakeClock) -> None:
    latency = RecentLatency("llm", "large", None)
    assert [latency.take_trial() for _ in range(3)] == [True, False, False]
    clock.advance(ns=TRIAL_INTERVAL_NS)
    assert [latency.take_trial() for _ in range(3)] == [True, False, False]


def test_operations_are_bounded_and_what_is_beyond_is_judged_uncached_and_counted(clock: FakeClock) -> None:
    latencies = RecentLatencies()
    for number in range(MAX_OPERATIONS):
        latencies.of("a", str(number))
    assert latencies.of("a", "0") is latencies.of("a", "0")
    assert latencies.of("a", "new") is not latencies.of("a", "new")
    assert active.losses.counts() == {"latencies_uncached": 2}


def test_the_recording_in_force_is_the_source(clock: FakeClock) -> None:
    with capture_measurements(clock=clock) as captured:
        for _ in range(20):
            with latency_kit.measure_latency("llm", "large", attributes={"size": 1}):
                clock.advance(ns=700)
        assert len(captured.series) == 1
        with latency_kit.deadline(0.0005):
            assert not latency_kit.allow("llm", "large")
    with latency_kit.deadline(0.0005):
        assert latency_kit.allow("llm", "large"), "the recording is gone, so nothing is known"
