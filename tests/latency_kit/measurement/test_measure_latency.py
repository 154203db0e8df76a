"""`measure_latency` measures every kind of function over its true duration and changes nothing else."""

import asyncio
import functools
import inspect
from collections.abc import AsyncGenerator, Generator

import pytest

from latency_kit import Outcome, UsageError, measure_latency
from latency_kit.testing import FakeClock, capture_measurements


def test_a_plain_function_is_measured_and_returns_what_it_returns() -> None:
    clock = FakeClock()

    @measure_latency("shop", "pay")
    def pay(amount: int, *, tip: int = 0) -> int:
        clock.advance(ms=12)
        return amount + tip

    with capture_measurements(clock=clock) as captured:
        assert pay(3, tip=4) == 7
    (measured,) = captured.measurements
    assert (measured.name, measured.duration_ns, measured.outcome) == ("shop.pay", 12_000_000, Outcome.OK)


@pytest.mark.parametrize("span", [True, False])
def test_an_error_is_recorded_with_its_type_and_raised_unchanged(*, span: bool) -> None:
    clock = FakeClock()
    raised = KeyError("gone")

    @measure_latency("shop", "pay", span=span)
    def pay() -> None:
        clock.advance(ms=3)
        raise raised

    with capture_measurements(clock=clock) as captured, pytest.raises(KeyError) as caught:
        pay()
    assert caught.value is raised
    (measured,) = captured.measurements
    assert (measured.outcome, measured.error, measured.duration_ns) == (Outcome.ERROR, "KeyError", 3_000_000)


def test_a_coroutine_is_measured_until_it_has_been_awaited() -> None:
    clock = FakeClock()

    @measure_latency("llm", "generate")
    async def generate() -> str:
        await asyncio.sleep(0)
        clock.advance(ms=250)
        await asyncio.sleep(0)
        return "text"

    assert inspect.iscoroutinefunction(generate)
    with capture_measurements(clock=clock) as captured:
        assert asyncio.run(generate()) == "text"
    assert captured.measurements[0].duration_ns == 250_000_000


def test_cancellation_is_counted_apart_from_failure() -> None:
    @measure_latency("llm", "generate")
    async def generate() -> None:
        await asyncio.Event().wait()

    async def cancel_it() -> None:
        task = asyncio.create_task(generate())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with capture_measurements() as captured:
        asyncio.run(cancel_it())
    assert [measured.outcome for measured in captured.measurements] == [Outcome.CANCELLED]
    assert captured.measurements[0].error == "asyncio.exceptions.CancelledError"


def test_a_generator_is_measured_from_its_first_item_to_its_end() -> None:
    clock = FakeClock()

    @measure_latency("feed", "read")
    def read() -> Generator[int, None, str]:
        clock.advance(ms=5)
        yield 1
        clock.advance(ms=7)
        yield 2
        return "end"

    assert inspect.isgeneratorfunction(read)
    with capture_measurements(clock=clock) as captured:
        stream = read()
        clock.advance(ms=1000)
        assert list(stream) == [1, 2]
    assert captured.measurements[0].duration_ns == 12_000_000


def test_a_generator_passes_send_throw_and_the_return_value() -> None:
    @measure_latency("feed", "echo")
    def echo() -> Generator[object, object, str]:
        got: object = None
        while got != "stop":
            try:
                got = yield got
            except ValueError as error:
                got = f"caught {error}"
        return "done"

    def outer() -> Generator[object, object, None]:
        results.append((yield from echo()))

    results: list[str] = []
    with capture_measurements() as captured:
        stream = outer()
        assert next(stream) is None
        assert stream.send("a") == "a"
        assert stream.throw(ValueError("x")) == "caught x"
        with pytest.raises(StopIteration):
            stream.send("stop")
    assert results == ["done"]
    assert [measured.outcome for measured in captured.measurements] == [Outcome.OK]


def test_a_generator_that_its_consumer_leaves_is_closed_and_counts_as_cancelled() -> None:
    closed = []

    @measure_latency("feed", "read")
    def read() -> Generator[int, None, None]:
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    with capture_measurements() as captured:
        stream = read()
        next(stream)
        stream.close()
    assert closed == [True]
    assert [measured.outcome for measured in captured.measurements] == [Outcome.CANCELLED]


def test_an_async_generator_is_measured_to_its_end_and_its_consumer_is_not_its_child() -> None:
    clock = FakeClock()

    @measure_latency("llm", "stream")
    async def stream() -> AsyncGenerator[str, None]:
        clock.advance(ms=40)
        yield "a"
        clock.advance(ms=60)
        yield "b"

    async def consume() -> list[str]:
        return [item async for item in stream()]

    assert inspect.isasyncgenfunction(stream)
    with capture_measurements(clock=clock) as captured:
        assert asyncio.run(consume()) == ["a", "b"]
    assert captured.measurements[0].duration_ns == 100_000_000


