"""The flight recorder keeps what calls over their limit were doing, and little else."""

import asyncio
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="needs the extra otlp")

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

import latency_kit
from latency_kit.budget import Allotment, BudgetPolicy, LatencyBudget
from latency_kit.errors import UsageError
from latency_kit.measurement.active import active
from latency_kit.measurement.call_site import CallSite
from latency_kit.measurement.spans import SpanMaker
from latency_kit.profiling import Flight, FlightRecorder, Frame, StackSample, limits_of
from latency_kit.profiling.watched_call import MAX_EVENTS, MAX_SAMPLES, WatchedCall
from latency_kit.testing import FakeClock

MS = 1_000_000


class _Call:
    """A call in flight, in the thread that makes it."""

    def __init__(self, name: str, start_ns: int, *, thread_id: int | None = None, span: Any = None) -> None:
        component, _, operation = name.partition(".")
        self.site = CallSite(component, operation, None)
        self.start_ns = start_ns
        self.thread_id = threading.get_ident() if thread_id is None else thread_id
        self.span = span
        self.looks = 0

    @property
    def task(self) -> None:
        """None, counted: whoever takes a stack asks for it."""
        self.looks += 1


def _recorder(clock: FakeClock, calls: list[_Call], **more: Any) -> FlightRecorder:
    return FlightRecorder({"llm.generate": 100 * MS}, clock=clock, calls=lambda: list(calls), **more)


def test_a_call_within_its_limit_leaves_nothing() -> None:
    clock = FakeClock()
    calls = [_Call("llm.generate", clock.monotonic_ns()), _Call("other.call", 0)]
    recorder = _recorder(clock, calls)
    assert recorder.look() == 100 * MS  # the idle wait is the smallest limit
    clock.advance(ms=100)
    assert recorder.look() == 1  # just at its limit: it is over it in a nanosecond
    calls.clear()
    recorder.look()
    assert recorder.flights == ()


def test_a_call_over_its_limit_is_kept_with_what_it_did_and_for_how_long() -> None:
    clock = FakeClock()
    calls = [_Call("llm.generate", clock.monotonic_ns())]
    recorder = _recorder(clock, calls)
    clock.advance(ms=101)
    _first_place(recorder)
    clock.advance(ms=20)
    _second_place(recorder)
    clock.advance(ms=30)
    calls.clear()
    recorder.look()
    (flight,) = recorder.flights
    assert (flight.name, flight.limit_ns, flight.age_ns) == ("llm.generate", 100 * MS, 151 * MS)
    assert [(one.age_ns, one.weight_ns) for one in flight.samples] == [
        (101 * MS, 20 * MS),
        (121 * MS, 30 * MS),
    ]
    places = [[frame.name.rpartition(".")[2] for frame in one.stack] for one in flight.samples]
    assert "_first_place" in places[0]
    assert "_second_place" in places[1]


def _first_place(recorder: FlightRecorder) -> None:
    assert recorder.look() == 20 * MS


def _second_place(recorder: FlightRecorder) -> None:
    recorder.look()


def test_a_call_that_goes_on_and_on_is_looked_at_less_and_less_often() -> None:
    clock = FakeClock()
    calls = [_Call("llm.generate", clock.monotonic_ns())]
    recorder = _recorder(clock, calls)
    clock.advance(ms=101)
    while clock.monotonic_ns() - calls[0].start_ns < 3_600_000 * MS:
        clock.advance(ns=recorder.look())
    # Every 20 ms in the first second over the limit, then 50 times for each factor e until 3600 s.
    assert 300 < calls[0].looks < 50 + 51 * 8.2
    calls.clear()
    recorder.look()
    assert len(recorder.flights[0].samples) == 1


def _stack(name: str) -> tuple[Frame, ...]:
    return (Frame("main", "main.py", 1), Frame(name, "main.py", 2))


def test_samples_of_one_call_are_bounded_and_the_others_counted() -> None:
    watched = WatchedCall("a.b", 0, 0, None)
    for at in range(MAX_SAMPLES + 5):
        watched.saw(at, (_stack(f"f{at}"),))
    flight = watched.flight(MAX_SAMPLES + 5)
    assert len(flight.samples) == MAX_SAMPLES
    assert flight.unseen_count == 5


def test_branches_share_the_time_exactly() -> None:
    watched = WatchedCall("a.b", 0, 0, None)
    watched.saw(100, (_stack("x"), _stack("y"), _stack("z")))
    watched.saw(110, (_stack("x"),))
    weights = [sample.weight_ns for sample in watched.flight(125).samples]
    assert weights == [4, 3, 3, 15]


class _Kept(SpanExporter):
    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans.extend(spans)
        return SpanExportResult.SUCCESS


@pytest.fixture
def spans() -> Iterator[list[ReadableSpan]]:
    """What a provider of the SDK has finished, while latency_kit makes its spans with it."""
    exporter = _Kept()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    before, active.span_maker = active.span_maker, SpanMaker.of_provider(provider)
    yield exporter.spans
    active.span_maker = before


