"""End-to-end operations go on in other processes, and the time between checkpoints is a series."""

import subprocess
import sys
from typing import Any

import pytest

import latency_kit
from latency_kit import Outcome, UsageError
from latency_kit.measurement import end_to_end
from latency_kit.measurement.active import active
from latency_kit.measurement.end_to_end import resume
from latency_kit.testing import Capture, FakeClock, capture_measurements


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["one clock", "two clocks"])
def shares_clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    shared: bool = request.param == "one clock"
    monkeypatch.setattr(end_to_end, "_clock_identity", lambda: "a boot" if shared else "")
    return shared


def intervals_of(captured: Capture) -> dict[str, tuple[Outcome, int]]:
    return {one.name: (one.outcome, one.histogram.max_ns) for one in captured.series}


def test_the_time_between_checkpoints_is_a_series(clock: FakeClock) -> None:
    pairs = [("start", "heard"), ("heard", "answered"), ("answered", "end"), ("heard", "painted")]
    with capture_measurements(clock=clock) as captured:
        turn = latency_kit.begin("turn", "answer", intervals=pairs)
        clock.advance(ns=10)
        turn.checkpoint("heard")
        clock.advance(ns=500)
        turn.checkpoint("answered")
        clock.advance(ns=7)
        turn.end(outcome=Outcome.TIMED_OUT)
        turn.end()
    assert intervals_of(captured) == {
        "turn.answer": (Outcome.TIMED_OUT, 517),
        "turn.answer.start_to_heard": (Outcome.TIMED_OUT, 10),
        "turn.answer.heard_to_answered": (Outcome.TIMED_OUT, 500),
        "turn.answer.answered_to_end": (Outcome.TIMED_OUT, 7),
    }
    assert all(one.histogram.count == 1 for one in captured.series)
    assert [one.name for one in captured.measurements] == ["turn.answer"]


def test_checkpoints_passed_in_another_order_make_no_interval(clock: FakeClock) -> None:
    with capture_measurements(clock=clock) as captured:
        turn = latency_kit.begin("turn", "answer", intervals=[("heard", "answered")])
        turn.checkpoint("answered")
        clock.advance(ns=1)
        turn.checkpoint("heard")
        turn.end()
    assert set(intervals_of(captured)) == {"turn.answer"}


def test_an_operation_goes_on_elsewhere_with_its_start_and_checkpoints(
    clock: FakeClock, *, shares_clock: bool
) -> None:
    with capture_measurements(clock=clock) as captured:
        first = latency_kit.begin("turn", "answer")
        clock.advance(ns=100)
        first.checkpoint("heard, at last")
        clock.advance(ns=50)
        carrier = first.carrier()
        clock.advance(ns=8)
        goes_on = resume(carrier, "turn", "shown", intervals=[("heard, at last", "end")])
        clock.advance(ns=2)
        goes_on.end()
    way_ns = 8 if shares_clock else 0
    assert captured.named("turn.shown")[0].duration_ns == 152 + way_ns
    assert goes_on.checkpoints == {"heard, at last": goes_on.start_ns + 100}
    assert intervals_of(captured)["turn.shown.heard, at last_to_end"] == (Outcome.OK, 52 + way_ns)


def test_a_carrier_is_strings_that_headers_can_hold_and_tells_no_wall_time(clock: FakeClock) -> None:
    with capture_measurements(clock=clock):
        operation = latency_kit.begin("turn", "answer")
        operation.checkpoint("gehört\n=,")
        carrier = operation.carrier()
    for key, value in carrier.items():
        assert f"{key}: {value}".isascii()
        assert f"{key}: {value}".isprintable()
    assert not any(str(clock.unix_nano())[:6] in value for value in carrier.values())
    with capture_measurements(clock=clock):
        assert list(resume(carrier, "turn", "shown").checkpoints) == ["gehört\n=,"]


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"latency-begun-ago-ns": "soon"},
        {"latency-begun-ago-ns": "-5"},
        {"latency-begun-ago-ns": str(10**20)},
        {"latency-begun-ago-ns": "5", "latency-checkpoints": "heard"},
        {"latency-begun-ago-ns": "5", "latency-checkpoints": f"heard={10**30}"},
        {"latency-begun-ago-ns": "5", "latency-clock": "a boot"},
        {"latency-begun-ago-ns": "5", "latency-clock": "a boot", "latency-start-ns": "x"},
        {"traceparent": "00-zz", "latency-begun-ago-ns": ""},
        {"latency-begun-ago-ns": None},
        None,
        3,
    ],
)
def test_a_malformed_carrier_begins_an_operation_and_is_counted(
    clock: FakeClock, broken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(end_to_end, "_clock_identity", lambda: "a boot")
    with capture_measurements(clock=clock) as captured:
        operation = resume(broken, "turn", "shown")
        losses = dict(active.losses.counts())
        clock.advance(ns=9)
        operation.end()
    assert losses["carriers_malformed"] >= 1
    assert captured.named("turn.shown")[0].duration_ns in {9, 14}


def test_a_start_that_the_shared_clock_contradicts_is_not_believed(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(end_to_end, "_clock_identity", lambda: "a boot")
    carrier = {"latency-begun-ago-ns": "5", "latency-clock": "a boot"}
    carrier["latency-start-ns"] = str(clock.monotonic_ns() + 1)
    with capture_measurements(clock=clock):
        assert resume(carrier, "turn", "shown").start_ns == clock.monotonic_ns() - 5


_OTHER_PROCESS = """
import json, sys
import latency_kit
from latency_kit.measurement.end_to_end import resume
from latency_kit.testing import capture_measurements
with capture_measurements() as captured:
    operation = resume(json.load(sys.stdin), "turn", "shown")
    operation.end()
measured = captured.measurements[0]
print(json.dumps([operation.start_ns, measured.duration_ns, latency_kit.traceparent(operation.context)]))
"""


def test_it_really_crosses_to_another_process() -> None:
    pytest.importorskip("opentelemetry.sdk.trace", reason="needs the extra otlp")
    import json  # noqa: PLC0415  # with the process

    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415  # needs the extra

    from latency_kit.measurement.spans import SpanMaker  # noqa: PLC0415  # the same

    with capture_measurements():
        active.span_maker = SpanMaker.of_provider(TracerProvider())
        operation = latency_kit.begin("turn", "answer")
        sent_ns = latency_kit.now_ns()
        child = subprocess.run(
            [sys.executable, "-c", _OTHER_PROCESS],
            input=json.dumps(operation.carrier()),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        answered_ns = latency_kit.now_ns()
    start_ns, duration_ns, there = json.loads(child.stdout)
    assert there == operation.traceparent
    if end_to_end._clock_identity():
        assert start_ns == operation.start_ns
        assert sent_ns < start_ns + duration_ns < answered_ns
    else:
        assert 0 <= duration_ns < answered_ns - operation.start_ns


@pytest.mark.parametrize("pair", ["ab", ("a",), ("a", "a"), ("", "b"), ("end", "a"), ("a", "start"), (1, 2)])
def test_unfit_intervals_are_refused_at_construction(pair: Any) -> None:
    with pytest.raises(UsageError, match="an interval"):
        latency_kit.begin("turn", "answer", intervals=[pair])
