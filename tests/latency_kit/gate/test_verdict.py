"""The decision rule: what pairs say, and how often it errs, by simulation without noise of a machine."""

import random
from collections import Counter
from math import log

import pytest

from latency_kit.errors import UsageError
from latency_kit.gate import DecisionRule, Verdict, looks_up_to

RULE = DecisionRule()


def judged(ratio: float, spread: float, *, threshold: float, trials: int, seed: int) -> Counter[Verdict]:
    """Judge simulated comparisons with a true ratio and a spread of the pairs, some pairs being far out."""
    source = random.Random(seed)  # noqa: S311  # statistics, not secrets

    def pair() -> float:
        return log(ratio) + source.gauss(0, spread) * (8 if source.random() < 0.05 else 1)

    return Counter(
        RULE.judge([pair() for _ in range(RULE.looks[-1])], threshold).verdict for _ in range(trials)
    )


def test_pairs_without_noise_are_decided_at_the_first_look() -> None:
    for ratio, verdict in ((1.0, Verdict.NO_CHANGE), (1.03, Verdict.SLOWER), (0.97, Verdict.FASTER)):
        said = RULE.judge([log(ratio)] * 40, RULE.median_threshold)
        assert (said.verdict, said.pairs) == (verdict, 8)
        assert said.ratio == pytest.approx(ratio)
        assert said.lower == pytest.approx(ratio)
        assert said.upper == pytest.approx(ratio)


def test_what_is_tolerated_is_no_change_however_exactly_it_is_known() -> None:
    assert RULE.judge([log(1.0098)] * 40, 0.03).verdict is Verdict.NO_CHANGE
    assert RULE.judge([log(1.0100)] * 40, 0.03).verdict is Verdict.SLOWER


def test_unchanged_code_is_never_called_changed_in_two_thousand_comparisons() -> None:
    said = judged(1.0, 0.012, threshold=0.03, trials=2000, seed=1)
    assert said[Verdict.SLOWER] + said[Verdict.FASTER] == 0
    assert said[Verdict.NO_CHANGE] > 1980


def test_three_per_cent_are_found_nearly_always_with_the_spread_of_real_pairs() -> None:
    said = judged(1.03, 0.012, threshold=0.03, trials=600, seed=2)
    assert said[Verdict.SLOWER] >= 0.99 * 600
    assert said[Verdict.FASTER] == 0


def test_fifteen_per_cent_of_a_tail_are_found_with_the_spread_of_real_tails() -> None:
    said = judged(1.15, 0.08, threshold=0.15, trials=400, seed=3)
    assert said[Verdict.SLOWER] >= 0.97 * 400


def test_at_the_edge_of_what_is_tolerated_it_errs_as_seldom_as_the_confidence_says() -> None:
    said = judged(1.03 ** (1 / 3), 0.02, threshold=0.03, trials=800, seed=4)
    assert said[Verdict.SLOWER] <= 0.025 * 800 + 4 * 4.5


def test_noise_that_is_too_much_is_undecided() -> None:
    assert judged(1.0, 0.5, threshold=0.03, trials=200, seed=5)[Verdict.UNDECIDED] >= 0.95 * 200


def test_pairs_after_the_look_that_decided_change_nothing() -> None:
    assert RULE.judge([0.0] * 8 + [1.0] * 4, 0.03).verdict is Verdict.NO_CHANGE
    assert RULE.judge([0.0] * 7 + [1.0] * 5, 0.03).verdict is Verdict.UNDECIDED


def test_fewer_pairs_than_the_first_look_decide_nothing() -> None:
    said = RULE.judge([log(2.0)] * 4, 0.03)
    assert (said.verdict, said.lower, said.upper) == (Verdict.UNDECIDED, None, None)
    assert said.ratio == pytest.approx(2.0)


def test_the_looks_share_what_the_confidence_leaves() -> None:
    assert pytest.approx(1 - 0.05 / 5) == RULE.look_confidence
    assert looks_up_to(8) == (8,)
    assert looks_up_to(20) == (8, 12, 18, 20)
    assert looks_up_to(50) == (8, 12, 18, 26, 40, 50)
    with pytest.raises(UsageError, match="at least 8 pairs, got 7"):
        looks_up_to(7)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"median_threshold": -0.1}, "a threshold is a share from 0"),
        ({"tail_threshold": float("nan")}, "got nan"),
        ({"looks": (8, 8)}, "ascending"),
        ({"looks": (3, 8)}, "it takes at least 7"),
        ({"confidence": 1.0}, "between 0 and 1"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        DecisionRule(**given)  # type: ignore[arg-type]
