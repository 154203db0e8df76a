"""What our provider promises beyond the SDK's: identities without locks, freed chains, true durations."""

import gc
import os
import random
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="comes with the extra 'otlp'")

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import SpanProcessor

from latency_kit.clock import WallAnchor
from latency_kit.testing import FakeClock
from latency_kit.tracing import Span, TracerProvider
from latency_kit.tracing.current_span import SPAN_KEY, context_variable
from latency_kit.tracing.identity import identify

ROOT = Context()


@pytest.fixture
def provider() -> TracerProvider:
    return TracerProvider(shutdown_on_exit=False)


@pytest.fixture
def ended(provider: TracerProvider) -> list[Span]:
    """The spans that have ended, in order."""
    received: list[Span] = []
    provider.deliver_to(received.append)
    return received


def child_of(parent: Any, provider: TracerProvider) -> Any:
    return provider.get_tracer("tests").start_span("child", context=trace.set_span_in_context(parent, ROOT))


def test_a_step_of_the_wall_clock_never_shows_in_a_duration() -> None:
    clock = FakeClock(unix_nano=10**18)
    provider = TracerProvider(shutdown_on_exit=False, anchor=WallAnchor.take(clock), clock=clock.monotonic_ns)
    span: Any = provider.get_tracer("tests").start_span("one", context=ROOT)
    clock.advance(ns=40)
    clock.step_wall(ns=-3_600 * 10**9)
    span.add_event("stepped")
    clock.advance(ns=2)
    span.end()
    assert (span.start_time, span.events[0].timestamp, span.end_time) == (10**18, 10**18 + 40, 10**18 + 42)


def test_identities_differ_even_where_the_program_seeds_its_random_numbers(provider: TracerProvider) -> None:
    identities = set()
    for _ in range(3):
        random.seed(42)
        for _ in range(400):
            context = provider.get_tracer("tests").start_span("one", context=ROOT).get_span_context()
            identities.add((context.trace_id, context.span_id))
    assert len(identities) == 1200
    assert len({trace_id for trace_id, _ in identities}) == 1200


