"""`choose(...)`: the best alternative that still fits what remains of the deadline, else the fastest."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

from latency_kit.budget.deadline import current_deadline
from latency_kit.budget.decisions import add_span_event, decisions
from latency_kit.budget.model import DEFAULT_MIN_SAMPLES, DEFAULT_PERCENTILE
from latency_kit.budget.recent_latency import RecentLatency, recent_latencies
from latency_kit.budget.rules import percentile_mistake
from latency_kit.errors import UsageError
from latency_kit.measurement.measurement import AttributeValue
from latency_kit.units import NS_PER_MS

__all__ = ["DEFAULT_EXPLORE", "Alternative", "choose"]

T = TypeVar("T")

DEFAULT_EXPLORE: Final = 0.02
"""Share of the choices that take a better alternative although it does not seem to fit."""

_draw = random.Random().random  # noqa: S311  # nothing secret hangs on it


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative(Generic[T]):
    """One way to do the work, and under what name its calls are measured.

    Attributes:
        component: The part of the program, such as "llm".
        operation: What it does, such as "generate_large".
        value: What the caller wants to have back: a function, a model, an address.
        unknown_ms: What it is assumed to need while too little is recorded, in milliseconds; 0 tries it.
    """

    component: str
    operation: str
    value: T
    unknown_ms: float = 0

    @property
    def name(self) -> str:
        """`component.operation`."""
        return f"{self.component}.{self.operation}"


def choose(
    alternatives: Sequence[Alternative[T]],
    *,
    percentile: float = DEFAULT_PERCENTILE,
    margin_ms: float = 0,
    min_samples: int = DEFAULT_MIN_SAMPLES,
    explore: float = DEFAULT_EXPLORE,
    draw: Callable[[], float] = _draw,
) -> Alternative[T]:
    """Return the first of `alternatives`, the best first, that is likely to be done before the deadline.

        chosen = latency_kit.choose([
            Alternative(component="llm", operation="large", value=large_model),
            Alternative(component="llm", operation="small", value=small_model),
        ])
        await chosen.value.answer(question)

    One fits where `percentile` percent of its recent calls (five minutes) needed at most what remains,
    less the margin. Where none fits, the one with the lowest such time is taken. Without a deadline the
    first is taken.

    An alternative that was slow must be tried again to be known as fast. Two rules do so, both bounded:
    a share `explore` of the choices takes the best one that does not seem to fit, unless even its
    quickest recent call took longer than what remains; and one whose calls have all become older than
    five minutes is tried by one choice a second, until `min_samples` new calls tell.

    Args:
        alternatives: In order of preference.
        percentile: How sure to be, in percent.
        margin_ms: What has to be left for the work that follows, in milliseconds.
        min_samples: With fewer recent calls an alternative's `unknown_ms` is assumed.
        explore: Share of the choices, from 0 to 1.
        draw: Returns numbers from [0, 1); give one with a seed to make choices repeatable.

    Raises:
        UsageError: There is no alternative, or a number is out of its range.
    """
    _check(alternatives, percentile, explore)
    deadline = current_deadline()
    if deadline is None:
        return _taken(alternatives[0], "no_deadline", None)
    left_ns = deadline.remaining_ns() - margin_ms * NS_PER_MS
    judged: list[_Judged[T]] = []
    fitting = None
    for alternative in alternatives:
        latency = recent_latencies.of(alternative.component, alternative.operation)
        known_ns = latency.needed_ns(percentile, min_samples)
        needed_ns = alternative.unknown_ms * NS_PER_MS if known_ns is None else known_ns
        if left_ns > 0 and needed_ns <= left_ns:
            fitting = alternative
            break
        is_outdated = known_ns is not None and latency.is_outdated(min_samples)
        judged.append(_Judged(alternative, needed_ns, latency, is_outdated))
    # From here on `judged` holds those that are better than the one that fits, or all of them.
    if left_ns > 0:
        tried = _tried(judged, left_ns, explore, draw)
        if tried is not None:
            return tried
    if fitting is not None:
        return _taken(fitting, "fits", left_ns)
    fastest = min(judged, key=lambda one: one.needed_ns)
    return _taken(fastest.alternative, "fastest", left_ns)


class _Judged(NamedTuple, Generic[T]):
    """An alternative that does not seem to fit."""

    alternative: Alternative[T]
    needed_ns: float
    latency: RecentLatency
    is_outdated: bool


def _tried(
    judged: Sequence[_Judged[T]], left_ns: float, explore: float, draw: Callable[[], float]
) -> Alternative[T] | None:
    """Return the alternative to take although it does not seem to fit, by the two rules, or None."""
    for one in judged:
        if one.is_outdated and one.latency.take_trial():
            return _taken(one.alternative, "trial", left_ns)
    if judged and explore and draw() < explore:
        for one in judged:
            if (one.latency.quickest_ns() or 0) <= left_ns:
                return _taken(one.alternative, "explored", left_ns)
    return None


def _check(alternatives: Sequence[object], percentile: float, explore: float) -> None:
    if not alternatives:
        raise UsageError("choose() needs at least one alternative, the best first")
    mistake = percentile_mistake(percentile)
    if mistake is not None:
        raise UsageError(f"the percentile {mistake}")
    if math.isnan(explore) or not 0 <= explore <= 1:
        raise UsageError(f"explore is a share of the choices from 0 to 1, got {explore!r}")


def _taken(chosen: Alternative[T], why: str, left_ns: float | None) -> Alternative[T]:
    decisions.count(
        "latency.deadline.choices", component=chosen.component, operation=chosen.operation, why=why
    )
    attributes: dict[str, AttributeValue] = {
        "latency.component": chosen.component,
        "latency.operation": chosen.operation,
        "latency.why": why,
    }
    if left_ns is not None:
        attributes["latency.left_ms"] = left_ns / NS_PER_MS
    add_span_event("deadline.choice", attributes)
    return chosen
