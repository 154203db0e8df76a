"""Deciding whether a percentile keeps a limit, with as many samples as that takes and no more than a bound.

The samples are looked at after `first`, twice as many, four times as many and so on up to `last`. Looking
again and again until something turns up would make errors likelier than the confidence says; so each look may
spend only half of what the looks before it left, and the last one all that remains. What all looks together
spend is at most the whole (union bound), so that a limit that holds is called breached, and one that does not
hold is called met, each in at most half of the cases that the confidence leaves: 2.5 % at 0.95.

Source: spending of the error probability over interim looks, K. K. G. Lan and D. L. DeMets, Discrete
sequential boundaries for clinical trials, Biometrika 70 (1983) 659-663; here with the plain union bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from latency_kit.baseline.order_statistics import (
    DEFAULT_CONFIDENCE,
    PercentileInterval,
    fewest_samples,
    interval_of_samples,
)
from latency_kit.errors import UsageError

__all__ = ["Decision", "Look", "decide", "planned_looks"]


class Decision(StrEnum):
    """What the samples say about a limit."""

    MET = "met"
    """The whole interval of the percentile is within the limit."""

    BREACHED = "breached"
    """The whole interval of the percentile is above the limit."""

    UNDECIDED = "undecided"
    """The limit lies within the interval: neither side can be ruled out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at the samples so far.

    Attributes:
        count: At how many samples it comes.
        confidence: The confidence of the interval at this look; higher than that of the whole test.
    """

    count: int
    confidence: float


def planned_looks(
    first: int, last: int, percentile: float, *, confidence: float = DEFAULT_CONFIDENCE
) -> tuple[Look, ...]:
    """Return when to look, and with which confidence each time.

    Args:
        first: Samples before the first look.
        last: Samples before the last look; the same as `first` for a single one.
        percentile: The percentile that is judged.
        confidence: Of the whole test.

    Raises:
        UsageError: `last` is below `first`, or `first` samples cannot bound the percentile at the confidence
            of the first look; the message says how many it takes.
    """
    if last < first:
        raise UsageError(f"the bound of {last} samples is below the {first} samples to begin with")
    counts = [first]
    while counts[-1] < last:
        counts.append(min(2 * counts[-1], last))
    # An end so close to the look before it would only cost confidence.
    if len(counts) > 2 and counts[-1] < 1.5 * counts[-2]:  # noqa: PLR2004  # a first look, and one to drop
        del counts[-2]
    left = 1.0 - confidence
    looks = []
    for count in counts:
        spent = left if count == counts[-1] else left / 2
        left -= spent
        looks.append(Look(count=count, confidence=1.0 - spent))
    needed = fewest_samples(percentile, confidence=looks[0].confidence)
    if first < needed:
        raise UsageError(
            f"{first} samples cannot bound p{percentile:g} at {confidence:.0%} confidence; "
            f"it takes at least {needed}"
        )
    return tuple(looks)


def decide(
    ordered: Sequence[int], *, limit_ns: int, percentile: float, confidence: float = DEFAULT_CONFIDENCE
) -> tuple[Decision, PercentileInterval]:
    """Judge samples in ascending order against a limit, at one look.

    Raises:
        NoDataError: There are no samples.
        UsageError: `percentile` is not above 0 and below 100, or `confidence` not between 0 and 1.
    """
    interval = interval_of_samples(ordered, percentile, confidence=confidence)
    if interval.upper_ns is not None and interval.upper_ns <= limit_ns:
        return Decision.MET, interval
    if interval.lower_ns is not None and interval.lower_ns > limit_ns:
        return Decision.BREACHED, interval
    return Decision.UNDECIDED, interval
