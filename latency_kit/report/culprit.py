"""The sentence that names the culprit: what the slowest turns spend their additional time on, and how sure.

Pure. The shares and their intervals come from `latency_kit.session.attribution`.
"""

from collections.abc import Iterator, Sequence

from latency_kit.errors import NoDataError
from latency_kit.report.bottlenecks import SLOW_PERCENTILE
from latency_kit.report.wording import counted, ms_figure, share_figure
from latency_kit.session import Session, ShareInterval, TailAttribution, TurnAccount, attribute_tail
from latency_kit.session.attribution import MIN_SLOW_TURNS

__all__ = ["culprit_lines", "slow_percentile"]

_LOWEST_PERCENTILE = 75
"""Below it slow turns would be typical ones."""


def slow_percentile(session: Session) -> float:
    """Return the percentile above which turns are slow: that of the end-to-end budget, where it has one."""
    judged = (one.budget for one in session.evaluations if one.budget.measures == session.end_to_end)
    percentiles = (budget.percentile for budget in judged)
    fits = (found for found in percentiles if _LOWEST_PERCENTILE <= found < 100)  # noqa: PLR2004  # above p100 is nobody
    return next(fits, SLOW_PERCENTILE)


def culprit_lines(session: Session, accounts: Sequence[TurnAccount], percentile: float) -> Iterator[str]:
    """Yield what the excess of the slowest turns is; nothing where they took no longer than typical ones."""
    try:
        found = attribute_tail(accounts, percentile=percentile)
    except NoDataError:
        return
    value = f"p{found.percentile:g} is {_value(session, found)}"
    longer = f"a slow turn takes {ms_figure(found.excess_ns)} longer than a typical one"
    top = found.parts[0]
    said = _said(top.share)
    interval = found.intervals.get(top.name)
    if interval is None:
        turns = counted(found.slow_count, "slow turn")
        yield f"{value}; {said} of the excess is {top.name}."
        yield f"{_capitalised(longer)}; with {turns} no interval can be given, {MIN_SLOW_TURNS} are needed."
    elif found.stands_out:
        yield f"{value}; {said} of the excess is {top.name} ({_interval(found, interval)})."
        yield f"{_capitalised(longer)}, over {counted(found.slow_count, 'slow turn')}."
    else:
        second = found.parts[1]
        other = found.intervals[second.name]
        yield (
            f"{value}; no part stands out in the excess: {top.name} has {said} of it "
            f"({_interval(found, interval)}), {second.name} {_said(second.share)} "
            f"({_interval(found, other)})."
        )
        yield f"{_capitalised(longer)}, over {counted(found.slow_count, 'slow turn')}."


def _value(session: Session, found: TailAttribution) -> str:
    """Write the end-to-end duration at the percentile, as the table above it does where both have one."""
    if session.end_to_end is not None:
        durations = session.durations(session.end_to_end)
        if durations.has_value_at(found.percentile):
            return ms_figure(durations.value_at_percentile(found.percentile))
    return ms_figure(found.value_ns)


def _said(share: float) -> str:
    # Other parts were shorter there; a share above 100 % would only puzzle.
    return "all" if share >= 1 else share_figure(share)


def _interval(found: TailAttribution, interval: ShareInterval) -> str:
    low, high = (f"{100 * end:.0f} %" for end in (interval.low, interval.high))
    return f"{100 * found.confidence:g} % interval {low} to {high}"


def _capitalised(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
