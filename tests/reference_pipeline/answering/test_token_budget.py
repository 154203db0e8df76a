"""How long an answer may be in the time that is left."""

import pytest

import latency_kit
from latency_kit.testing import FakeClock, capture_measurements
from reference_pipeline.answering.token_budget import FEWEST_TOKENS, FEWEST_WORDS, MOST_TOKENS, TokenBudget


@pytest.mark.parametrize(
    ("left_ms", "tokens"), [(2800, 100), (1800, 50), (100, FEWEST_TOKENS), (60_000, MOST_TOKENS)]
)
def test_the_cap_is_what_fits_between_the_first_token_and_the_deadline(left_ms: int, tokens: int) -> None:
    budget = TokenBudget(first_token_s=0.8, tokens_per_s=50)
    with capture_measurements(clock=FakeClock()), latency_kit.deadline(left_ms):
        assert budget.cap() == tokens


def test_without_a_deadline_the_cap_is_the_longest_answer() -> None:
    assert TokenBudget().cap() == MOST_TOKENS


@pytest.mark.parametrize(
    ("left_ms", "words"), [(3700, None), (3201, None), (3100, 45), (2800, 35), (100, FEWEST_WORDS)]
)
def test_a_short_answer_is_asked_for_where_the_usual_one_does_not_fit_before_the_margin(
    left_ms: int, words: int | None
) -> None:
    budget = TokenBudget(first_token_s=0.8, tokens_per_s=50, margin_s=1.0)
    with capture_measurements(clock=FakeClock()), latency_kit.deadline(left_ms):
        assert budget.words() == words


def test_without_a_deadline_nothing_short_is_asked_for() -> None:
    assert TokenBudget().words() is None


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
    budget.learn(first_token_s=0.8, streaming_s=0.9, tokens=3)
    budget.learn(first_token_s=0.8, streaming_s=0.0, tokens=300)
    assert budget.tokens_per_s == 50


def test_few_tokens_in_a_long_time_do_and_a_slower_rate_is_believed_sooner() -> None:
    budget = TokenBudget(tokens_per_s=50)
    for _ in range(3):
        budget.learn(first_token_s=0.8, streaming_s=2.0, tokens=10)
    assert budget.tokens_per_s < 11
    budget.learn(first_token_s=0.8, streaming_s=1.0, tokens=60)
    assert budget.tokens_per_s < 25
