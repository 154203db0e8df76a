"""The interval of a typical value from few figures of unknown spread: Hodges-Lehmann and Wilcoxon.

The figures are taken to be independent and each symmetric about the same centre, nothing more: no normal
distribution, and no equal spread. The estimate is the median of the means of all pairs of figures (each with
itself, too); the interval is between those of its means that the exact distribution of the signed-rank sum
allows. One figure that is far out moves neither by much.

For the gate a figure is the logarithm of the ratio of two versions in one pair of processes. Where both are
the same code, exchanging them changes its sign only: the symmetry is exact.

Source: J. L. Hodges and E. L. Lehmann, Estimates of location based on rank tests, Annals of Mathematical
Statistics 34 (1963) 598-611; M. Hollander, D. A. Wolfe and E. Chicken, Nonparametric Statistical Methods,
3rd edition, Wiley 2014, sections 3.1 to 3.3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median

from latency_kit.errors import NoDataError, UsageError

__all__ = ["CentreInterval", "centre_interval", "fewest_figures"]

_MOST_FIGURES = 1000
"""The means of pairs grow with the square."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CentreInterval:
    """The centre of figures, and between which values the true one lies.

    * `lower` <= `estimate` <= `upper`, where the bounds exist; they exist together.

    Attributes:
        estimate: The Hodges-Lehmann estimate.
        lower: The lower bound; None where the figures are too few for the confidence.
        upper: The upper bound, as well.
    """

    estimate: float
    lower: float | None
    upper: float | None


def centre_interval(figures: Sequence[float], *, confidence: float) -> CentreInterval:
    """Return the centre of `figures` with its interval at `confidence`; exact, conservative.

    Raises:
        NoDataError: There are no figures.
        UsageError: `confidence` is not between 0 and 1, or there are more than 1000 figures.
    """
    beyond = _beyond(confidence)
    count = len(figures)
    if count == 0:
        raise NoDataError("an interval of a centre needs figures, there are none")
    if count > _MOST_FIGURES:
        raise UsageError(f"at most {_MOST_FIGURES} figures, got {count}")
    means = sorted((a + b) / 2 for index, a in enumerate(figures) for b in figures[index:])
    cut = _last_sum(count, beyond)
    if cut is None:
        return CentreInterval(estimate=median(means), lower=None, upper=None)
    return CentreInterval(estimate=median(means), lower=means[cut], upper=means[-1 - cut])


def fewest_figures(confidence: float) -> int:
    """Return how many figures it takes for an interval: all on one side has the probability 2**-n.

    Raises:
        UsageError: `confidence` is not between 0 and 1.
    """
    beyond = _beyond(confidence)
    count = 1
    while 0.5**count > beyond:
        count += 1
    return count


def _beyond(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise UsageError(f"confidence must be between 0 and 1, such as 0.95, got {confidence!r}")
    return (1 - confidence) / 2


@cache
def _last_sum(count: int, beyond: float) -> int | None:
    """Return the largest sum that the signed ranks stay at or below with at most the probability `beyond`."""
    total, allowed = 0, beyond * 2**count
    for rank_sum, ways in enumerate(_ways(count)):
        total += ways
        if total > allowed:
            return rank_sum - 1 if rank_sum else None
    return None  # not reached: all ways together are more than a share of them


@cache
def _ways(count: int) -> tuple[int, ...]:
    """Return how many of the 2**count signs of the ranks 1..count give each sum of the positive ones."""
    ways = [1]
    for rank in range(1, count + 1):
        longer = ways + [0] * rank
        for rank_sum, number in enumerate(ways):
            longer[rank_sum + rank] += number
        ways = longer
    return tuple(ways)
