"""Samples that hang together are told from those that do not."""

import random

from latency_kit.baseline import are_dependent


def test_independent_samples_are_hardly_ever_called_dependent() -> None:
    source = random.Random(1)  # noqa: S311  # statistics, not secrets
    calls = sum(are_dependent([source.randrange(10**6) for _ in range(100)]) for _ in range(4000))
    assert calls / 4000 <= 0.0005 + 3 * (0.0005 / 4000) ** 0.5


def test_a_machine_that_is_slower_for_a_while_makes_dependent_samples() -> None:
    source = random.Random(2)  # noqa: S311  # statistics, not secrets
    assert are_dependent([source.randrange(100) + (60 if 40 <= i < 80 else 0) for i in range(120)])


def test_samples_that_alternate_are_not_the_danger() -> None:
    assert not are_dependent([1, 2] * 100)


def test_too_few_and_equal_samples_say_nothing() -> None:
    assert not are_dependent([])
    assert not are_dependent([1, 1, 1, 2, 2, 2])
    assert not are_dependent([5] * 1000)
