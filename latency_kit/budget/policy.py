"""A policy: all budgets and objectives of a program, found by name."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from latency_kit.budget.model import LatencyBudget
from latency_kit.budget.objective import Objective
from latency_kit.budget.rules import duplicate_series
from latency_kit.errors import UsageError

__all__ = ["BudgetPolicy", "PlacedBudget"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedBudget:
    """A budget at its place in the tree.

    Attributes:
        path: The names from the top down to the budget itself.
        budget: The budget.
        overlaps: Whether its allotment says that it overlaps other stages; False at the top.
        optional: Whether its allotment says that it is optional; False at the top.
    """

    path: tuple[str, ...]
    budget: LatencyBudget
    overlaps: bool = False
    optional: bool = False

    @property
    def name(self) -> str:
        """The dotted path, such as "end_to_end.transcription": the budget's name in the whole policy."""
        return ".".join(self.path)

    @property
    def depth(self) -> int:
        """0 at the top, 1 for its allotments, and so on."""
        return len(self.path) - 1


@dataclass(frozen=True, slots=True)
class BudgetPolicy:
    """All budgets and objectives of a program; equal whether written in Python or read from a file.

    * Budgets at the top have different names; so have objectives.
    * No series is judged twice at the same percentile, wherever in the tree.
    * `placements` lists every budget of the tree once, each before its allotments, in the order written.

    Attributes:
        budgets: The budgets at the top, each with its tree of allotments.
        objectives: The objectives, in the order written.
        placements: Every budget of the tree, at its place.

    Raises:
        UsageError: Two budgets or two objectives have one name, or two budgets judge the same series at
            the same percentile.
    """

    budgets: tuple[LatencyBudget, ...] = ()
    objectives: tuple[Objective, ...] = ()
    placements: tuple[PlacedBudget, ...] = field(init=False, repr=False, compare=False)
    _by_name: Mapping[str, PlacedBudget] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the whole and index it."""
        budgets = tuple(self.budgets)
        for budget in budgets:
            if not isinstance(budget, LatencyBudget):
                raise UsageError(f"a policy holds LatencyBudget objects, got {type(budget).__name__}")
        placements = tuple(placed for budget in budgets for placed in _placed(budget, ()))
        by_name: dict[str, PlacedBudget] = {}
        for placed in placements:
            if placed.name in by_name:
                raise UsageError(f"two budgets are named {placed.name!r}; give one of them another name")
            by_name[placed.name] = placed
        keyed = ((placed.name, placed.budget.series, placed.budget.percentile) for placed in placements)
        for name, reason in duplicate_series(keyed):
            raise UsageError(f"budget {name!r}: {reason}")
        object.__setattr__(self, "budgets", budgets)
        object.__setattr__(self, "objectives", _checked_objectives(self.objectives))
        object.__setattr__(self, "placements", placements)
        object.__setattr__(self, "_by_name", by_name)

    @property
    def needs_windows(self) -> bool:
        """Whether anything is judged over a rolling window: an objective, or a budget with a window."""
        return bool(self.objectives) or any(placed.budget.window_ns is not None for placed in self.placements)

    def find(self, name: str) -> PlacedBudget:
        """Return the budget with the dotted path `name`.

        Raises:
            UsageError: There is none; the message lists those there are.
        """
        try:
            return self._by_name[name]
        except KeyError:
            known = ", ".join(self._by_name) or "none"
            raise UsageError(f"there is no budget {name!r}; the policy has: {known}") from None


def _checked_objectives(given: Iterable[Objective]) -> tuple[Objective, ...]:
    objectives = tuple(given)
    names = set()
    for objective in objectives:
        if not isinstance(objective, Objective):
            raise UsageError(f"a policy's objectives are Objective objects, got {type(objective).__name__}")
        if objective.name in names:
            raise UsageError(f"two objectives are named {objective.name!r}; give one of them another name")
        names.add(objective.name)
    return objectives


def _placed(
    budget: LatencyBudget, above: tuple[str, ...], *, overlaps: bool = False, optional: bool = False
) -> Iterator[PlacedBudget]:
    path = (*above, budget.name)
    yield PlacedBudget(path=path, budget=budget, overlaps=overlaps, optional=optional)
    for allotment in budget.allotments:
        yield from _placed(allotment.budget, path, overlaps=allotment.overlaps, optional=allotment.optional)
