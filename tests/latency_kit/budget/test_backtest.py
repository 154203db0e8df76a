"""Alert times against truth that is computed here, from raw calls and the definitions, by brute force."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import accumulate

import pytest

from latency_kit.budget import BudgetPolicy, BurnRateAlert, LatencyBudget, NoticeKind, Objective
from latency_kit.budget.backtesting import BacktestResult, IntervalOfCalls, backtest
from latency_kit.budget.counting import Call
from latency_kit.budget.policy import PlacedBudget
from latency_kit.histogram import Histogram

S = 1_000_000_000
MINUTE = 60 * S
HOUR = 3600 * S
BEGIN = 1_767_225_600 * S
SERIES = ("llm", "answer")

PAGE = BurnRateAlert(name="page", long_window_ns=10 * MINUTE, short_window_ns=MINUTE, burn_rate=10)
TICKET = BurnRateAlert(
    name="ticket", long_window_ns=HOUR, short_window_ns=10 * MINUTE, burn_rate=2, severity="ticket"
)


def objective(**fields: object) -> Objective:
    given: dict[str, object] = {
        "name": "answers",
        "component": "llm",
        "operation": "answer",
        "threshold_ns": S,
        "target": 0.99,
        "window_ns": 6 * HOUR,
        "alerts": (PAGE, TICKET),
    }
    return Objective(**(given | fields))  # type: ignore[arg-type]


def calls_of(is_bad: Callable[[int], bool], *, seconds: int, every_s: int = 1) -> list[Call]:
    return [
        Call(BEGIN + at * S + 7, 2 * S if is_bad(at) else S // 2, is_ok=True)
        for at in range(0, seconds, every_s)
    ]


INCIDENTS = {
    "sudden": calls_of(lambda at: at >= 7200, seconds=7500),
    "slow drift": calls_of(lambda at: (at * 7919) % 100_000 < (at - 3000) // 2, seconds=16_000, every_s=3),
    "a spike shorter than the window": calls_of(lambda at: 2400 <= at < 2420, seconds=5000),
    "a recovery": calls_of(lambda at: 4000 <= at < 4900 and at % 8 == 0, seconds=12_000, every_s=4),
    "low traffic": calls_of(lambda at: at % 1500 == 0, seconds=60_000, every_s=50),
    "low traffic and an outage": calls_of(lambda at: at > 20_000, seconds=30_000, every_s=5),
    "traffic stops in an outage": [
        *calls_of(lambda at: at >= 3600, seconds=4200),
        *(call._replace(at_ns=call.at_ns + 9000 * S) for call in calls_of(lambda _: False, seconds=900)),
    ],
    "nothing bad": calls_of(lambda _: False, seconds=3000),
}


class Truth:
    """What alerts do, by their definition: sums over raw calls, one moment after the other."""

    def __init__(self, calls: Sequence[Call], tested: Objective, *, aligned: bool) -> None:
        self.times = [call.at_ns for call in calls]
        self.bad = [0, *accumulate(call.duration_ns > tested.threshold_ns for call in calls)]
        self.tested = tested
        self.aligned = aligned

    def begin_of(self, window_ns: int, now: int) -> int:
        """The first instant of the window: to the nanosecond, or as documented for 120 intervals."""
        if not self.aligned:
            return now - window_ns + 1
        interval = window_ns // 120
        return now // interval * interval - 120 * interval

    def leaves(self, window_ns: int, at: int) -> int:
        if not self.aligned:
            return at + window_ns
        interval = window_ns // 120
        return at // interval * interval + 121 * interval

    def sums(self, window_ns: int, now: int) -> tuple[int, int]:
        low = bisect_left(self.times, self.begin_of(window_ns, now))
        high = bisect_right(self.times, now)
        return high - low, self.bad[high] - self.bad[low]

    def moments(self) -> list[int]:
        windows = self.tested.windows_ns
        found = set(self.times)
        found |= {self.leaves(window, at) for at in self.times for window in windows}
        return sorted(at for at in found if at <= self.times[-1])

    def burns(self, window_ns: int, now: int, rate: float) -> bool:
        events, bad = self.sums(window_ns, now)
        allowed = 1 - Fraction(str(self.tested.target))
        return Fraction(bad, events) / allowed > Fraction(str(rate))

    def burn_alert(self, alert: BurnRateAlert, now: int) -> str:
        needed = self.tested.min_events
        if self.sums(alert.long_window_ns, now)[0] < needed:
            return "lost"
        share = Fraction(alert.short_window_ns, alert.long_window_ns)
        if self.sums(alert.short_window_ns, now)[0] < needed * share:
            return "unclear"
        both = all(
            self.burns(window, now, alert.burn_rate)
            for window in (alert.long_window_ns, alert.short_window_ns)
        )
        return "on" if both else "off"

    def breach(self, now: int) -> str:
        events, bad = self.sums(self.tested.window_ns, now)
        if events < self.tested.min_events:
            return "lost"
        return "on" if bad > events * (1 - Fraction(str(self.tested.target))) else "off"

    def changes(self) -> list[tuple[int, str, NoticeKind]]:
        seen = []
        on: set[str] = set()
        for now in self.moments():
            says = {alert.name: self.burn_alert(alert, now) for alert in self.tested.alerts}
            says["breach"] = self.breach(now)
            for name, said in says.items():
                if said == "on" and name not in on:
                    on.add(name)
                    seen.append((now, name, NoticeKind.FIRED))
                elif said in {"off", "lost"} and name in on:
                    on.remove(name)
                    seen.append((now, name, NoticeKind.RECOVERED if said == "off" else NoticeKind.NO_DATA))
        return sorted(seen)


def found_changes(result: BacktestResult) -> list[tuple[int, str, NoticeKind]]:
    (subject,) = result.subjects
    notices = [
        notice
        for episode in subject.episodes
        for notice in (episode.fired, episode.ended)
        if notice is not None
    ]
    return sorted((notice.at_unix_nano, notice.alert, notice.kind) for notice in notices)


def run(calls: Sequence[Call], tested: Objective) -> BacktestResult:
    return backtest(BudgetPolicy((), (tested,)), {SERIES: calls})


@pytest.mark.parametrize("incident", INCIDENTS)
def test_alerts_begin_and_end_when_the_definition_says_so_to_the_nanosecond(incident: str) -> None:
    calls = INCIDENTS[incident]
    assert found_changes(run(calls, objective())) == Truth(calls, objective(), aligned=True).changes()


@pytest.mark.parametrize("incident", ["sudden", "slow drift", "a recovery", "low traffic and an outage"])
def test_the_windows_coarse_edge_moves_an_alert_by_at_most_an_interval_of_its_long_window(
    incident: str,
) -> None:
    calls = INCIDENTS[incident]
    for alert in (PAGE, TICKET):
        name, interval = alert.name, alert.long_window_ns // 120
        first_found, first_true = (
            next(
                (at for at, alert_name, kind in changes if alert_name == name and kind is NoticeKind.FIRED), 0
            )
            for changes in (
                found_changes(run(calls, objective())),
                Truth(calls, objective(), aligned=False).changes(),
            )
        )
        assert abs(first_found - first_true) <= interval


def test_the_incidents_are_what_they_are_called() -> None:
    by_incident = {name: run(calls, objective()).subjects[0] for name, calls in INCIDENTS.items()}
    fired = {name: [e.alert for e in subject.episodes] for name, subject in by_incident.items()}
    assert {"page", "ticket", "breach"} == set(fired["sudden"])
    assert "ticket" in fired["slow drift"]
    assert fired["nothing bad"] == []
    assert fired["a spike shorter than the window"] == []
    recovered = by_incident["a recovery"]
    assert all(episode.ended is not None for episode in recovered.alerts)
    assert by_incident["low traffic"].alerts == ()
    stopped = by_incident["traffic stops in an outage"]
    assert NoticeKind.NO_DATA in {e.ended.kind for e in stopped.episodes if e.ended is not None}


def test_a_sudden_outage_is_told_with_the_time_it_left_until_the_breach() -> None:
    (subject,) = run(INCIDENTS["sudden"], objective()).subjects
    page = next(episode for episode in subject.alerts if episode.alert == "page")
    (breach,) = subject.breaches
    # Bad from second 7200 on: 61 bad of 601 calls in the ten minutes exceed a tenth; 73 of 7273 exceed 1 %.
    fired_after_s = (page.fired.at_unix_nano - BEGIN) // S - 7200
    breached_after_s = (breach.fired.at_unix_nano - BEGIN) // S - 7200
    assert fired_after_s == pytest.approx(60, abs=5)
    assert breached_after_s == 72
    assert subject.lead_ns(page) == (breached_after_s - fired_after_s) * S
    assert page.ended is None


def test_a_breach_that_began_before_the_alert_gives_a_negative_lead_and_no_breach_gives_none() -> None:
    drift = calls_of(lambda at: at % 90 == 0 or at > 9000, seconds=10_000)
    (subject,) = run(drift, objective(alerts=(PAGE,))).subjects
    lead = subject.lead_ns(subject.alerts[0])
    assert lead is not None
    assert lead < 0
    recovered = calls_of(lambda at: 20_000 <= at < 20_130, seconds=21_500)
    (subject,) = run(recovered, objective(alerts=(PAGE,))).subjects
    assert subject.breaches == ()
    assert [subject.lead_ns(alert) for alert in subject.alerts] == [None]


def test_interval_histograms_count_as_calls_at_the_end_of_their_interval() -> None:
    intervals, calls = [], []
    for minute in range(60):
        histogram = Histogram()
        durations = [2 * S if minute >= 40 else S // 2] * 50
        histogram.record_many(durations)
        at = BEGIN + (minute + 1) * MINUTE
        intervals.append(IntervalOfCalls(at_ns=at, durations=histogram.snapshot()))
        calls += [Call(at, duration, is_ok=True) for duration in durations]
    policy = BudgetPolicy((), (objective(),))
    from_intervals = backtest(policy, {}, intervals={SERIES: intervals})
    assert found_changes(from_intervals) == found_changes(backtest(policy, {SERIES: calls})) != []
    assert from_intervals.subjects[0].events == 3000
    failed = [IntervalOfCalls(at_ns=i.at_ns, durations=i.durations, is_ok=False) for i in intervals]
    assert found_changes(backtest(policy, {}, intervals={SERIES: failed}))[0][0] == BEGIN + 2 * MINUTE


def test_a_windowed_budget_is_breached_when_the_percentile_of_its_window_is_over_the_limit() -> None:
    budget = LatencyBudget(
        name="answer", component="llm", operation="answer", limit_ns=S, percentile=95, window_ns=10 * MINUTE
    )
    calls = calls_of(lambda at: 3000 <= at < 3100, seconds=9000)
    (subject,) = backtest(BudgetPolicy((budget,)), {SERIES: calls}).subjects
    (episode,) = subject.episodes
    interval = 10 * MINUTE // 120

    def is_breached(now: int) -> bool:
        begin = now // interval * interval - 120 * interval
        durations = sorted(call.duration_ns for call in calls if begin <= call.at_ns <= now)
        rank = -(-95 * len(durations) // 100)
        return durations[rank - 1] > S

    moments = [BEGIN + 2900 * S + half * S // 2 for half in range(2 * 900)]
    breached = [now for now in moments if is_breached(now)]
    assert abs(episode.fired.at_unix_nano - breached[0]) <= S // 2
    assert episode.ended is not None
    assert abs(episode.ended.at_unix_nano - breached[-1]) <= S // 2
    assert episode.ended.kind is NoticeKind.RECOVERED
    assert (subject.subject, subject.name, subject.measures) == ("budget", "answer", "llm.answer")
    assert PlacedBudget(path=("answer",), budget=budget).name == "answer"


def test_what_has_no_calls_is_quiet() -> None:
    result = backtest(BudgetPolicy((), (objective(),)), {})
    assert result.is_quiet
    assert (result.begin_unix_nano, result.end_unix_nano, result.subjects[0].events) == (0, 0, 0)
