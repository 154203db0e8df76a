"""What the ratios of some pairs say about a version, and how often to ask: the decision rule of the gate.

The pairs are looked at after some of them, then after more, up to a last look. The looks share the error that
the confidence leaves in equal parts (S. J. Pocock, Group sequential methods in the design and analysis of
clinical trials, Biometrika 64 (1977) 191-199; here with the plain union bound): whatever the true ratio is, a
verdict that excludes it is given in at most 1 - confidence of all comparisons, however often was looked.

Knows neither processes nor clocks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import exp, log1p

from latency_kit.errors import UsageError
from latency_kit.gate.signed_rank import CentreInterval, centre_interval, fewest_figures

__all__ = [
    "DEFAULT_LOOKS",
    "DEFAULT_MEDIAN_THRESHOLD",
    "DEFAULT_TAIL_THRESHOLD",
    "TOLERATED_SHARE",
    "DecisionRule",
    "RatioVerdict",
    "Verdict",
    "looks_up_to",
]

DEFAULT_MEDIAN_THRESHOLD = 0.03
DEFAULT_TAIL_THRESHOLD = 0.15

TOLERATED_SHARE = 1 / 3
"""Of a threshold, on a logarithmic scale: what is less is no change, whatever can be seen of it."""

DEFAULT_LOOKS = (8, 12, 18, 26, 40)
_DEFAULT_CONFIDENCE = 0.95


def looks_up_to(pairs: int) -> tuple[int, ...]:
    """Return the looks for at most so many pairs: the usual ones before it, and one there.

    Raises:
        UsageError: They are fewer than the first look takes.
    """
    if pairs < DEFAULT_LOOKS[0]:
        raise UsageError(f"a decision takes at least {DEFAULT_LOOKS[0]} pairs, got {pairs}")
    return (*(look for look in DEFAULT_LOOKS if look < pairs), pairs)


class Verdict(StrEnum):
    """What became of the median or the tail of a benchmark."""

    SLOWER = "slower"
    """The whole interval of the ratio is beyond what is tolerated."""

    FASTER = "faster"
    """The same on the other side."""

    NO_CHANGE = "no change"
    """The whole interval of the ratio is within the threshold, and reaches into what is tolerated."""

    UNDECIDED = "undecided"
    """Neither, at the last look too."""

    TOO_FEW = "too few calls"
    """The calls of a process were too few for the percentile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioVerdict:
    """The ratio of candidate to baseline, with its interval and what that says.

    Attributes:
        verdict: What it says.
        pairs: From how many pairs of processes.
        ratio: Candidate over baseline, 1.1 is ten per cent slower; None where there are too few calls.
        lower: The lower bound of the interval; None where the pairs are too few for one.
        upper: The upper bound, as well.
    """

    verdict: Verdict
    pairs: int
    ratio: float | None = None
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRule:
    """When to look, and what makes a verdict.

    Attributes:
        median_threshold: As a share, the smallest change of the median that must be found. A third of it is
            tolerated; between the two is either verdict right.
        tail_threshold: The same for the tail.
        confidence: Of each verdict, over all looks.
        looks: After how many pairs to look, ascending.

    Raises:
        UsageError: A threshold is negative, the confidence not between 0 and 1, or the looks do not ascend
            or begin with fewer pairs than an interval takes.
    """

    median_threshold: float = DEFAULT_MEDIAN_THRESHOLD
    tail_threshold: float = DEFAULT_TAIL_THRESHOLD
    confidence: float = _DEFAULT_CONFIDENCE
    looks: tuple[int, ...] = DEFAULT_LOOKS

    def __post_init__(self) -> None:
        for threshold in (self.median_threshold, self.tail_threshold):
            if not threshold >= 0:
                raise UsageError(f"a threshold is a share from 0, such as 0.015 for 1.5 %, got {threshold!r}")
        if not self.looks or list(self.looks) != sorted(set(self.looks)):
            raise UsageError(f"looks are ascending numbers of pairs, got {self.looks!r}")
        if self.looks[0] < (fewest := fewest_figures(self.look_confidence)):
            raise UsageError(
                f"{self.looks[0]} pairs bound nothing at {self.confidence:.0%} confidence; "
                f"it takes at least {fewest}"
            )

    @property
    def look_confidence(self) -> float:
        """The confidence of the interval at each look."""
        return 1 - (1 - self.confidence) / len(self.looks)

    def judge(self, log_ratios: Sequence[float], threshold: float) -> RatioVerdict:
        """Judge the logarithms of the ratios of the pairs so far, at every look that they reach.

        The first look that decides has the last word: the figures that made a verdict stay those it was made
        at, though more pairs were taken for something else. Pairs beyond the last look, or short of the first
        one, are looked at as they are.
        """
        counts = [look for look in self.looks if look <= len(log_ratios)] or [len(log_ratios)]
        for count in counts:
            interval = centre_interval(log_ratios[:count], confidence=self.look_confidence)
            verdict = _verdict(interval, log1p(threshold))
            if verdict is not Verdict.UNDECIDED:
                break
        return RatioVerdict(
            verdict=verdict,
            pairs=count,
            ratio=exp(interval.estimate),
            lower=None if interval.lower is None else exp(interval.lower),
            upper=None if interval.upper is None else exp(interval.upper),
        )


def _verdict(interval: CentreInterval, threshold: float) -> Verdict:
    if interval.lower is None or interval.upper is None:
        return Verdict.UNDECIDED
    tolerated = threshold * TOLERATED_SHARE
    if interval.lower > tolerated:
        return Verdict.SLOWER
    if interval.upper < -tolerated:
        return Verdict.FASTER
    if -threshold < interval.lower and interval.upper < threshold:
        return Verdict.NO_CHANGE
    return Verdict.UNDECIDED
