"""What the values of a budget must be, as pure functions that return the mistakes they find.

The frozen objects (`model`, `policy`) raise the first of them; the policy file reports all of them. No
budget object is known here, so that a file's half-right tables can be judged as well.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from latency_kit.units import ns_to_ms

__all__ = [
    "Part",
    "duplicate_series",
    "fit_mistakes",
    "limit_mistake",
    "min_samples_mistake",
    "ms_text",
    "name_mistake",
    "percentile_mistake",
    "text_mistake",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What the sum of allotments needs to know of one of them."""

    name: str
    limit_ns: int
    overlaps: bool
    optional: bool


def name_mistake(name: object) -> str | None:
    """Refuse what cannot be one step of a dotted path: `end_to_end.transcription` is two names."""
    if not isinstance(name, str):
        return f"must be a string, got {_kind(name)}"
    if not name or name != name.strip() or "." in name or not name.isprintable():
        return f"must be a non-empty name without dots, line breaks or surrounding space, got {name!r}"
    return None


def text_mistake(text: object) -> str | None:
    """Refuse what is not a string."""
    return None if isinstance(text, str) else f"must be a string, got {_kind(text)}"


def limit_mistake(limit_ns: object) -> str | None:
    """Refuse a limit that is not a positive whole number of nanoseconds."""
    if not isinstance(limit_ns, int) or isinstance(limit_ns, bool):
        return f"must be a whole number of nanoseconds, got {limit_ns!r}"
    if limit_ns <= 0:
        return f"must be greater than 0 ms, got {ms_text(limit_ns)}"
    return None


def percentile_mistake(percentile: object) -> str | None:
    """Refuse a percentile outside (0, 100]."""
    if not isinstance(percentile, int | float) or isinstance(percentile, bool):
        return f"must be a number, got {_kind(percentile)}"
    if math.isnan(percentile) or not 0 < percentile <= 100:  # noqa: PLR2004  # percent
        return f"must be greater than 0 and at most 100, got {percentile:g}"
    return None


def min_samples_mistake(min_samples: object) -> str | None:
    """Refuse a minimum that is not a whole number of at least 1."""
    if not isinstance(min_samples, int) or isinstance(min_samples, bool):
        return f"must be a whole number, got {min_samples!r}"
    return None if min_samples >= 1 else f"must be at least 1, got {min_samples}"


def fit_mistakes(limit_ns: int, parts: Iterable[Part]) -> Iterator[tuple[str | None, str]]:
    """Yield why `parts` do not fit a limit: the name of the part (None for their sum) and the reason.

    Every part must fit on its own. The parts that run after each other must fit together; one that
    overlaps others takes no time of its own, and an optional one is skipped when it no longer fits, so
    neither counts towards the sum.
    """
    in_sequence: list[Part] = []
    for part in parts:
        if part.limit_ns > limit_ns:
            yield (
                part.name,
                f"{ms_text(part.limit_ns)} does not fit the limit of {ms_text(limit_ns)} above it",
            )
        elif not part.overlaps and not part.optional:
            in_sequence.append(part)
    sum_ns = sum(part.limit_ns for part in in_sequence)
    if sum_ns > limit_ns:
        terms = " + ".join(f"{part.name} {ms_text(part.limit_ns)}" for part in in_sequence)
        reason = (
            f"the stages need {ms_text(sum_ns)} ({terms}), {ms_text(sum_ns - limit_ns)} more than the "
            f"limit of {ms_text(limit_ns)}; lower them, or say overlaps or optional where it is so"
        )
        yield (None, reason)


def duplicate_series(
    budgets: Iterable[tuple[str, tuple[str, str], float]],
) -> Iterator[tuple[str, str]]:
    """Yield each budget that judges what an earlier one judges: its path, and what to do.

    Takes (path, (component, operation), percentile) of each budget. The same series at another
    percentile is another budget: p95 under one limit and p99 under a wider one.
    """
    seen: dict[tuple[tuple[str, str], float], str] = {}
    for path, series, percentile in budgets:
        first = seen.setdefault((series, float(percentile)), path)
        if first != path:
            reason = (
                f"'{series[0]}.{series[1]}' at p{percentile:g} is already judged by {first}; "
                "remove one of them or give it another percentile"
            )
            yield (path, reason)


def ms_text(duration_ns: int) -> str:
    """Write a duration for people: "3000 ms", "0.5 ms"."""
    return f"{ns_to_ms(duration_ns):.12g} ms"


def _kind(given: object) -> str:
    return f"{type(given).__name__} {given!r}"
