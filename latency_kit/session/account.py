"""Where the time of one turn went: an exclusive partition of its duration among its stages.

Pure arithmetic on integers. How stages are measured, and what a report makes of the parts, live elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from latency_kit.errors import UsageError

__all__ = ["TurnAccount", "account"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnAccount:
    """The time of one turn, divided among its stages.

    * The stages and the rest add up to the end-to-end duration exactly, in nanoseconds.
    * No part is negative.
    * The mapping never changes after construction.

    Attributes:
        end_to_end_ns: From the start of the turn to its end.
        stages_ns: What each stage holds by itself, in the order in which the stages began.
        rest_ns: What no stage covers: hand-overs, scheduling, and what nobody measures yet.
    """

    end_to_end_ns: int
    stages_ns: Mapping[str, int]
    rest_ns: int

    def __post_init__(self) -> None:
        stages_ns = MappingProxyType(dict(self.stages_ns))
        if self.rest_ns < 0 or any(part_ns < 0 for part_ns in stages_ns.values()):
            raise UsageError(
                f"no part of a turn may be negative, got {dict(stages_ns)} and rest {self.rest_ns} ns"
            )
        total_ns = sum(stages_ns.values()) + self.rest_ns
        if total_ns != self.end_to_end_ns:
            raise UsageError(
                f"stages and rest must add up to the end-to-end duration of {self.end_to_end_ns} ns, "
                f"got {total_ns} ns; let account(...) divide the turn"
            )
        object.__setattr__(self, "stages_ns", stages_ns)


def account(start_ns: int, end_ns: int, stages: Sequence[tuple[str, int, int]]) -> TurnAccount:
    """Divide [start_ns, end_ns] among `stages`, which may overlap, repeat and reach beyond it.

    An instant belongs to the earliest begun stage that still runs (of two that began together, to the one
    given first). Time before `start_ns` and after `end_ns` belongs to nobody. Intervals of the same name
    are added together; a stage that ends up with nothing is kept with 0.

    Args:
        start_ns: Start of the turn on the monotonic clock.
        end_ns: End of the turn on the same clock.
        stages: (name, start_ns, end_ns) of each stage, in any order.

    Raises:
        UsageError: The turn or a stage ends before it starts.
    """
    if end_ns < start_ns:
        raise UsageError(f"a turn must not end before it starts, got start {start_ns} ns and end {end_ns} ns")
    stages_ns: dict[str, int] = {}
    covered_to_ns = start_ns
    # In the order of beginning, whatever an earlier stage covers is its own: one sweep, no overlap search.
    for name, stage_start_ns, stage_end_ns in sorted(stages, key=lambda stage: stage[1]):
        if stage_end_ns < stage_start_ns:
            raise UsageError(
                f"stage {name!r} must not end before it starts, "
                f"got start {stage_start_ns} ns and end {stage_end_ns} ns"
            )
        own_start_ns = max(covered_to_ns, stage_start_ns)
        own_end_ns = min(end_ns, stage_end_ns)
        stages_ns[name] = stages_ns.get(name, 0) + max(0, own_end_ns - own_start_ns)
        covered_to_ns = max(covered_to_ns, own_end_ns)
    turn_ns = end_ns - start_ns
    return TurnAccount(end_to_end_ns=turn_ns, stages_ns=stages_ns, rest_ns=turn_ns - sum(stages_ns.values()))
