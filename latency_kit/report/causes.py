"""Advice on causes that a measurement names by itself: queues, a kept event loop, caches without hits.

Pure. A rule that finds nothing says nothing; each threshold stands as a constant with its reason.
"""

from collections.abc import Collection, Iterator

from latency_kit.histogram import HistogramSnapshot
from latency_kit.report.bottlenecks import Breakdown
from latency_kit.report.recommendation import Recommendation
from latency_kit.report.stage_words import is_wait_words, waited_for
from latency_kit.report.wording import counted, ms_figure, share_figure
from latency_kit.session import Session
from latency_kit.units import NS_PER_MS

__all__ = [
    "CACHE_HIT_ATTRIBUTE",
    "EVENT_LOOP_LAG",
    "cacheless",
    "kept_loops",
    "long_queue_waits",
    "long_waits_of_turns",
]

CACHE_HIT_ATTRIBUTE = "cache.hit"
"""The attribute (true or false) that, as a dimension of a series, tells calls that hit a cache."""

EVENT_LOOP_LAG = "event_loop.lag"
"""The series of the event-loop probe: how late its callbacks ran."""

WAIT_SHARE = 0.25
"""A queue wait that holds a quarter of a turn is seldom worth less than one more worker."""

WAIT_EXCESS_SHARE = 0.5
"""A queue wait with more than half of the excess is what makes slow turns slow."""

WAIT_MIN_NS = NS_PER_MS
"""Below it a hand-over between threads takes as long."""

WAIT_MIN_CALLS = 20
"""The fewest calls of which p95 is not simply the longest."""

KEPT_LOOP_NS = 100 * NS_PER_MS
"""asyncio's own bound for a slow callback (`loop.slow_callback_duration`)."""

CACHE_MIN_CALLS = 20
"""With fewer calls a cache may still be filling."""

CACHE_MIN_HIT_SHARE = 0.05
"""A cache that is hit less often than this costs more than it saves unless a miss is very dear."""


def long_waits_of_turns(breakdown: Breakdown) -> Iterator[Recommendation]:
    """Yield advice on queue waits that hold much of a typical turn, or most of what makes slow turns slow."""
    excess = dict(breakdown.excess_by_part()) if breakdown.has_excess else {}
    for stage in breakdown.stages:
        if not is_wait_words(stage.name):
            continue
        if stage.typical_share >= WAIT_SHARE:
            finding = (
                f"{stage.name} holds {share_figure(stage.typical_share)} of a typical turn "
                f"({ms_figure(stage.typical_ns)} of {ms_figure(breakdown.typical_end_to_end_ns)})"
            )
        elif excess.get(stage.name, 0) > WAIT_EXCESS_SHARE:
            longer_ns = stage.slow_ns - stage.typical_ns
            finding = (
                f"{stage.name} takes {ms_figure(longer_ns)} longer in a slow turn than in a typical one, "
                f"of {ms_figure(breakdown.excess_ns)} that it takes longer in all"
            )
        else:
            continue
        yield Recommendation(about=stage.name, finding=finding, advice=_wait_advice(waited_for(stage.name)))


def long_queue_waits(session: Session, *, known: Collection[str]) -> Iterator[Recommendation]:
    """Yield advice on operations whose calls wait longer than they work, and that `known` is not about."""
    for name in session.series_names:
        operation = name.removesuffix(".wait")
        if operation == name or any(about.endswith(f"queue wait before {operation}") for about in known):
            continue
        waits, work = session.durations(name), session.durations(operation)
        if waits.count < WAIT_MIN_CALLS or not (waits.has_value_at(95) and work.has_value_at(95)):
            continue
        wait_ns, work_ns = waits.value_at_percentile(95), work.value_at_percentile(95)
        if wait_ns >= WAIT_MIN_NS and wait_ns > work_ns:
            yield Recommendation(
                about=name,
                finding=(
                    f"{operation} waits longer than it works: p95 of the wait is {ms_figure(wait_ns)}, "
                    f"of the work {ms_figure(work_ns)}, over {counted(waits.count, 'call')}"
                ),
                advice=_wait_advice(operation),
            )


def _wait_advice(operation: str) -> str:
    return f"give {operation} more workers, or its queue a bound, so that what comes too late is given up"


def kept_loops(session: Session) -> Iterator[Recommendation]:
    """Yield advice where something kept the event loop, with the call that did where it is known."""
    lag = session.durations(EVENT_LOOP_LAG)
    worst = max(session.blocking_calls.items(), key=lambda call: call[1], default=None)
    if not lag.good.count or lag.max_ns < KEPT_LOOP_NS:
        return
    finding = f"The event loop was kept for up to {ms_figure(lag.max_ns)}"
    if lag.has_value_at(99):
        finding += f" (p99 {ms_figure(lag.value_at_percentile(99))}, {counted(lag.count, 'probe')})"
    if worst is None:
        advice = "name the blocking call: run with the event-loop probe or the flight recorder on"
    else:
        where, seen_ns = worst
        finding += f"; {where} was seen in it for {ms_figure(seen_ns)}"
        advice = "await what it does there, or give it to a thread"
    yield Recommendation(about=EVENT_LOOP_LAG, finding=finding, advice=advice)


def cacheless(session: Session) -> Iterator[Recommendation]:
    """Yield advice on caches that are hardly ever hit."""
    calls: dict[str, dict[bool, HistogramSnapshot]] = {}
    for one in session.series:
        hit = one.attributes.get(CACHE_HIT_ATTRIBUTE)
        if isinstance(hit, bool):
            sides = calls.setdefault(one.name, {})
            sides[hit] = sides[hit].merge(one.histogram) if hit in sides else one.histogram
    for name, sides in calls.items():
        hits = sides[True].count if True in sides else 0
        misses = sides[False].count if False in sides else 0
        total = hits + misses
        if total < CACHE_MIN_CALLS or hits >= CACHE_MIN_HIT_SHARE * total:
            continue
        miss_ns = sides[False].value_at_percentile(50)
        yield Recommendation(
            about=name,
            finding=(
                f"{hits} of {counted(total, 'call')} of {name} hit the cache "
                f"({share_figure(hits / total)}); a miss takes {ms_figure(miss_ns)} in the median"
            ),
            advice="look at what its key holds and how long entries live, or do without the cache",
        )
