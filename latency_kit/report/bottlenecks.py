"""Which stages hold the time of the turns: of the typical ones and of the slowest.

Pure. Percentiles of stages are never added up: shares are taken within the same turns, whose parts add up
to their end-to-end duration exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from latency_kit.errors import NoDataError
from latency_kit.histogram.percentile import ceil_rank
from latency_kit.session import TurnAccount, typical_and_slow

__all__ = ["SLOW_PERCENTILE", "Breakdown", "StageShare", "break_down"]

SLOW_PERCENTILE = 95
"""Turns above it are the slow ones where no budget says otherwise; the slowest always is."""

_MIN_TURNS_FOR_EXCESS = 4
"""With fewer turns the middle half is all of them, and "typical" would include the slow ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageShare:
    """What one stage (or the rest between stages) holds of a turn.

    Attributes:
        name: The stage.
        typical_ns: Its mean time in a typical turn.
        typical_share: That as a share of the typical turns' end-to-end time, from 0 to 1.
        slow_ns: Its mean time in a slow turn.
        slow_share: That as a share of the slow turns' end-to-end time, from 0 to 1.
    """

    name: str
    typical_ns: float
    typical_share: float
    slow_ns: float
    slow_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    """Where the time of the turns went.

    * The shares of all stages and of the rest add up to 1, in typical and in slow turns alike.
    * Typical turns are the middle half by end-to-end duration, around the median; slow ones are those
      above a percentile, or the slowest one where there are too few.

    Attributes:
        turn_count: All turns that were broken down.
        typical_count: How many of them are typical.
        slow_count: How many are slow.
        typical_end_to_end_ns: Mean end-to-end duration of the typical turns.
        slow_end_to_end_ns: Mean end-to-end duration of the slow turns.
        stages: Every stage, the one with the largest share of a typical turn first.
        rest: What no stage covers.
        rest_p50_ns: The median of that over all turns.
        rest_max_ns: The greatest of that over all turns.
    """

    turn_count: int
    typical_count: int
    slow_count: int
    typical_end_to_end_ns: float
    slow_end_to_end_ns: float
    stages: tuple[StageShare, ...]
    rest: StageShare
    rest_p50_ns: int
    rest_max_ns: int

    @property
    def has_excess(self) -> bool:
        """Whether the slow turns can be told from the typical ones and took longer."""
        enough = self.turn_count >= _MIN_TURNS_FOR_EXCESS
        return enough and self.slow_end_to_end_ns > self.typical_end_to_end_ns

    @property
    def excess_ns(self) -> float:
        """How much longer a slow turn takes than a typical one.

        Raises:
            NoDataError: There is no excess.
        """
        if not self.has_excess:
            raise NoDataError("slow turns did not take longer than typical ones; check has_excess first")
        return self.slow_end_to_end_ns - self.typical_end_to_end_ns

    def excess_by_part(self) -> tuple[tuple[str, float], ...]:
        """Return each stage (and the rest) with its share of the excess, the largest first.

        A stage that is shorter in slow turns has a negative share; all shares add up to 1.

        Raises:
            NoDataError: There is no excess.
        """
        excess_ns = self.excess_ns
        parts = [
            (part.name, (part.slow_ns - part.typical_ns) / excess_ns) for part in (*self.stages, self.rest)
        ]
        return tuple(sorted(parts, key=lambda part: part[1], reverse=True))


def break_down(
    accounts: Sequence[TurnAccount],
    *,
    percentile: float = SLOW_PERCENTILE,
    rest_name: str = "unexplained rest",
) -> Breakdown:
    """Divide the time of the typical and of the slow turns (above `percentile`) among their stages.

    Raises:
        NoDataError: There are no accounts.
    """
    if not accounts:
        raise NoDataError("no turn was broken down into stages; check that there are accounts first")
    count = len(accounts)
    typical, slow = typical_and_slow(accounts, percentile)
    names = dict.fromkeys(name for one in accounts for name in one.stages_ns)
    stages = [
        _share(
            name,
            [one.stages_ns.get(name, 0) for one in typical],
            [one.stages_ns.get(name, 0) for one in slow],
            typical,
            slow,
        )
        for name in names
    ]
    rests_ns = sorted(one.rest_ns for one in accounts)
    return Breakdown(
        turn_count=count,
        typical_count=len(typical),
        slow_count=len(slow),
        typical_end_to_end_ns=_total_ns(typical) / len(typical),
        slow_end_to_end_ns=_total_ns(slow) / len(slow),
        stages=tuple(sorted(stages, key=lambda one: (-one.typical_ns, -one.slow_ns))),
        rest=_share(
            rest_name, [one.rest_ns for one in typical], [one.rest_ns for one in slow], typical, slow
        ),
        rest_p50_ns=rests_ns[ceil_rank(50, count) - 1],
        rest_max_ns=rests_ns[-1],
    )


def _share(
    name: str,
    typical_parts_ns: Sequence[int],
    slow_parts_ns: Sequence[int],
    typical: Sequence[TurnAccount],
    slow: Sequence[TurnAccount],
) -> StageShare:
    # A run of turns that all took 0 ns has nothing to share out; max() keeps that from dividing by it.
    return StageShare(
        name=name,
        typical_ns=sum(typical_parts_ns) / len(typical),
        typical_share=sum(typical_parts_ns) / max(1, _total_ns(typical)),
        slow_ns=sum(slow_parts_ns) / len(slow),
        slow_share=sum(slow_parts_ns) / max(1, _total_ns(slow)),
    )


def _total_ns(accounts: Sequence[TurnAccount]) -> int:
    return sum(one.end_to_end_ns for one in accounts)