def test_what_was_seen_is_told_by_events_on_the_span() -> None:
    provider = TracerProvider()
    span: Any = provider.get_tracer("test").start_span("llm.generate")
    watched = WatchedCall("llm.generate", 100 * MS, 0, span)
    watched.saw(150 * MS, (_stack("a"), _stack("b")))
    watched.saw(170 * MS, (_stack("a"), _stack("b")))
    for at in range(20):
        watched.saw((200 + at) * MS, (_stack(f"f{at}"),))
    span.end()
    watched.saw(300 * MS, (_stack("late"),))
    assert len(span.events) == MAX_EVENTS
    assert span.events[0].name == "latency.over_limit"
    assert dict(span.events[0].attributes) == {
        "latency.limit_ms": 100.0,
        "latency.age_ms": 150.0,
        "code.stacktrace": "main (main.py:1)\na (main.py:2)\n\nmain (main.py:1)\nb (main.py:2)",
    }
    assert watched.flight(1).trace_id == span.get_span_context().trace_id


FLIGHT = Flight(
    name="llm.generate",
    limit_ns=100 * MS,
    age_ns=150 * MS,
    trace_id=0xABC,
    samples=(
        StackSample(age_ns=101 * MS, weight_ns=20 * MS, stack=_stack("a;b")),
        StackSample(age_ns=121 * MS, weight_ns=500, stack=_stack("c")),
        StackSample(age_ns=121 * MS + 500, weight_ns=29 * MS - 500, stack=_stack("a;b")),
    ),
)


def test_collapsed_stacks_are_one_a_line_with_microseconds() -> None:
    assert FLIGHT.collapsed() == "main;a,b 48999\nmain;c 1\n"


