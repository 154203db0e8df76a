"""Running a policy over recorded calls: when it would have alerted, and how that lies to the breaches.

A pure function over calls; it follows them with the code that follows a live program. Where the calls come
from (files of several kinds) is the business of the command line.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import groupby

from latency_kit.budget.budget_tracking import BudgetTracker
from latency_kit.budget.counting import Call
from latency_kit.budget.evaluation import BudgetEvaluation, CallsOfOutcome, evaluate_one
from latency_kit.budget.notices import AlertNotice, NoticeKind
from latency_kit.budget.objective_rules import BREACH
from latency_kit.budget.objective_tracking import ObjectiveTracker
from latency_kit.budget.policy import BudgetPolicy
from latency_kit.histogram import Histogram, HistogramSnapshot
from latency_kit.measurement.measurement import Outcome

__all__ = [
    "BacktestResult",
    "Episode",
    "IntervalOfCalls",
    "SubjectHistory",
    "backtest",
    "evaluate_history",
]

Series = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalOfCalls:
    """Calls of which an interval histogram is all that is known; they count as having ended at its end.

    Attributes:
        at_ns: When the interval ended, as a wall stamp.
        durations: Their durations.
        is_ok: Whether they ended well.
    """

    at_ns: int
    durations: HistogramSnapshot
    is_ok: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One alert from its begin to its end.

    Attributes:
        fired: The notice with which it began.
        ended: The notice with which it ended; None where it was still on at the end of the history.
    """

    fired: AlertNotice
    ended: AlertNotice | None = None

    @property
    def alert(self) -> str:
        """The alert's name; "breach" for the breach itself."""
        return self.fired.alert


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectHistory:
    """What would have become of one objective or windowed budget.

    Attributes:
        subject: "objective" or "budget".
        name: Its name.
        measures: The series that it judges.
        events: Calls of that series in the history.
        episodes: Its alerts, by their begin; breaches are among them.
    """

    subject: str
    name: str
    measures: str
    events: int
    episodes: tuple[Episode, ...]

    @property
    def breaches(self) -> tuple[Episode, ...]:
        """The episodes in which the error budget, or the budget itself, was breached."""
        return tuple(episode for episode in self.episodes if episode.alert == BREACH)

    @property
    def alerts(self) -> tuple[Episode, ...]:
        """The other episodes: burn-rate alerts."""
        return tuple(episode for episode in self.episodes if episode.alert != BREACH)

    def lead_ns(self, alert: Episode) -> int | None:
        """Return how long before a breach an alert fired; negative where it fired after the breach began.

        The breach is the one that was on when the alert fired, else the next one that begins; None where
        there is none.
        """
        at = alert.fired.at_unix_nano
        for breach in self.breaches:
            ended = breach.ended
            if ended is None or ended.at_unix_nano > at:
                return breach.fired.at_unix_nano - at
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestResult:
    """What a policy would have said of a history.

    Attributes:
        subjects: Every objective and every budget with a window, in the order of the policy.
        begin_unix_nano: End of the first call that was judged; 0 where there was none.
        end_unix_nano: End of the last one.
    """

    subjects: tuple[SubjectHistory, ...]
    begin_unix_nano: int = 0
    end_unix_nano: int = 0

    @property
    def is_quiet(self) -> bool:
        """Whether nothing would have alerted and nothing was breached."""
        return not any(subject.episodes for subject in self.subjects)


