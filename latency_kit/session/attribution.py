"""What makes slow turns slow: the share of each part in their excess over typical turns, with an interval.

Pure, and the same for the same turns: the resampling is seeded. Percentiles of stages are never added up:
shares are taken within the same turns, whose parts add up to their end-to-end duration exactly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType

from latency_kit.errors import NoDataError, UsageError
from latency_kit.histogram.percentile import ceil_rank
from latency_kit.session.account import TurnAccount

__all__ = [
    "MIN_SLOW_TURNS",
    "ExcessPart",
    "ShareInterval",
    "TailAttribution",
    "attribute_tail",
    "typical_and_slow",
]

REST = "unexplained rest"
"""What a report calls that part of a turn which no stage covers."""

MIN_TURNS = 4
"""With fewer turns the middle half is all of them, and "typical" would include the slow ones."""

MIN_SLOW_TURNS = 10
"""With fewer slow turns a resampling sees too little of how much they differ, and no interval is given.

From 10 on, 95 % intervals cover the truth in nine of ten runs or more; `test_attribution` simulates it.
"""

RESAMPLES = 1000
"""Enough for the ends of a 95 % interval (Efron and Tibshirani 1993, 13.3; see `attribute_tail`)."""

_LOWEST_PERCENTILE = 75
_SEED = 20_26


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcessPart:
    """One stage, or the rest between stages, in the excess of slow turns over typical ones.

    Attributes:
        name: The stage.
        typical_ns: Its mean time in a typical turn.
        slow_ns: Its mean time in a slow turn.
        share: The difference as a share of the excess; negative where it is shorter in slow turns.
    """

    name: str
    typical_ns: float
    slow_ns: float
    share: float

    @property
    def excess_ns(self) -> float:
        """How much longer it takes in a slow turn."""
        return self.slow_ns - self.typical_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareInterval:
    """How sure a share is.

    Attributes:
        low: The lower end of the confidence interval of the share.
        high: Its upper end.
        lead: In what share of the resamples the part has the largest share of all.
    """

    low: float
    high: float
    lead: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TailAttribution:
    """What the turns above a percentile spend their additional time on.

    * The shares of all parts add up to 1.
    * No turn is both typical and slow.
    * There is either an interval for each part or, with fewer than `MIN_SLOW_TURNS` slow turns, none.

    Attributes:
        percentile: Of the end-to-end duration; slow turns lie above it.
        value_ns: The end-to-end duration at that percentile, exact.
        turn_count: All turns.
        typical_count: How many of them are the middle half, around the median.
        slow_count: How many are slow; the slowest one always is.
        typical_ns: Mean end-to-end duration of the typical turns.
        slow_ns: Mean end-to-end duration of the slow turns.
        parts: Every part, the one with the largest share first.
        confidence: Of the intervals, such as 0.95.
        intervals: By the name of the part.
    """

    percentile: float
    value_ns: int
    turn_count: int
    typical_count: int
    slow_count: int
    typical_ns: float
    slow_ns: float
    parts: tuple[ExcessPart, ...]
    confidence: float
    intervals: Mapping[str, ShareInterval] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "intervals", MappingProxyType(dict(self.intervals)))

    @property
    def excess_ns(self) -> float:
        """How much longer a slow turn takes than a typical one."""
        return self.slow_ns - self.typical_ns

    @property
    def stands_out(self) -> bool:
        """Whether the first part is the largest beyond doubt: in `confidence` of the resamples."""
        first = self.intervals.get(self.parts[0].name)
        return first is not None and first.lead >= self.confidence


def attribute_tail(
    accounts: Sequence[TurnAccount],
    *,
    percentile: float = 95,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    rest_name: str = REST,
) -> TailAttribution:
    """Attribute the excess of slow turns over typical ones to their parts.

    A share is (mean in slow turns - mean in typical turns) / (the same of the whole turns): an average of
    differences within turns, so that parts which are slow together each get their own. The intervals are
    percentile intervals of the bootstrap over turns (Efron and Tibshirani, An Introduction to the
    Bootstrap, 1993, chapter 13): whole turns are drawn, and which of them are typical and slow is decided
    anew in each resample.

    Args:
        accounts: Where the time of each turn went; every turn, however it ended.
        percentile: Turns above it are slow; below 75 it would reach into the typical ones.
        confidence: Of the intervals, between 0 and 1.
        resamples: How many times turns are drawn.
        rest_name: What to call the part that no stage covers.

    Raises:
        NoDataError: There are fewer than four turns, or the slow ones took no longer.
        UsageError: `percentile`, `confidence` or `resamples` is out of range.
    """
    if not _LOWEST_PERCENTILE <= percentile < 100:  # noqa: PLR2004  # nothing lies above p100
        raise UsageError(f"percentile must be from {_LOWEST_PERCENTILE} to below 100, got {percentile!r}")
    if not 0 < confidence < 1 or resamples < 1:
        raise UsageError(
            f"confidence must lie between 0 and 1 and resamples be a count from 1, "
            f"got {confidence!r} and {resamples!r}"
        )
    if len(accounts) < MIN_TURNS:
        raise NoDataError(
            f"typical and slow turns can be told apart from {MIN_TURNS} turns on, got {len(accounts)}"
        )
    groups = _Groups(accounts, percentile, rest_name)
    typical_ns, slow_ns = groups.means_ns()
    excess_ns = sum(slow_ns) - sum(typical_ns)
    if excess_ns <= 0:
        raise NoDataError("slow turns did not take longer than typical ones, so there is no excess to share")
    parts = [
        ExcessPart(name=name, typical_ns=typical, slow_ns=slow, share=(slow - typical) / excess_ns)
        for name, typical, slow in zip(groups.names, typical_ns, slow_ns, strict=True)
    ]
    return TailAttribution(
        percentile=percentile,
        value_ns=groups.ascending[ceil_rank(percentile, len(accounts)) - 1].end_to_end_ns,
        turn_count=len(accounts),
        typical_count=groups.typical_count,
        slow_count=groups.slow_count,
        typical_ns=sum(typical_ns),
        slow_ns=sum(slow_ns),
        parts=tuple(sorted(parts, key=lambda part: -part.share)),
        confidence=confidence,
        intervals=_intervals(groups, confidence, resamples) if groups.slow_count >= MIN_SLOW_TURNS else {},
    )


def typical_and_slow(
    accounts: Sequence[TurnAccount], percentile: float
) -> tuple[list[TurnAccount], list[TurnAccount]]:
    """Return the middle half of the turns by end-to-end duration, and those above `percentile`.

    The slowest turn is always slow. Of fewer than four turns all are typical.
    """
    ascending = sorted(accounts, key=lambda one: one.end_to_end_ns)
    count = len(ascending)
    slow_from = min(ceil_rank(percentile, count), count - 1)
    return ascending[count // 4 : count - count // 4], ascending[slow_from:]


class _Groups:
    """The turns by end-to-end duration, ready to be drawn from.

    All parts of a turn stand in one large integer, each in a field wide enough for the sum of all turns:
    adding two integers adds all parts, and a resample costs one addition a turn.
    """

    def __init__(self, accounts: Sequence[TurnAccount], percentile: float, rest_name: str) -> None:
        self.ascending = sorted(accounts, key=lambda one: one.end_to_end_ns)
        self.names = [*dict.fromkeys(name for one in accounts for name in one.stages_ns), rest_name]
        count = len(accounts)
        self.typical_from = count // 4
        self.typical_to = count - count // 4
        self.slow_from = min(ceil_rank(percentile, count), count - 1)
        self.typical_count = self.typical_to - self.typical_from
        self.slow_count = count - self.slow_from
        self._width = (count * max(one.end_to_end_ns for one in accounts)).bit_length() + 1
        self._packed = [self._pack(one) for one in self.ascending]

    def means_ns(self) -> tuple[list[float], list[float]]:
        """Return the mean of each part in typical and in slow turns."""
        typical = sum(self._packed[self.typical_from : self.typical_to])
        slow = sum(self._packed[self.slow_from :])
        return self._unpack(typical, self.typical_count), self._unpack(slow, self.slow_count)

    def resampled_means_ns(self, random: Random) -> tuple[list[float], list[float]]:
        """Return the same for as many turns drawn with replacement.

        Drawing and sorting all of them is not needed: the order statistics of uniform numbers are drawn
        from above (each is a beta variate of the one above it), and between two of them the others are
        uniform (Devroye, Non-Uniform Random Variate Generation, 1986, V.3).
        """
        count, slow_count = len(self._packed), self.slow_count
        below = count - slow_count
        # The lowest slow turn is the one of rank `below` + 1; those below it are uniform beneath it.
        slowest_typical = lowest_slow = count * random.betavariate(below + 1, slow_count)
        slow = self._packed[int(lowest_slow)] + self._drawn(random, slow_count - 1, lowest_slow, count)
        if self.typical_to < below:
            slowest_typical *= random.betavariate(self.typical_to + 1, below - self.typical_to)
        lowest = slowest_typical * random.betavariate(self.typical_from, self.typical_count + 1)
        typical = self._drawn(random, self.typical_count, lowest, slowest_typical)
        return self._unpack(typical, self.typical_count), self._unpack(slow, slow_count)

    def _drawn(self, random: Random, draws: int, low: float, high: float) -> int:
        packed, uniform, span = self._packed, random.random, high - low
        return sum([packed[int(low + span * uniform())] for _ in range(draws)])

    def _pack(self, account: TurnAccount) -> int:
        packed = account.rest_ns
        for name in reversed(self.names[:-1]):
            packed = packed << self._width | account.stages_ns.get(name, 0)
        return packed

    def _unpack(self, packed: int, count: int) -> list[float]:
        mask = (1 << self._width) - 1
        return [(packed >> at * self._width & mask) / count for at in range(len(self.names))]


def _intervals(groups: _Groups, confidence: float, resamples: int) -> dict[str, ShareInterval]:
    random = Random(_SEED)  # noqa: S311  # reproducible on purpose; nothing is kept secret by it
    drawn: list[list[float]] = []
    for _ in range(resamples):
        typical_ns, slow_ns = groups.resampled_means_ns(random)
        excess_ns = sum(slow_ns) - sum(typical_ns)
        if excess_ns > 0:  # all turns alike: there is nothing to share out
            drawn.append(
                [(slow - typical) / excess_ns for slow, typical in zip(slow_ns, typical_ns, strict=True)]
            )
    leads = [0] * len(groups.names)
    for shares in drawn:
        leads[shares.index(max(shares))] += 1
    intervals: dict[str, ShareInterval] = {}
    for at, name in enumerate(groups.names):
        ascending = sorted(shares[at] for shares in drawn)
        low = ceil_rank(50 * (1 - confidence), len(ascending)) - 1
        high = ceil_rank(50 * (1 + confidence), len(ascending)) - 1
        intervals[name] = ShareInterval(
            low=ascending[max(low, 0)], high=ascending[high], lead=leads[at] / len(drawn)
        )
    return intervals