def test_the_speedscope_file_keeps_to_its_schema() -> None:
    # https://www.speedscope.app/file-format-schema.json: what it requires of a sampled profile
    document = json.loads(FLIGHT.speedscope())
    assert document["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    frames = document["shared"]["frames"]
    assert frames[0] == {"name": "main", "file": "main.py", "line": 1}
    (profile,) = document["profiles"]
    assert profile["type"] == "sampled"
    assert profile["unit"] == "nanoseconds"
    assert len(profile["samples"]) == len(profile["weights"]) == 3
    assert [[frames[at]["name"] for at in stack] for stack in profile["samples"]] == [
        ["main", "a;b"],
        ["main", "c"],
        ["main", "a;b"],
    ]
    assert profile["endValue"] - profile["startValue"] == sum(profile["weights"]) == 49 * MS
    assert profile["startValue"] == 101 * MS


def test_only_the_newest_flights_are_kept_in_memory_and_as_files(tmp_path: Path) -> None:
    clock = FakeClock()
    calls: list[_Call] = []
    recorder = _recorder(clock, calls, folder=tmp_path / "flights", max_flights=3)
    (tmp_path / "flights").mkdir()
    (tmp_path / "flights" / "notes.txt").write_text("of somebody else")
    for _ in range(5):
        calls.append(_Call("llm.generate", clock.monotonic_ns()))
        clock.advance(ms=150)
        recorder.look()
        calls.clear()
        recorder.look()
    assert len(recorder.flights) == 3
    names = sorted(path.name for path in (tmp_path / "flights").iterdir())
    assert len(names) == 7
    assert names[-1] == "notes.txt"
    assert re.fullmatch(r"flight-20260101T000000\.\d{6}Z-3-llm\.generate\.collapsed\.txt", names[0])
    assert names[1].endswith("-3-llm.generate.speedscope.json")
    assert json.loads((tmp_path / "flights" / names[1]).read_text())["name"] == "llm.generate"


def test_a_folder_that_cannot_be_written_costs_the_files_only(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    clock = FakeClock()
    calls = [_Call("llm.generate", clock.monotonic_ns())]
    recorder = _recorder(clock, calls, folder=tmp_path / "taken")
    before = active.losses.counts().get("flight_files_failed", 0)
    clock.advance(ms=150)
    recorder.look()
    calls.clear()
    recorder.look()
    assert len(recorder.flights) == 1
    assert active.losses.counts()["flight_files_failed"] == before + 1


def test_a_call_thrown_away_without_an_end_is_not_kept_alive() -> None:
    clock = FakeClock()
    calls = [_Call("llm.generate", clock.monotonic_ns())]
    recorder = _recorder(clock, calls)
    clock.advance(ms=150)
    recorder.look()
    calls.clear()
    recorder.look()
    assert len(recorder.flights) == 1
    assert recorder._watched == {}


def test_a_measured_coroutine_over_its_limit_is_seen_in_a_real_program(
    spans: list[ReadableSpan], tmp_path: Path
) -> None:
    recorder = FlightRecorder({"web.request": 5 * MS}, interval_ms=1, cpu_share=1, folder=tmp_path)

    async def fetch(done: asyncio.Event) -> None:
        await done.wait()

    @latency_kit.measure_latency("web", "request")
    async def request(done: asyncio.Event) -> None:
        await asyncio.gather(fetch(done), fetch(done))

    async def main() -> None:
        done = asyncio.Event()
        running = asyncio.create_task(request(done))
        async with asyncio.timeout(20):
            while not _told_a_span(recorder):  # noqa: ASYNC110  # another thread does
                await asyncio.sleep(0.005)
        done.set()
        await running

    with recorder:
        asyncio.run(main())
    (flight,) = recorder.flights
    (span,) = [span for span in spans if span.name == "web.request"]
    assert span.context is not None
    assert flight.trace_id == span.context.trace_id
    stacks = [[frame.name.rpartition(".")[2] for frame in sample.stack] for sample in flight.samples]
    assert ["request", "fetch", "wait"] in [stack[-3:] for stack in stacks]
    assert span.events
    assert "fetch" in str(span.events[0].attributes)
    assert len(list(tmp_path.glob("*.speedscope.json"))) == 1


def _told_a_span(recorder: FlightRecorder) -> bool:
    return any(watched._events for _, watched in list(recorder._watched.values()))


def test_a_function_that_keeps_the_event_loop_is_named() -> None:
    recorder = FlightRecorder({"web.request": 5 * MS}, interval_ms=1, cpu_share=1)

    def blocking() -> None:
        deadline_s = time.monotonic() + 20
        while time.monotonic() < deadline_s:
            if any("blocking" in name for name in recorder.blocking_calls()):
                return

    @latency_kit.measure_latency("web", "request")
    async def request() -> None:
        blocking()

    before, active.append = active.append, [].append
    try:
        with recorder:
            asyncio.run(request())
    finally:
        active.append = before
    name, seen_ns = next(iter(recorder.blocking_calls().items()))
    assert name.endswith("blocking")
    assert seen_ns > 0


def test_a_call_that_never_returns_is_kept_when_the_recorder_stops() -> None:
    calls = [_Call("llm.generate", time.perf_counter_ns() - 1000 * MS)]
    recorder = FlightRecorder({"llm.generate": MS}, calls=lambda: calls, interval_ms=1).start()
    deadline_s = time.monotonic() + 20
    while not recorder._watched and time.monotonic() < deadline_s:
        time.sleep(0.005)
    recorder.stop()
    recorder.stop()
    assert [flight.name for flight in recorder.flights] == ["llm.generate"]


def test_what_fails_in_it_is_counted_and_it_goes_on() -> None:
    looked = threading.Event()
    failures = iter([OSError("no"), None])

    def calls() -> list[_Call]:
        failure = next(failures, None)
        if failure is not None:
            raise failure
        looked.set()
        return []

    before = active.losses.counts().get("flight_recorder_failed", 0)
    with FlightRecorder({"a.b": MS}, calls=calls):
        assert looked.wait(20)
    assert active.losses.counts()["flight_recorder_failed"] == before + 1


def test_it_takes_at_most_one_hundredth_of_a_core() -> None:
    release = threading.Event()
    threads = [threading.Thread(target=release.wait, args=(20,)) for _ in range(10)]
    for thread in threads:
        thread.start()
    began_ns = time.perf_counter_ns()
    calls = [
        _Call("llm.generate", began_ns - 60_000 * MS * (at % 7), thread_id=thread.ident)
        for at, thread in enumerate(threads * 20)
    ]
    recorder = FlightRecorder({"llm.generate": MS}, calls=lambda: calls, interval_ms=1).start()
    time.sleep(1.5)
    recorder.stop()
    took_ns = time.perf_counter_ns() - began_ns
    release.set()
    for thread in threads:
        thread.join(10)
    assert recorder.flights
    # After each look it rests 99 times as long; the rest after the last one was cut short.
    assert recorder.looks >= 2
    assert recorder.cpu_ns <= 0.01 * took_ns + recorder.cpu_ns / recorder.looks * 2


def test_nothing_runs_unless_it_is_started() -> None:
    program = (
        "import threading, latency_kit.profiling as p\n"
        "r = p.FlightRecorder({'a.b': 1})\n"
        "assert threading.active_count() == 1 and r.flights == () and r.cpu_ns == 0\n"
        "import sys; assert 'opentelemetry.sdk' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_limits_come_from_a_policy_the_tightest_of_several() -> None:
    def budget(name: str, limit_ms: int, **more: Any) -> LatencyBudget:
        return LatencyBudget(name=name, component="c", operation=name, limit_ns=limit_ms * MS, **more)

    inner = Allotment(budget=budget("inner", 50))
    twice = LatencyBudget(name="twice", component="c", operation="inner", limit_ns=20 * MS, percentile=50)
    policy = BudgetPolicy((budget("outer", 100, allotments=(inner,)), twice))
    assert limits_of(policy) == {"c.outer": 100 * MS, "c.inner": 20 * MS}


@pytest.mark.parametrize(
    "unfit",
    [{"limits": {}}, {"limits": {"a.b": 0}}, {"interval_ms": 0}, {"max_flights": 0}, {"cpu_share": 1.5}],
)
def test_unfit_arguments_are_refused(unfit: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="got"):
        FlightRecorder(**{"limits": {"a.b": 1}, **unfit})


def test_it_is_started_once() -> None:
    with FlightRecorder({"a.b": 1}) as recorder, pytest.raises(UsageError, match="runs already"):
        recorder.start()
