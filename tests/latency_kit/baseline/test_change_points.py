"""A change of level is found where it is; a level that never changed shows none but by the agreed chance."""

import random
from itertools import pairwise

import pytest

from latency_kit.baseline import FEWEST_FIGURES, ChangePoint, change_points
from latency_kit.errors import UsageError


def level(source: random.Random, mean: float, count: int) -> list[float]:
    return [source.gauss(mean, 1) for _ in range(count)]


@pytest.mark.parametrize("count", [10, 40])
def test_figures_without_a_change_show_one_no_oftener_than_the_significance(count: int) -> None:
    source = random.Random(count)  # noqa: S311  # statistics, not secrets
    trials = 800
    alarms = sum(bool(change_points(level(source, 0, count))) for _ in range(trials))
    assert alarms / trials <= 0.01 + 3 * (0.01 * 0.99 / trials) ** 0.5


def test_heavy_tails_do_not_raise_the_false_alarms() -> None:
    source = random.Random(4)  # noqa: S311  # statistics, not secrets
    trials = 500
    alarms = sum(
        bool(change_points([source.paretovariate(1) for _ in range(30)], significance=0.05))
        for _ in range(trials)
    )
    assert alarms / trials <= 0.05 + 3 * (0.05 * 0.95 / trials) ** 0.5


def test_a_change_by_three_deviations_is_found_at_its_place() -> None:
    source = random.Random(8)  # noqa: S311  # statistics, not secrets
    trials, found, near = 200, 0, 0
    for _ in range(trials):
        changes = change_points(level(source, 0, 20) + level(source, 3, 20))
        found += len(changes) >= 1
        near += any(abs(change.index - 20) <= 1 for change in changes)
    assert found / trials >= 0.99
    assert near / trials >= 0.95


def test_each_of_several_changes_is_found() -> None:
    source = random.Random(9)  # noqa: S311  # statistics, not secrets
    figures = level(source, 0, 20) + level(source, 5, 20) + level(source, 2, 20)
    assert [change.index for change in change_points(figures)] == pytest.approx([20, 40], abs=1)


def test_a_change_says_what_was_before_and_what_is_after() -> None:
    assert change_points([5.0] * 8 + [7.0] * 9) == (
        ChangePoint(index=8, before=5.0, after=7.0, p_value=0.001),
    )


def test_a_single_outlier_is_no_change() -> None:
    source = random.Random(10)  # noqa: S311  # statistics, not secrets
    figures = level(source, 0, 30)
    figures[15] = figures[-1] = 1000.0
    assert change_points(figures) == ()


def test_the_same_figures_show_the_same_changes_each_time() -> None:
    figures = level(random.Random(11), 0, 15) + level(random.Random(12), 1.2, 15)  # noqa: S311  # statistics, not secrets
    assert change_points(figures) == change_points(figures)


def test_equal_figures_and_too_few_of_them_show_no_change() -> None:
    assert change_points([3.0] * 50) == ()
    assert change_points([]) == ()
    assert change_points([1.0, 1.0, 9.0, 9.0]) == ()


def test_the_fewest_figures_that_can_show_a_change_do_and_fewer_do_not() -> None:
    assert FEWEST_FIGURES == 11
    assert change_points([1.0, 2.0, 3.0, 4.0, 5.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0])[0].index == 5
    assert change_points([1.0, 2.0, 3.0, 4.0, 11.0, 12.0, 13.0, 14.0, 15.0]) == ()


def test_every_level_has_at_least_three_figures() -> None:
    source = random.Random(13)  # noqa: S311  # statistics, not secrets
    for _ in range(100):
        figures = level(source, 0, 12) + level(source, 4, 12)
        borders = [0, *(change.index for change in change_points(figures, significance=0.2)), 24]
        assert all(after - before >= 3 for before, after in pairwise(borders))


@pytest.mark.parametrize("significance", [0, 1, 0.0001])
def test_a_significance_that_cannot_be_kept_is_refused(significance: float) -> None:
    with pytest.raises(UsageError, match=r"significance must be from 0.001 to below 1"):
        change_points([1.0] * 20, significance=significance)
