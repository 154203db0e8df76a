"""An optional stage is allowed exactly where what it lately needed fits what remains."""

import math
from collections.abc import Callable, Iterator

import pytest

import latency_kit
from latency_kit import UsageError
from latency_kit.budget import LatencyBudget
from latency_kit.budget.decisions import decisions
from latency_kit.budget.recent_latency import WINDOW_NS
from latency_kit.testing import Capture, FakeClock, capture_measurements

MS = 1_000_000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def captured(clock: FakeClock) -> Iterator[Capture]:
    with capture_measurements(clock=clock) as capture:
        yield capture


def recorded(captured: Capture, clock: FakeClock, duration_ns: int, times: int = 20) -> None:
    """Let `terms.explain` take that long that often, and let it be known."""
    for _ in range(times):
        with latency_kit.measure_latency("terms", "explain", span=False):
            clock.advance(ns=duration_ns)
    assert captured.series
    clock.advance(ms=100)


def decided(**attributes: str) -> int:
    return decisions.total("latency.deadline.decisions", component="terms", **attributes)


def test_it_is_allowed_to_the_nanosecond_where_its_percentile_fits(
    captured: Capture, clock: FakeClock
) -> None:
    recorded(captured, clock, 1000)
    before = (decided(decision="allowed", why="recent"), decided(decision="skipped", why="recent"))
    with latency_kit.deadline(0.001):
        assert latency_kit.allow("terms", "explain")
        clock.advance(ns=1)
        assert not latency_kit.allow("terms", "explain")
    after = (decided(decision="allowed", why="recent"), decided(decision="skipped", why="recent"))
    assert after == (before[0] + 1, before[1] + 1)


def test_a_margin_is_kept_for_what_follows(captured: Capture, clock: FakeClock) -> None:
    recorded(captured, clock, 1000)
    with latency_kit.deadline(0.0015):
        assert latency_kit.allow("terms", "explain", margin_ms=0.0005)
        assert not latency_kit.allow("terms", "explain", margin_ms=0.0006)


def test_the_percentile_says_how_sure_to_be(captured: Capture, clock: FakeClock) -> None:
    recorded(captured, clock, 100, times=90)
    recorded(captured, clock, 1000, times=10)
    with latency_kit.deadline(0.0005):
        assert latency_kit.allow("terms", "explain", percentile=90)
        assert not latency_kit.allow("terms", "explain", percentile=91)


def test_without_a_deadline_everything_fits_and_after_it_nothing(captured: Capture, clock: FakeClock) -> None:
    assert latency_kit.allow("terms", "explain", unknown_ms=math.inf)
    with latency_kit.deadline(1):
        clock.advance(ms=1)
        assert not latency_kit.allow("terms", "explain")


def test_what_is_unknown_is_assumed_as_stated(captured: Capture, clock: FakeClock) -> None:
    recorded(captured, clock, 5000 * MS, times=19)
    with latency_kit.deadline(100):
        assert latency_kit.allow("terms", "explain")
        assert latency_kit.allow("terms", "explain", unknown_ms=100)
        assert not latency_kit.allow("terms", "explain", unknown_ms=101)
        assert not latency_kit.allow("terms", "explain", unknown_ms=math.inf)
        assert not latency_kit.allow("terms", "explain", min_samples=19)


def test_a_budget_names_the_operation_and_is_its_own_assumption(
    captured: Capture, clock: FakeClock, budget: Callable[..., LatencyBudget]
) -> None:
    terms = budget("terms", 500, component="terms", operation="explain", min_samples=5)
    with latency_kit.deadline(500):
        assert latency_kit.allow(terms)
        clock.advance(ns=1)
        assert not latency_kit.allow(terms)
        recorded(captured, clock, 1000, times=5)
        assert latency_kit.allow(terms)


def test_after_a_slow_time_one_call_a_second_tries_again(captured: Capture, clock: FakeClock) -> None:
    recorded(captured, clock, 900 * MS)

    def ask() -> bool:
        with latency_kit.deadline(500):
            return latency_kit.allow("terms", "explain")

    allowed = 0
    for _ in range(295):
        allowed += ask()
        clock.advance(ns=WINDOW_NS // 300)
    assert allowed == 0, "its slow calls are recent"
    tries: list[bool] = []
    for _ in range(100):
        tries.extend(ask() for _ in range(10))
        clock.advance(ns=WINDOW_NS // 300)
    assert 80 < sum(tries) <= 100
    recorded(captured, clock, 10 * MS)
    assert all(ask() for _ in range(10))


def test_the_decision_is_an_event_on_the_current_span(captured: Capture, clock: FakeClock) -> None:
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="needs the extra otlp")
    from opentelemetry import trace  # noqa: PLC0415  # after the check that the SDK is there

    recorded(captured, clock, 2000)
    span = sdk.TracerProvider().get_tracer("test").start_span("turn")
    with trace.use_span(span), latency_kit.deadline(0.001):
        latency_kit.allow("terms", "explain")
    (event,) = span.events
    assert event.name == "deadline.decision"
    assert dict(event.attributes) == {
        "latency.component": "terms",
        "latency.operation": "explain",
        "latency.decision": "skipped",
        "latency.why": "recent",
        "latency.left_ms": 0.001,
        "latency.needed_ms": 0.002,
    }


def test_an_operation_must_be_named() -> None:
    with pytest.raises(UsageError, match="names no operation"):
        latency_kit.allow("terms.explain")
