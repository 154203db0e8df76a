"""From weighted stacks to the entries of a profile: what each function or line has of its own, and in all."""

from collections.abc import Iterable

from latency_kit.profiling.profile import ProfileEntry
from latency_kit.profiling.stacks import Frame, Stack

__all__ = ["entries_of"]


def entries_of(
    stacks: Iterable[tuple[Stack, int, int]], *, category: str, by_line: bool
) -> list[ProfileEntry]:
    """Return one entry for each function, or for each line, that stands on a stack.

    A function that stands on a stack twice (recursion) is counted once in its total.

    Args:
        stacks: Each with its weight and its count.
        category: Of the entries.
        by_line: Whether two lines of one function are two entries.
    """
    own: dict[Frame, int] = {}
    total: dict[Frame, int] = {}
    counts: dict[Frame, int] = {}
    lines: dict[Frame, int] = {}
    for stack, weight, count in stacks:
        if not stack:
            continue
        places = [frame if by_line else frame._replace(line=0) for frame in stack]
        for place, frame in zip(places, stack, strict=True):
            lines.setdefault(place, frame.line)
        own[places[-1]] = own.get(places[-1], 0) + weight
        counts[places[-1]] = counts.get(places[-1], 0) + count
        for place in set(places):
            total[place] = total.get(place, 0) + weight
    return [
        ProfileEntry(
            name=place.name,
            file=place.file,
            line=lines[place],
            category=category,
            count=counts.get(place, 0),
            own=own.get(place, 0),
            total=weight,
        )
        for place, weight in total.items()
    ]
