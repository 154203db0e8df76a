"""Advice on causes quotes what was measured, and is silent below its bounds."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from latency_kit.measurement.recording import SeriesSnapshot
from latency_kit.report import recommend
from latency_kit.session import Session, TurnAccount

MakeSeries = Callable[..., SeriesSnapshot]
MakeSession = Callable[..., Session]
MakeTurn = Callable[..., TurnAccount]


def _texts(session: Session) -> list[str]:
    return [one.text for one in recommend(session)]


def test_a_queue_wait_that_holds_much_of_a_turn_calls_for_workers_or_a_bound(
    make_session: MakeSession, make_turn: MakeTurn
) -> None:
    turns = (make_turn(2, hear=48, queue_wait=550, finalise=400),) * 5
    assert _texts(make_session(accounts=turns)) == [
        (
            "queue wait before finalise holds 55 % of a typical turn (550 ms of 1000 ms): "
            "give finalise more workers, or its queue a bound, so that what comes too late is given up."
        )
    ]


def test_a_queue_wait_that_makes_slow_turns_slow_is_told_with_the_excess(
    make_session: MakeSession, make_turn: MakeTurn
) -> None:
    usual = [make_turn(0, a=100, b=100, queue_wait=10, c=100)] * 19
    slow = make_turn(0, a=100, b=100, queue_wait=810, c=300)
    (text,) = _texts(make_session(accounts=(*usual, slow)))
    assert text.startswith(
        "queue wait before c takes 800 ms longer in a slow turn than in a typical one, "
        "of 1000 ms that it takes longer in all: give c more workers"
    )


def test_a_short_wait_in_turns_is_not_told(make_session: MakeSession, make_turn: MakeTurn) -> None:
    turns = (make_turn(0, a=400, queue_wait=240, c=360),) * 5
    assert _texts(make_session(accounts=turns)) == []


def test_an_operation_that_waits_longer_than_it_works_is_told(
    make_session: MakeSession, make_series: MakeSeries
) -> None:
    series = (make_series("img.resize", [10] * 20), make_series("img.resize.wait", [45] * 20))
    assert _texts(make_session(series=series)) == [
        (
            "img.resize waits longer than it works: p95 of the wait is 45.0 ms, of the work 10.0 ms, "
            "over 20 calls: give img.resize more workers, or its queue a bound, "
            "so that what comes too late is given up."
        )
    ]


@pytest.mark.parametrize(
    ("wait", "work", "calls"), [(9, 10, 20), (45, 10, 19), (0.5, 0.1, 20), (45, None, 20)]
)
def test_a_wait_that_is_short_or_rare_is_not_told(
    wait: float, work: float | None, calls: int, make_session: MakeSession, make_series: MakeSeries
) -> None:
    series = [make_series("img.resize.wait", [wait] * calls)]
    if work is not None:
        series.append(make_series("img.resize", [work] * calls))
    assert _texts(make_session(series=tuple(series))) == []


def test_a_wait_is_told_once(make_session: MakeSession, make_series: MakeSeries, make_turn: MakeTurn) -> None:
    turns = (make_turn(0, hear=400, **{"img.resize.wait": 400, "img.resize": 200}),) * 5
    series = (make_series("img.resize", [200] * 20), make_series("img.resize.wait", [400] * 20))
    (text,) = _texts(make_session(accounts=turns, series=series))
    assert text.startswith("queue wait before img.resize holds 40 %")


def test_a_kept_event_loop_is_told_with_the_call_that_kept_it(
    make_session: MakeSession, make_series: MakeSeries
) -> None:
    series = (make_series("event_loop.lag", [1] * 49 + [340]),)
    session = make_session(
        series=series, blocking_calls={"json.loads": 20_000_000, "shop.prices.load": 330_000_000}
    )
    assert _texts(session) == [
        (
            "The event loop was kept for up to 340 ms (p99 340 ms, 50 probes); "
            "shop.prices.load was seen in it for 330 ms: await what it does there, or give it to a thread."
        )
    ]
    (text,) = _texts(make_session(series=series))
    assert text.endswith(
        "50 probes): name the blocking call: run with the event-loop probe or the flight recorder on."
    )


def test_an_event_loop_that_came_back_in_time_is_not_told(
    make_session: MakeSession, make_series: MakeSeries
) -> None:
    series = (make_series("event_loop.lag", [1] * 50 + [99]),)
    assert _texts(make_session(series=series, blocking_calls={"x": 99_000_000})) == []


def _cached(make_series: MakeSeries, hits: int, misses: int) -> tuple[SeriesSnapshot, ...]:
    sides = ((True, hits), (False, misses))
    return tuple(
        replace(make_series("llm.embed", [80 if not hit else 1] * count), attributes={"cache.hit": hit})
        for hit, count in sides
        if count
    )


def test_a_cache_that_is_never_hit_is_told(make_session: MakeSession, make_series: MakeSeries) -> None:
    assert _texts(make_session(series=_cached(make_series, 0, 40))) == [
        (
            "0 of 40 calls of llm.embed hit the cache (0 %); a miss takes 80.0 ms in the median: "
            "look at what its key holds and how long entries live, or do without the cache."
        )
    ]
    (text,) = _texts(make_session(series=_cached(make_series, 1, 39)))
    assert text.startswith("1 of 40 calls of llm.embed hit the cache (2.5 %)")


@pytest.mark.parametrize(("hits", "misses"), [(2, 38), (0, 19), (40, 0)])
def test_a_cache_that_is_hit_or_still_fills_is_not_told(
    hits: int, misses: int, make_session: MakeSession, make_series: MakeSeries
) -> None:
    assert _texts(make_session(series=_cached(make_series, hits, misses))) == []
