"""Named distributions of latencies, in nanoseconds, for the tests of the histogram floor."""

from collections.abc import Callable
from random import Random

import pytest

_COUNT = 1000


def _constant(random: Random) -> list[int]:
    return [5_000_001] * _COUNT


def _uniform(random: Random) -> list[int]:
    return [random.randint(0, 50_000_000) for _ in range(_COUNT)]


def _log_normal(random: Random) -> list[int]:
    # Six standard deviations span two decades around 10 ms.
    return [int(random.lognormvariate(16.1, 0.77)) for _ in range(_COUNT)]


def _bimodal(random: Random) -> list[int]:
    return [
        int(random.gauss(*random.choice([(80_000, 5_000), (900_000_000, 9_000_000)]))) for _ in range(_COUNT)
    ]


def _heavy_tailed(random: Random) -> list[int]:
    # With this shape the mean itself is not finite; some values are hours long.
    return [int(1_000 * random.paretovariate(0.5)) for _ in range(_COUNT)]


def _single(random: Random) -> list[int]:
    return [123_456_789]


def _below_2048(random: Random) -> list[int]:
    return [random.randint(0, 2047) for _ in range(_COUNT)]


DISTRIBUTIONS: dict[str, Callable[[Random], list[int]]] = {
    "constant": _constant,
    "uniform": _uniform,
    "log-normal": _log_normal,
    "bimodal": _bimodal,
    "heavy-tailed": _heavy_tailed,
    "single value": _single,
    "below 2048 ns": _below_2048,
}


@pytest.fixture(scope="session", params=DISTRIBUTIONS)
def distribution(request: pytest.FixtureRequest) -> Callable[[int], list[int]]:
    """Makes the values of one named distribution from a seed."""
    return lambda seed: DISTRIBUTIONS[request.param](_seeded(seed))


@pytest.fixture(scope="session")
def log_normal_values() -> list[int]:
    """1000 log-normal values over two decades: a typical series."""
    return _log_normal(_seeded(7))


def _seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311  # the same values in every run, not secrets