def test_threads_that_ask_at_the_same_time_are_told_the_same_identity(provider: TracerProvider) -> None:
    parents = [provider.get_tracer("tests").start_span("one", context=ROOT) for _ in range(3000)]
    children = [child_of(parent, provider) for parent in parents]
    told: list[list[Any]] = []
    barrier = threading.Barrier(4)

    def ask(spans: list[Any]) -> None:
        barrier.wait()
        told.append([span.get_span_context() for span in spans])

    # Two threads meet each parent through its child, two directly.
    threads = [threading.Thread(target=ask, args=(spans,)) for spans in (parents, children) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(
        spans in ([p.get_span_context() for p in parents], [c.get_span_context() for c in children])
        for spans in told
    )
    assert all(
        child.parent == parent.get_span_context() for child, parent in zip(children, parents, strict=True)
    )


def test_a_chain_of_parents_longer_than_the_stack_is_deep_is_identified(provider: TracerProvider) -> None:
    span = root = provider.get_tracer("tests").start_span("root", context=ROOT)
    for _ in range(5000):
        span = child_of(span, provider)
    assert span.get_span_context().trace_id == root.get_span_context().trace_id


def test_an_identified_span_holds_its_parent_no_longer(provider: TracerProvider) -> None:
    parent = provider.get_tracer("tests").start_span("parent", context=ROOT)
    child = child_of(parent, provider)
    identity = parent.get_span_context()
    alive = weakref.ref(parent)
    identify(child)
    del parent
    gc.collect()
    assert alive() is None
    assert child.parent == identity


def test_a_scope_has_one_tracer_however_often_it_is_asked_for(provider: TracerProvider) -> None:
    asked = [provider.get_tracer("lib", "2", "https://schema", {"a": 1}) for _ in range(3)]
    assert asked == [asked[0]] * 3
    assert provider.get_tracer("lib", "3") is not asked[0]


def test_every_sampled_span_that_ends_is_delivered_once(provider: TracerProvider, ended: list[Span]) -> None:
    tracer = provider.get_tracer("tests")
    with tracer.start_as_current_span("one"):
        tracer.start_span("two").end()
    assert [span.name for span in ended] == ["two", "one"]


def test_a_processor_that_raises_raises_as_it_does_under_the_sdk(provider: TracerProvider) -> None:
    class Broken(SpanProcessor):
        def on_end(self, span: Any) -> None:
            raise RuntimeError("broken")

    provider.add_span_processor(Broken())
    span = provider.get_tracer("tests").start_span("one", context=ROOT)
    with pytest.raises(RuntimeError, match="broken"):
        span.end()
    assert not span.is_recording()


def test_details_opened_by_several_threads_at_once_lose_nothing(provider: TracerProvider) -> None:
    spans = [provider.get_tracer("tests").start_span("one", context=ROOT) for _ in range(500)]
    barrier = threading.Barrier(4)

    def add(number: int) -> None:
        barrier.wait()
        for span in spans:
            span.set_attribute(f"of thread {number}", number)
            span.add_event(f"of thread {number}")

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(len(span.attributes) == len(span.events) == 4 for span in spans)  # type: ignore[attr-defined]  # readable


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_a_forked_child_draws_other_identifiers_than_its_parent(provider: TracerProvider) -> None:
    tracer = provider.get_tracer("tests")
    tracer.start_span("fills the stock", context=ROOT).get_span_context()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        drawn = [tracer.start_span("one", context=ROOT).get_span_context().span_id for _ in range(10)]
        os.write(writing, repr(drawn).encode())
        os._exit(0)
    os.waitpid(child, 0)
    of_child = set(eval(os.read(reading, 10_000)))  # noqa: S307  # our own child wrote it
    os.close(reading)
    os.close(writing)
    of_parent = {tracer.start_span("one", context=ROOT).get_span_context().span_id for _ in range(300)}
    assert len(of_child) == 10
    assert not of_child & of_parent


def test_the_variable_of_the_current_context_is_the_one_that_the_api_uses() -> None:
    variable = context_variable()
    assert variable is not None
    span = trace.NonRecordingSpan(trace.INVALID_SPAN_CONTEXT)
    token = variable.set(Context({SPAN_KEY: span}))
    try:
        assert trace.get_current_span() is span
    finally:
        variable.reset(token)


class OtherRuntime:
    """A runtime context that keeps no contextvars variable, as `OTEL_PYTHON_CONTEXT` may name one."""

    def __init__(self) -> None:
        self.stack = [Context()]

    def attach(self, context: Context) -> Any:
        self.stack.append(context)
        return object()

    def get_current(self) -> Context:
        return self.stack[-1]

    def detach(self, token: Any) -> None:
        self.stack.pop()


@pytest.fixture
def other_runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[OtherRuntime]:
    runtime = OtherRuntime()
    monkeypatch.setattr(context_api, "_RUNTIME_CONTEXT", runtime)
    return runtime


def test_another_runtime_context_is_found_out(other_runtime: OtherRuntime) -> None:
    assert context_variable() is None


def test_spans_nest_under_another_runtime_context(
    other_runtime: OtherRuntime, provider: TracerProvider, ended: list[Span]
) -> None:
    tracer = provider.get_tracer("tests")
    with tracer.start_as_current_span("root") as root, tracer.start_as_current_span("child"):
        assert len(other_runtime.stack) == 3
    assert len(other_runtime.stack) == 1
    assert ended[0].parent == root.get_span_context()


def test_setting_up_anew_keeps_the_tracers_and_their_processors(
    provider: TracerProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracer = provider.get_tracer("tests")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    provider.set_up()
    assert provider.get_tracer("tests") is tracer
    assert not tracer.start_span("one", context=ROOT).is_recording()


def test_making_and_ending_a_span_takes_no_lock(
    provider: TracerProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a lock was made on the path")

    provider.deliver_to(lambda span: None)
    tracer = provider.get_tracer("tests")
    monkeypatch.setattr(threading, "Lock", refuse)
    monkeypatch.setattr(threading, "RLock", refuse)
    span = tracer.start_span("one", context=ROOT, attributes={"a": 1})
    span.set_attribute("b", 2)
    span.end()