def test_an_async_generator_may_be_closed_by_another_task() -> None:
    cleaned = []

    @measure_latency("llm", "stream")
    async def stream() -> AsyncGenerator[str, None]:
        try:
            yield "a"
            yield "b"
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    async def consume() -> None:
        items = stream()
        assert await items.__anext__() == "a"
        await asyncio.create_task(items.aclose())

    with capture_measurements() as captured:
        asyncio.run(consume())
    assert cleaned == [True]
    assert [measured.outcome for measured in captured.measurements] == [Outcome.CANCELLED]


def test_a_block_is_measured_and_takes_attributes() -> None:
    clock = FakeClock()
    block = measure_latency("llm", "generate", attributes={"model": "small"})
    with capture_measurements(clock=clock) as captured, block as call:
        clock.advance(ms=9)
        call.set_attribute("tokens", 17)
    (measured,) = captured.measurements
    assert measured.duration_ns == 9_000_000
    assert dict(measured.attributes) == {"model": "small", "tokens": 17}


def test_an_async_block_is_measured_and_its_error_is_raised_unchanged() -> None:
    clock = FakeClock()

    async def fail() -> None:
        async with measure_latency("llm", "generate"):
            clock.advance(ms=8)
            raise TimeoutError

    with capture_measurements(clock=clock) as captured, pytest.raises(TimeoutError):
        asyncio.run(fail())
    assert (captured.measurements[0].error, captured.measurements[0].duration_ns) == (
        "TimeoutError",
        8_000_000,
    )


def test_an_attribute_of_a_wrong_type_is_dropped_and_never_raises() -> None:
    with capture_measurements() as captured, measure_latency("a", "b") as call:
        call.set_attribute("bad", object())  # type: ignore[arg-type]  # what this test is about
        call.set_attribute("good", [1, 2])
    assert dict(captured.measurements[0].attributes) == {"good": [1, 2]}


def test_a_decorated_function_keeps_its_name_docstring_and_signature() -> None:
    @measure_latency("shop", "pay")
    def pay(amount: int, *, tip: int = 0) -> int:
        """Pay."""
        return amount + tip

    assert (pay.__name__, pay.__doc__) == ("pay", "Pay.")
    assert str(inspect.signature(pay)) == "(amount: int, *, tip: int = 0) -> int"


def test_methods_static_methods_class_methods_and_partials_are_measured() -> None:
    class Till:
        @measure_latency("till", "method")
        def method(self) -> str:
            return type(self).__name__

        @classmethod
        @measure_latency("till", "class_method")
        def class_method(cls) -> str:
            return cls.__name__

        @staticmethod
        @measure_latency("till", "static_method")
        def static_method() -> str:
            return "static"

    partial = measure_latency("till", "partial")(functools.partial(int, base=2))
    with capture_measurements() as captured:
        assert (Till().method(), Till.class_method(), Till.static_method(), partial("101")) == (
            "Till",
            "Till",
            "static",
            5,
        )
    assert [m.operation for m in captured.measurements] == [
        "method",
        "class_method",
        "static_method",
        "partial",
    ]


def test_recursion_measures_each_call() -> None:
    @measure_latency("maths", "factorial")
    def factorial(n: int) -> int:
        return 1 if n == 0 else n * factorial(n - 1)

    with capture_measurements() as captured:
        assert factorial(5) == 120
    assert len(captured.measurements) == 6


def test_nothing_is_recorded_outside_of_a_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    # Other tests install a provider, which OpenTelemetry keeps for the rest of the process.
    monkeypatch.setattr("opentelemetry.trace._TRACER_PROVIDER", None)

    @measure_latency("shop", "pay")
    def pay() -> int:
        return 1

    assert pay() == 1
    with measure_latency("shop", "block") as call:
        call.set_attribute("a", 1)
    assert call.traceparent == ""
    with capture_measurements() as captured:
        pass
    assert captured.measurements == ()


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (("", "pay"), "component"),
        (("shop", ""), "operation"),
        (("shop", "pay\n"), "operation"),
        ((3, "pay"), "component must be a string"),
    ],
)
def test_unfit_names_are_refused_at_construction(arguments: tuple[str, str], fragment: str) -> None:
    with pytest.raises(UsageError, match=fragment):
        measure_latency(*arguments)


def test_unfit_attributes_are_refused_at_construction() -> None:
    with pytest.raises(UsageError, match="'body' must be a string, bool"):
        measure_latency("a", "b", attributes={"body": object()})  # type: ignore[dict-item]  # what this is about


def test_decorating_what_is_not_a_function_is_refused_with_what_to_do() -> None:
    async def running() -> None: ...

    coroutine = running()
    measured = measure_latency("a", "b")
    with pytest.raises(UsageError, match="that runs"):
        measured(coroutine)  # type: ignore[type-var]  # what this test is about
    coroutine.close()
    with pytest.raises(UsageError, match="under @classmethod"):
        measured(classmethod(lambda cls: cls))  # type: ignore[type-var]  # what this test is about
    with pytest.raises(UsageError, match="decorate its methods"):
        measured(dict)
    with pytest.raises(UsageError, match="decorates functions"):
        measured(3)  # type: ignore[type-var]  # what this test is about


def test_entering_one_measure_latency_twice_at_once_is_refused() -> None:
    block = measure_latency("a", "b")
    with capture_measurements(), block, pytest.raises(UsageError, match="already measuring"):
        block.__enter__()
