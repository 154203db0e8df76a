"""The slowest traces are kept whole, typical ones are drawn at random, and memory is bounded."""

from types import SimpleNamespace
from typing import Any

import pytest

from latency_kit.errors import UsageError
from latency_kit.measurement.measurement import Measurement
from latency_kit.session import KeptTrace, SpanRecord, TraceKeeper
from latency_kit.session import trace_keeper as bounds
from latency_kit.session.kept_trace import MAX_SPANS, kept_trace, slowest_of_measurements


def span(
    trace: int, number: int, start: int, end: int, *, parent: int | None = None, name: str = "a.b"
) -> Any:
    """A finished span as the keeper reads it."""
    above = None if parent is None else SimpleNamespace(span_id=parent, trace_id=trace, is_remote=False)
    return SimpleNamespace(
        name=name,
        context=SimpleNamespace(trace_id=trace, span_id=number),
        parent=above,
        start_time=start,
        end_time=end,
        attributes={},
        links=(),
    )


def kept(keeper: TraceKeeper, *spans: Any) -> TraceKeeper:
    keeper.take(spans)
    keeper.look()
    keeper.look()
    return keeper


def test_the_slowest_traces_are_kept_slowest_first() -> None:
    keeper = TraceKeeper(most=3)
    order = [(7 * number) % 1000 for number in range(1, 1000)]
    for number in order:
        keeper.take([span(number, 1, 0, number)])
    keeper.look(is_last=True)
    assert [trace.duration_ns for trace in keeper.slowest()] == [999, 998, 997]
    assert keeper.left_out()["traces that were not among the slowest"] == 996


def test_a_trace_is_complete_a_look_after_its_root_has_ended() -> None:
    keeper = TraceKeeper()
    keeper.take([span(1, 2, 3, 5, parent=1), span(1, 1, 0, 9)])
    keeper.look()
    assert keeper.slowest() == ()
    keeper.take([span(1, 3, 5, 9, parent=1, name="late")])
    keeper.look()
    assert [one.name for one in keeper.slowest()[0].spans] == ["a.b", "a.b", "late"]


def test_traces_are_ranked_and_explained_by_the_end_to_end_operation() -> None:
    keeper = TraceKeeper(end_to_end="turn.end_to_end", most=1)
    for trace, speech, answer in ((1, 900, 50), (2, 100, 70)):
        end = speech + answer
        keeper.take([span(trace, 2, speech, end, parent=1, name="turn.end_to_end"), span(trace, 1, 0, end)])
    keeper.take([span(3, 1, 0, 5000, name="something else")])
    keeper.look(is_last=True)
    (slowest,) = keeper.slowest()
    assert (slowest.trace_id, slowest.duration_ns, keeper.seen) == (2, 70, 2)


def test_a_trace_whose_root_is_in_another_process_is_complete_with_its_first_span_here() -> None:
    entry = span(1, 2, 0, 9, parent=1)
    entry.parent.is_remote = True
    assert kept(TraceKeeper(), entry).slowest()[0].duration_ns == 9


def test_accounts_are_of_traces_drawn_with_the_same_chance_each() -> None:
    """Of 2000 traces of 0 to 1999 ns, 200 are drawn: their mean is within four standard errors of 999.5."""
    keeper = TraceKeeper(accounts=200)
    for number in range(2000):
        keeper.take([span(number + 1, 1, 10_000 * number, 10_000 * number + number)])
    keeper.look(is_last=True)
    durations = [account.end_to_end_ns for account in keeper.accounts()]
    assert len(durations) == 200
    assert durations == sorted(durations)  # the order of time
    assert abs(sum(durations) / 200 - 999.5) < 4 * 577 / 200**0.5


def test_an_account_divides_the_trace_by_its_critical_path() -> None:
    keeper = kept(TraceKeeper(), span(1, 2, 2, 6, parent=1, name="llm.generate"), span(1, 1, 0, 9))
    (account,) = keeper.accounts()
    assert (account.end_to_end_ns, dict(account.stages_ns), account.rest_ns) == (9, {"llm.generate": 4}, 5)


def test_what_is_beyond_a_bound_is_forgotten_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_ARRIVED", 3)
    monkeypatch.setattr(bounds, "MAX_OPEN", 2)
    keeper = TraceKeeper()
    keeper.take([span(number, 2, 0, 1, parent=1) for number in range(1, 6)])
    keeper.look()
    assert keeper.forgotten == {"spans that came too fast": 2, "spans without a root": 1}
    keeper.look(is_last=True)
    assert keeper.left_out() == {"spans that came too fast": 2, "spans without a root": 3}


def test_of_a_trace_of_many_spans_the_longest_are_kept_and_the_explained_one_always() -> None:
    records = [
        SpanRecord(
            name="x", span_id=number, parent_id=1, start_ns=0, end_ns=number, attributes={"t": "y" * 999}
        )
        for number in range(1, MAX_SPANS + 11)
    ]
    trace = kept_trace(5, records, records[0])
    assert (len(trace.spans), trace.left_out, trace.explained.span_id) == (MAX_SPANS, 10, 1)
    assert min(one.span_id for one in trace.spans if one.span_id != 1) == 12
    assert len(str(trace.explained.attributes["t"])) == 200


def test_a_trace_must_have_the_span_that_it_explains() -> None:
    with pytest.raises(UsageError, match="none of its spans"):
        KeptTrace(trace_id=1, explained_id=2, spans=())


def test_without_a_keeper_the_slowest_traces_are_found_among_recent_measurements() -> None:
    calls = [
        Measurement(
            component="a",
            operation=operation,
            start_ns=start,
            end_ns=end,
            start_unix_nano=start,
            trace_id=trace,
            span_id=number,
        )
        for number, (trace, operation, start, end) in enumerate(
            [(1, "part", 2, 3), (1, "b", 0, 9), (2, "b", 0, 20), (None, "b", 0, 99)], start=1
        )
    ]
    traces, others = slowest_of_measurements(calls, end_to_end="a.b", most=1)
    assert ([one.duration_ns for one in traces], others) == ([20], 1)
