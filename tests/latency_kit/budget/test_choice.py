"""The best alternative that still fits is chosen, else the fastest; what was slow is tried again."""

import random
from collections.abc import Iterator

import pytest

import latency_kit
from latency_kit import Alternative, UsageError
from latency_kit.budget.recent_latency import WINDOW_NS
from latency_kit.testing import Capture, FakeClock, capture_measurements

MS = 1_000_000
LARGE = Alternative(component="llm", operation="large", value="large")
SMALL = Alternative(component="llm", operation="small", value="small")
NOTES = Alternative(component="notes", operation="find", value="notes")
ALL = [LARGE, SMALL, NOTES]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def captured(clock: FakeClock) -> Iterator[Capture]:
    with capture_measurements(clock=clock) as capture:
        yield capture


def recorded(
    captured: Capture, clock: FakeClock, alternative: Alternative[str], *durations_ms: float
) -> None:
    for duration_ms in durations_ms:
        start_ns = latency_kit.now_ns()
        clock.advance(ms=duration_ms)
        latency_kit.record(
            alternative.component,
            alternative.operation,
            start_ns=start_ns,
            end_ns=latency_kit.now_ns(),
            span=False,
        )
    assert captured.series
    clock.advance(ms=100)


def chosen(limit_ms: float, *, explore: float = 0, margin_ms: float = 0) -> str:
    with latency_kit.deadline(limit_ms):
        return latency_kit.choose(ALL, explore=explore, margin_ms=margin_ms, draw=lambda: 0.5).value


@pytest.fixture
def known(captured: Capture, clock: FakeClock) -> None:
    """Large needs some 1000 ms, small 200, notes 20."""
    for alternative, typical_ms in ((NOTES, 20), (SMALL, 200), (LARGE, 1000)):
        recorded(captured, clock, alternative, *[typical_ms] * 20)


@pytest.mark.parametrize(
    ("limit_ms", "value"),
    [
        (5000, "large"),
        (1001, "large"),
        (999, "small"),
        (201, "small"),
        (199, "notes"),
        (1, "notes"),
        (0, "notes"),
    ],
)
def test_the_first_that_fits_is_chosen_and_the_fastest_where_none_does(
    known: None, limit_ms: float, value: str
) -> None:
    assert chosen(limit_ms) == value


def test_a_margin_is_kept_for_what_follows(known: None) -> None:
    assert chosen(1100, margin_ms=50) == "large"
    assert chosen(1100, margin_ms=150) == "small"


def test_without_a_deadline_the_best_is_chosen(known: None) -> None:
    assert latency_kit.choose(ALL) is LARGE


def test_an_unknown_alternative_is_assumed_as_stated(captured: Capture, clock: FakeClock) -> None:
    cautious = Alternative(component="llm", operation="new", value="new", unknown_ms=300)
    with latency_kit.deadline(300):
        assert latency_kit.choose([cautious, NOTES], explore=0).value == "new"
    with latency_kit.deadline(299):
        assert latency_kit.choose([cautious, NOTES], explore=0).value == "notes"


def test_exploration_takes_its_share_of_the_choices_and_is_repeatable(
    captured: Capture, clock: FakeClock
) -> None:
    recorded(captured, clock, NOTES, *[20] * 20)
    recorded(captured, clock, LARGE, *[100] * 15, *[1000] * 5)
    alternatives = [LARGE, NOTES]
    with latency_kit.deadline(500):
        draws = [random.Random(3), random.Random(3)]  # noqa: S311  # a test
        first, second = (
            [latency_kit.choose(alternatives, explore=0.1, draw=one.random).value for _ in range(1000)]
            for one in draws
        )
        truth = random.Random(3)  # noqa: S311  # a test
        expected = ["large" if truth.random() < 0.1 else "notes" for _ in range(1000)]
    assert first == second == expected
    assert 70 <= first.count("large") <= 130


def test_what_cannot_be_done_in_time_is_never_explored(known: None) -> None:
    assert chosen(500, explore=1) == "small"
    assert chosen(100, explore=1) == "notes"


def test_what_was_slow_is_tried_once_a_second_when_that_is_long_ago_and_taken_again_once_it_is_fast(
    known: None, captured: Capture, clock: FakeClock
) -> None:
    step_ns = WINDOW_NS // 300
    before = []
    for _ in range(305):
        recorded(captured, clock, SMALL, 10)
        before.append(chosen(500))
        clock.advance(ns=step_ns)
    values = []
    for _ in range(100):
        values += [chosen(500) for _ in range(10)]
        clock.advance(ns=step_ns)
    assert 0 < values.count("large") <= 101
    recorded(captured, clock, LARGE, *[100] * 20)
    assert [chosen(500) for _ in range(20)] == ["large"] * 20


@pytest.mark.parametrize("explore", [-0.1, 1.1, float("nan")])
def test_a_share_is_between_none_and_all(explore: float) -> None:
    with pytest.raises(UsageError, match="from 0 to 1"):
        latency_kit.choose(ALL, explore=explore)


def test_there_must_be_something_to_choose_from() -> None:
    with pytest.raises(UsageError, match="at least one"):
        latency_kit.choose([])
    with pytest.raises(UsageError, match="percentile"):
        latency_kit.choose(ALL, percentile=0)