def backtest(
    policy: BudgetPolicy,
    calls: Mapping[Series, Iterable[Call]],
    *,
    intervals: Mapping[Series, Iterable[IntervalOfCalls]] | None = None,
) -> BacktestResult:
    """Follow every objective and every budget with a window through recorded calls.

    Alerts are judged at the end of every call, and whenever old calls leave a window in between, so that
    their times do not depend on a rhythm of evaluation. Nothing is judged after the last call of a series.

    Args:
        policy: What to judge.
        calls: The calls by (component, operation), each ascending by `at_ns`, which is a wall stamp here.
        intervals: Calls of which only interval histograms are known, each ascending by `at_ns`.
    """
    trackers: list[tuple[str, str, str, ObjectiveTracker | BudgetTracker]] = [
        *(("objective", o.name, o.measures, ObjectiveTracker(o)) for o in policy.objectives),
        *(
            ("budget", placed.name, placed.budget.measures, BudgetTracker(placed, keep_durations=False))
            for placed in policy.placements
            if placed.budget.window_ns is not None
        ),
    ]
    kept = {series: list(its_calls) for series, its_calls in calls.items()}
    kept_intervals = {series: list(its) for series, its in (intervals or {}).items()}
    subjects = []
    for subject, name, measures, tracker in trackers:
        its_calls = kept.get(tracker.series, [])
        its_intervals = kept_intervals.get(tracker.series, [])
        notices = list(_follow(tracker, its_calls, its_intervals))
        subjects.append(
            SubjectHistory(
                subject=subject,
                name=name,
                measures=measures,
                events=len(its_calls) + sum(one.durations.count for one in its_intervals),
                episodes=_episodes(notices),
            )
        )
    judged = {tracker.series for *_, tracker in trackers}
    ends = [
        one.at_ns for series in judged for one in (*kept.get(series, ()), *kept_intervals.get(series, ()))
    ]
    return BacktestResult(
        subjects=tuple(subjects),
        begin_unix_nano=min(ends, default=0),
        end_unix_nano=max(ends, default=0),
    )


def evaluate_history(
    policy: BudgetPolicy,
    calls: Mapping[Series, Iterable[Call]],
    *,
    intervals: Mapping[Series, Iterable[IntervalOfCalls]] | None = None,
) -> tuple[BudgetEvaluation, ...]:
    """Judge every budget without a window over all of the history, in the order of the policy."""
    evaluations = []
    for placed in policy.placements:
        if placed.budget.window_ns is not None:
            continue
        good, failed = Histogram(), Histogram()
        for call in calls.get(placed.budget.series, ()):
            (good if call.is_ok else failed).record(call.duration_ns)
        for interval in (intervals or {}).get(placed.budget.series, ()):
            (good if interval.is_ok else failed).add(interval.durations)
        evaluations.append(
            evaluate_one(
                placed,
                [
                    CallsOfOutcome(outcome=Outcome.OK, histogram=good.snapshot()),
                    CallsOfOutcome(outcome=Outcome.ERROR, histogram=failed.snapshot()),
                ],
            )
        )
    return tuple(evaluations)


def _follow(
    tracker: ObjectiveTracker | BudgetTracker, calls: Sequence[Call], intervals: Sequence[IntervalOfCalls]
) -> Iterator[AlertNotice]:
    """Yield what the tracker says, told of calls that end at the same time at once."""
    counts = tracker.counts
    everything: Iterator[Call | IntervalOfCalls] = merge(calls, intervals, key=_end)
    steady_until_ns: int | None = None
    for at_ns, ended in groupby(everything, key=_end):
        while steady_until_ns is not None and steady_until_ns < at_ns:
            yield from tracker.changes(steady_until_ns)
            steady_until_ns = counts.next_expiry_ns()
        together = []
        for one in ended:
            if isinstance(one, Call):
                together.append(one)
            else:
                counts.add_interval(at_ns, one.durations, is_ok=one.is_ok)
        counts.add(together)
        yield from tracker.changes(at_ns)
        if steady_until_ns is None or steady_until_ns <= at_ns:
            steady_until_ns = counts.next_expiry_ns()
        else:
            # A window that was empty has its first call now.
            steady_until_ns = min(steady_until_ns, counts.first_expiry_of(at_ns))


def _end(one: Call | IntervalOfCalls) -> int:
    return one.at_ns


def _episodes(notices: Sequence[AlertNotice]) -> tuple[Episode, ...]:
    episodes: list[Episode] = []
    running: dict[str, int] = {}
    for notice in notices:
        if notice.kind is NoticeKind.FIRED:
            running[notice.alert] = len(episodes)
            episodes.append(Episode(fired=notice))
        else:
            at = running.pop(notice.alert)
            episodes[at] = Episode(fired=episodes[at].fired, ended=notice)
    return tuple(episodes)
