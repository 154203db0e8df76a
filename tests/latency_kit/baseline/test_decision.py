"""Looking again and again keeps the errors within what the confidence leaves."""

import random

import pytest

from latency_kit.baseline import Decision, Look, decide, planned_looks
from latency_kit.errors import UsageError


def test_the_looks_double_and_spend_no_more_than_there_is() -> None:
    looks = planned_looks(100, 1000, 95)
    assert [look.count for look in looks] == [100, 200, 400, 1000]
    assert [1 - look.confidence for look in looks] == pytest.approx([0.025, 0.0125, 0.00625, 0.00625])


def test_a_single_look_has_the_whole_confidence() -> None:
    assert planned_looks(100, 100, 95) == (Look(count=100, confidence=0.95),)


def test_samples_that_cannot_bound_the_percentile_are_refused_with_the_number_it_takes() -> None:
    with pytest.raises(
        UsageError, match="100 samples cannot bound p99 at 95% confidence; it takes at least 437"
    ):
        planned_looks(100, 1000, 99)
    assert planned_looks(437, 1000, 99)
    with pytest.raises(UsageError, match="at least 368"):
        planned_looks(367, 367, 99)


def test_a_bound_below_the_first_look_is_refused() -> None:
    with pytest.raises(UsageError, match="the bound of 50 samples is below the 100"):
        planned_looks(100, 50, 95)


def test_the_decision_follows_the_interval() -> None:
    ordered = [*range(1, 201)]
    assert decide(ordered, limit_ns=200, percentile=90)[0] is Decision.MET
    assert decide(ordered, limit_ns=150, percentile=90)[0] is Decision.BREACHED
    decision, interval = decide(ordered, limit_ns=180, percentile=90)
    assert decision is Decision.UNDECIDED
    assert (interval.lower_ns, interval.estimate_ns, interval.upper_ns) == (171, 180, 189)


def test_a_bound_on_the_limit_itself_is_within_it() -> None:
    ordered = [5] * 100
    assert decide(ordered, limit_ns=5, percentile=90)[0] is Decision.MET
    assert decide(ordered, limit_ns=4, percentile=90)[0] is Decision.BREACHED


def verdict_of(source: random.Random, over: float) -> Decision:
    """Judge p90 against 1, of samples that are 2 with the probability `over` and 1 otherwise."""
    samples: list[int] = []
    decision = Decision.UNDECIDED
    for look in planned_looks(60, 480, 90):
        samples += [2 if source.random() < over else 1 for _ in range(look.count - len(samples))]
        decision, _ = decide(sorted(samples), limit_ns=1, percentile=90, confidence=look.confidence)
        if decision is not Decision.UNDECIDED:
            break
    return decision


def test_a_limit_that_just_holds_is_called_breached_in_at_most_half_of_what_the_confidence_leaves() -> None:
    source = random.Random(1)  # noqa: S311  # statistics, not secrets
    verdicts = [verdict_of(source, 0.1) for _ in range(1500)]
    assert verdicts.count(Decision.BREACHED) / 1500 <= 0.025 + 3 * (0.025 * 0.975 / 1500) ** 0.5


def test_a_limit_that_just_fails_is_called_met_in_at_most_half_of_what_the_confidence_leaves() -> None:
    source = random.Random(2)  # noqa: S311  # statistics, not secrets
    verdicts = [verdict_of(source, 0.1000001) for _ in range(1500)]
    assert verdicts.count(Decision.MET) / 1500 <= 0.025 + 3 * (0.025 * 0.975 / 1500) ** 0.5


def test_what_is_far_from_its_limit_is_decided_rightly() -> None:
    source = random.Random(3)  # noqa: S311  # statistics, not secrets
    assert {verdict_of(source, 0.01) for _ in range(200)} == {Decision.MET}
    assert {verdict_of(source, 0.3) for _ in range(200)} == {Decision.BREACHED}
