"""Two profiles of one kind beside each other: which functions take more now, and which less."""

from collections.abc import Sequence
from dataclasses import dataclass

from latency_kit.errors import UsageError
from latency_kit.profiling.profile import Profile, ProfileEntry

__all__ = ["EntryChange", "ProfileComparison", "compare_profiles"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryChange:
    """One function or line, before and after.

    * A side on which it was not seen has nothing: `own`, `total` and `count` of 0 there are true counts.

    Attributes:
        name: As in the entries.
        file: As in the entries.
        category: As in the entries.
        before: Its `own` in the first profile, in the profiles' unit.
        after: Its `own` in the second.
        total_before: Its `total` in the first.
        total_after: Its `total` in the second.
        count_before: Its `count` in the first.
        count_after: Its `count` in the second.
    """

    name: str
    file: str
    category: str
    before: int
    after: int
    total_before: int
    total_after: int
    count_before: int
    count_after: int

    @property
    def change(self) -> int:
        """How much more of its own it has after."""
        return self.after - self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileComparison:
    """Two profiles of one kind.

    Attributes:
        before: The first.
        after: The second.
        changes: Of every function or line in either, the greatest change first, whichever its direction.
    """

    before: Profile
    after: Profile
    changes: tuple[EntryChange, ...]


def compare_profiles(before: Profile, after: Profile) -> ProfileComparison:
    """Set two profiles side by side, function by function.

    Lines move when a file is edited, so functions are matched by name and file, all their lines together.
    Two single runs differ by chance too: this tells where to look, not whether something became slower.

    Raises:
        UsageError: They are of different kinds.
    """
    if before.kind is not after.kind:
        raise UsageError(
            f"a profile of {before.kind.value} ({before.title}) cannot be compared with one of "
            f"{after.kind.value} ({after.title}); give two of one kind"
        )
    sides = (_by_place(before.entries), _by_place(after.entries))
    nothing = (0, 0, 0)
    changes = []
    for place in {**sides[0], **sides[1]}:
        first, second = (side.get(place, nothing) for side in sides)
        changes.append(
            EntryChange(
                name=place[0],
                file=place[1],
                category=place[2],
                before=first[0],
                after=second[0],
                total_before=first[1],
                total_after=second[1],
                count_before=first[2],
                count_after=second[2],
            )
        )
    changes.sort(key=lambda one: (-abs(one.change), one.name))
    return ProfileComparison(before=before, after=after, changes=tuple(changes))


def _by_place(entries: Sequence[ProfileEntry]) -> dict[tuple[str, str, str], tuple[int, int, int]]:
    found: dict[tuple[str, str, str], tuple[int, int, int]] = {}
    for entry in entries:
        place = (entry.name, entry.file, entry.category)
        own, total, count = found.get(place, (0, 0, 0))
        # Lines of one function stand on the same stacks: their totals overlap, the greatest holds for all.
        found[place] = (own + entry.own, max(total, entry.total), count + entry.count)
    return found
