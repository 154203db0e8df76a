"""The breaker's three states, on a clock that stands still until it is told to move."""

import pytest

from latency_kit.testing import FakeClock
from reference_pipeline.answering.circuit_breaker import BreakerState, CircuitBreaker, Permit

S = 1_000_000_000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def breaker(clock: FakeClock) -> CircuitBreaker:
    return CircuitBreaker(max_failures=3, first_retry_ns=S, longest_retry_ns=4 * S, now_ns=clock.monotonic_ns)


def entered(breaker: CircuitBreaker) -> Permit:
    permit = breaker.enter()
    assert permit is not None
    return permit


def fail(breaker: CircuitBreaker, *, definite: bool = False) -> None:
    entered(breaker).failed("down", definite=definite)


def test_it_is_closed_at_first_and_lets_any_number_of_calls_pass(breaker: CircuitBreaker) -> None:
    assert breaker.state is BreakerState.CLOSED
    assert all(breaker.enter() is not None for _ in range(100))


def test_so_many_failures_in_a_row_open_it_and_a_success_begins_the_count_anew(
    breaker: CircuitBreaker,
) -> None:
    fail(breaker)
    fail(breaker)
    entered(breaker).succeeded()
    fail(breaker)
    fail(breaker)
    assert breaker.state is BreakerState.CLOSED
    fail(breaker)
    assert breaker.state is BreakerState.OPEN
    assert breaker.enter() is None
    assert breaker.reason == "down"


def test_one_definite_failure_opens_it(breaker: CircuitBreaker) -> None:
    fail(breaker, definite=True)
    assert breaker.state is BreakerState.OPEN


def test_time_alone_lets_no_call_pass_since_a_question_must_not_pay_for_finding_out(
    breaker: CircuitBreaker, clock: FakeClock
) -> None:
    fail(breaker, definite=True)
    clock.advance(s=3600)
    assert breaker.enter() is None


def test_the_wait_between_probes_doubles_up_to_its_bound(breaker: CircuitBreaker, clock: FakeClock) -> None:
    fail(breaker, definite=True)
    waits = []
    for _ in range(4):
        waits.append((breaker.retry_at_ns - clock.monotonic_ns()) // S)
        clock.advance(s=waits[-1])
        breaker.probed(good=False, reason="still down")
    assert waits == [1, 2, 4, 4]
    assert breaker.reason == "still down"


def test_after_a_good_probe_one_call_at_a_time_is_on_trial(breaker: CircuitBreaker) -> None:
    fail(breaker, definite=True)
    breaker.probed(good=True)
    assert breaker.state is BreakerState.HALF_OPEN
    trial = entered(breaker)
    assert breaker.enter() is None
    trial.succeeded()
    assert breaker.state is BreakerState.CLOSED


def test_a_trial_that_fails_opens_it_again_with_a_longer_wait(
    breaker: CircuitBreaker, clock: FakeClock
) -> None:
    fail(breaker, definite=True)
    breaker.probed(good=True)
    fail(breaker)
    assert breaker.state is BreakerState.OPEN
    assert breaker.retry_at_ns - clock.monotonic_ns() == 2 * S


def test_a_trial_without_a_verdict_makes_room_for_the_next(breaker: CircuitBreaker) -> None:
    fail(breaker, definite=True)
    breaker.probed(good=True)
    entered(breaker).leave()
    assert breaker.state is BreakerState.HALF_OPEN
    entered(breaker).succeeded()
    assert breaker.state is BreakerState.CLOSED


def test_the_verdict_of_a_call_from_an_earlier_state_is_not_heard(breaker: CircuitBreaker) -> None:
    early, late = entered(breaker), entered(breaker)
    fail(breaker, definite=True)
    early.succeeded()
    assert breaker.state is BreakerState.OPEN
    breaker.probed(good=True)
    late.failed("down", definite=True)
    assert breaker.state is BreakerState.HALF_OPEN


def test_a_permit_is_used_once(breaker: CircuitBreaker) -> None:
    permit = entered(breaker)
    permit.succeeded()
    permit.failed("down", definite=True)
    permit.leave()
    assert breaker.state is BreakerState.CLOSED


def test_closing_forgets_the_waits(breaker: CircuitBreaker, clock: FakeClock) -> None:
    fail(breaker, definite=True)
    breaker.probed(good=False)
    breaker.probed(good=True)
    entered(breaker).succeeded()
    fail(breaker, definite=True)
    assert breaker.retry_at_ns - clock.monotonic_ns() == S


def test_a_probe_tells_nothing_new_where_it_is_not_open(breaker: CircuitBreaker) -> None:
    breaker.probed(good=False)
    breaker.probed(good=True)
    assert breaker.state is BreakerState.CLOSED
