"""What `latency-kit budgets backtest` prints: pure functions, no terminal."""

import json
from collections.abc import Iterator
from typing import Any

from latency_kit.budget import (
    BacktestResult,
    BudgetEvaluation,
    Episode,
    SubjectHistory,
    Verdict,
    instant_text,
    window_text,
)
from latency_kit.cli.history import History
from latency_kit.units import NS_PER_S

__all__ = ["backtest_json", "backtest_lines", "is_all_well"]


def is_all_well(result: BacktestResult, whole: tuple[BudgetEvaluation, ...]) -> bool:
    """Tell whether nothing would have alerted and no budget was breached."""
    return result.is_quiet and not any(one.verdict is Verdict.BREACHED for one in whole)


def backtest_lines(
    result: BacktestResult, whole: tuple[BudgetEvaluation, ...], history: History
) -> Iterator[str]:
    """Yield what became of each objective and budget, with its alerts in the order of time.

    `whole` are the budgets without a window, judged over all of the history.
    """
    if result.end_unix_nano:
        begin, end = instant_text(result.begin_unix_nano), instant_text(result.end_unix_nano)
        yield f"history: {begin} to {end}"
    if history.skipped:
        yield f"{_lines(history.skipped)} could not be read"
    for subject in result.subjects:
        head = f"{subject.subject} {subject.name} ({subject.measures}, {subject.events} calls)"
        yield f"{head}: {'no alert' if not subject.episodes else f'{_alerts(len(subject.episodes))}'}"
        for episode in subject.episodes:
            yield f"  {instant_text(episode.fired.at_unix_nano)}  {episode.fired.message}"
            yield f"    {_end(episode)}{_lead(subject, episode)}"
    for one in whole:
        yield f"budget {one.describe()}"


def backtest_json(result: BacktestResult, whole: tuple[BudgetEvaluation, ...], history: History) -> str:
    """Return the same as JSON: an object with `subjects`, `budgets` and `skipped_lines`."""
    data = {
        "all_well": is_all_well(result, whole),
        "subjects": [_subject_data(subject) for subject in result.subjects],
        "budgets": [_evaluation_data(one) for one in whole],
        "skipped_lines": history.skipped,
    }
    if result.end_unix_nano:
        data["begin"] = instant_text(result.begin_unix_nano)
        data["end"] = instant_text(result.end_unix_nano)
    return json.dumps(data, indent=2, ensure_ascii=False)


def _end(episode: Episode) -> str:
    if episode.ended is None:
        return "still on at the end of the history"
    lasted = _length(episode.ended.at_unix_nano - episode.fired.at_unix_nano)
    return f"{episode.ended.kind.value} after {lasted}"


def _lead(subject: SubjectHistory, episode: Episode) -> str:
    if episode not in subject.alerts:
        return ""
    lead_ns = subject.lead_ns(episode)
    if lead_ns is None:
        return "; no breach followed"
    if lead_ns < 0:
        return f"; {_length(-lead_ns)} after the breach began"
    return f"; {_length(lead_ns)} before the breach"


def _length(length_ns: int) -> str:
    """Write a length to the second; shorter ones to the millisecond."""
    if length_ns >= NS_PER_S:
        length_ns = round(length_ns / NS_PER_S) * NS_PER_S
    return window_text(length_ns) if length_ns else "0s"


def _alerts(number: int) -> str:
    return f"{number} alert{'' if number == 1 else 's'}"


def _lines(number: int) -> str:
    return f"{number} line{'' if number == 1 else 's'}"


def _subject_data(subject: SubjectHistory) -> dict[str, Any]:
    return {
        "subject": subject.subject,
        "name": subject.name,
        "measures": subject.measures,
        "events": subject.events,
        "breaches": [_episode_data(episode) for episode in subject.breaches],
        "alerts": [_alert_data(subject, episode) for episode in subject.alerts],
    }


def _alert_data(subject: SubjectHistory, episode: Episode) -> dict[str, Any]:
    data = {"alert": episode.alert, "severity": episode.fired.severity} | _episode_data(episode)
    lead_ns = subject.lead_ns(episode)
    if lead_ns is not None:
        data["seconds_before_breach"] = lead_ns / NS_PER_S
    return data


def _episode_data(episode: Episode) -> dict[str, Any]:
    data: dict[str, Any] = {
        "fired": instant_text(episode.fired.at_unix_nano),
        "message": episode.fired.message,
        "figures": dict(episode.fired.figures),
    }
    if episode.ended is not None:
        data["ended"] = instant_text(episode.ended.at_unix_nano)
        data["how"] = episode.ended.kind.value
    return data


def _evaluation_data(one: BudgetEvaluation) -> dict[str, Any]:
    return {
        "name": one.name,
        "verdict": one.verdict.value,
        "calls": one.count,
        "failed": one.failed_count,
        "over_limit": one.over_limit_count,
        **({"observed_ms": one.observed_ms} if one.is_observed else {}),
        "limit_ms": one.budget.limit_ms,
    }
