"""How long an answer may be in the time that is left."""

import pytest

import latency_kit
from latency_kit.testing import FakeClock, capture_measurements
from reference_pipeline.answering.token_budget import FEWEST_TOKENS, MOST_TOKENS, TokenBudget


@pytest.mark.parametrize(
    ("left_ms", "tokens"), [(2800, 100), (1800, 50), (100, FEWEST_TOKENS), (60_000, MOST_TOKENS)]
)
def test_the_cap_is_what_fits_between_the_first_token_and_the_deadline(left_ms: int, tokens: int) -> None:
    budget = TokenBudget(first_token_s=0.8, tokens_per_s=50)
    with capture_measurements(clock=FakeClock()), latency_kit.deadline(left_ms):
        assert budget.cap() == tokens


def test_without_a_deadline_the_cap_is_the_longest_answer() -> None:
    assert TokenBudget().cap() == MOST_TOKENS


def test_the_margin_before_the_deadline_is_left_free() -> None:
    budget = TokenBudget(first_token_s=0.8, tokens_per_s=50, margin_s=1.0)
    with capture_measurements(clock=FakeClock()), latency_kit.deadline(2800):
        assert budget.cap() == 50


def test_it_learns_the_pace_and_counts_on_its_variation() -> None:
    budget = TokenBudget(first_token_s=0.8, tokens_per_s=50)
    for _ in range(100):
        budget.learn(first_token_s=0.4, streaming_s=2.0, tokens=60)
    assert budget.tokens_per_s == pytest.approx(30, rel=0.01)
    assert budget.first_token_s == pytest.approx(0.4, rel=0.01)
    for number in range(100):
        budget.learn(first_token_s=0.3 + 0.2 * (number % 2), streaming_s=2.0, tokens=60)
    assert budget.first_token_s == pytest.approx(0.5, rel=0.1)


def test_a_short_answer_says_nothing_about_the_rate() -> None:
    budget = TokenBudget(tokens_per_s=50)
    budget.learn(first_token_s=0.8, streaming_s=1.0, tokens=3)
    budget.learn(first_token_s=0.8, streaming_s=0.0, tokens=300)
    assert budget.tokens_per_s == 50
