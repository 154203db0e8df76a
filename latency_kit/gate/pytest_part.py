"""The part of the worker for pytest: tests that use the fixture `latency` or `benchmark` are benchmarks.

It takes the place of both fixtures: what a test gives them to call is called as often as the gate asks, and
the test ends there. Budgets, rates and rounds are not looked at. It runs where the worker does, in the
environment of the version that is measured, and imports nothing but the standard library and pytest.
"""

from __future__ import annotations

import asyncio
import collections
import functools
import importlib.util
import inspect
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from latency_kit.gate.worker import Worker

__all__ = ["listed", "measure"]

_MARKER = "latency"
_FIXTURES = frozenset({"latency", "benchmark"})


def listed(files: Sequence[str], worker: Worker) -> list[str]:
    """Return the tests of files that are benchmarks, as `file::name`."""
    plugin = _Listing()
    code = _run_pytest(["--collect-only", *files], plugin)
    if plugin.failed:
        raise worker.unfit(f"pytest cannot collect {plugin.failed}")
    if code not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        raise worker.unfit(f"pytest cannot collect the tests (its exit code is {int(code)})")
    return plugin.names


def measure(request: dict[str, Any], worker: Worker) -> None:
    """Run a test up to where it has something called."""
    plugin = _Measuring(worker)
    code = _run_pytest([f"{request['file']}::{request['name']}"], plugin)
    if plugin.error is not None:
        raise plugin.error
    if not plugin.has_measured:
        raise worker.unfit(f"the test gave the fixture nothing to call (pytest's exit code is {int(code)})")


def _run_pytest(arguments: Sequence[str], plugin: object) -> int | pytest.ExitCode:
    in_this_process = ["-n0"] if importlib.util.find_spec("xdist") is not None else []
    options = ["-q", "-p", "no:cacheprovider", *in_this_process]
    return pytest.main([*options, *arguments], plugins=[_Late(plugin)])


class _Late:
    """Registers a plugin after all others: of fixtures with the same name, the last one counts."""

    def __init__(self, plugin: object) -> None:
        self._plugin = plugin

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", f"{_MARKER}: what latency-kit measures")
        # pytest-benchmark refuses a fixture `benchmark` that is not its own. Its options are read by now.
        config.pluginmanager.unregister(name="benchmark")
        config.pluginmanager.register(self._plugin, "latency-kit gate")


def _is_marked(item: pytest.Item) -> bool:
    return item.get_closest_marker(_MARKER) is not None


class _Listing:
    """Notes which tests are benchmarks."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.failed = ""

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.failed:
            lines = [line for line in str(report.longrepr).splitlines() if line.strip()]
            self.failed = f"{report.nodeid}: {lines[-1].removeprefix('E').strip() if lines else ''}"

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            if _is_marked(item) or _FIXTURES & set(getattr(item, "fixturenames", ())):
                self.names.append(f"{os.path.relpath(item.path)}::{item.nodeid.partition('::')[2]}")


class _MeasuredError(BaseException):
    """Ends a test after its benchmark: what it would make of a result does not matter."""


class _Measuring:
    """Has the worker call what the test gives to the fixture."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self.has_measured = False
        self.error: BaseException | None = None

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        if isinstance(item, pytest.Function) and _is_marked(item) and "latency" not in item.fixturenames:
            item.fixturenames.append("latency")

    @pytest.fixture
    def latency(self) -> _Latency:
        return _Latency(self)

    @pytest.fixture
    def benchmark(self) -> _Benchmark:
        return _Benchmark(self)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        function = pyfuncitem.obj
        names = inspect.signature(function).parameters
        arguments = {name: pyfuncitem.funcargs[name] for name in names if name in pyfuncitem.funcargs}
        if _is_marked(pyfuncitem) and "latency" not in arguments:
            self.call(functools.partial(function, **arguments))
        if "latency" in arguments and inspect.iscoroutinefunction(function):
            asyncio.run(function(**arguments))
            return True
        return None

    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> None:
        raised = None if call.excinfo is None else call.excinfo.value
        if raised is not None and self.error is None and not isinstance(raised, _MeasuredError):
            self.error = raised

    def call(self, function: Callable[..., Any], *, is_stream: bool = False) -> NoReturn:
        """Have a function called that may be a coroutine function or a stream, and end the test."""
        is_async, is_generator = _kind_of(function)
        if is_async:
            asyncio.run(self.call_in_loop(function, is_stream=is_stream or is_generator))
        self._worker.serve(functools.partial(_read, function) if is_stream or is_generator else function)
        self._end()

    async def call_in_loop(self, function: Callable[..., Any], *, is_stream: bool) -> NoReturn:
        """Have a coroutine function or an asynchronous stream called on the running loop."""
        await self._worker.serve_on_loop(functools.partial(_read_async, function) if is_stream else function)
        self._end()

    def refuse(self, what: str) -> NoReturn:
        """End a test that cannot be a benchmark."""
        raise self._worker.unfit(what)

    def _end(self) -> NoReturn:
        self.has_measured = True
        raise _MeasuredError


class _Latency:
    """Stands for the fixture of latency_kit."""

    def __init__(self, measuring: _Measuring) -> None:
        self._measuring = measuring

    def __call__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> NoReturn:
        self._measuring.call(functools.partial(function, *args, **kwargs))

    def stream(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> NoReturn:
        self._measuring.call(functools.partial(function, *args, **kwargs), is_stream=True)

    def async_stream(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> NoReturn:
        called = functools.partial(function, *args, **kwargs)
        asyncio.run(self._measuring.call_in_loop(called, is_stream=True))
        raise AssertionError  # not reached: it ended the test

    async def in_loop(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> NoReturn:
        _, is_generator = _kind_of(function)
        called = functools.partial(function, *args, **kwargs)
        await self._measuring.call_in_loop(called, is_stream=is_generator)

    def judge(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        self._measuring.refuse("the test judges durations that it took elsewhere; there is nothing to call")


class _Benchmark:
    """Stands for the fixture of pytest-benchmark."""

    def __init__(self, measuring: _Measuring) -> None:
        self._measuring = measuring
        self.extra_info: dict[str, Any] = {}
        self.group: str | None = None

    def __call__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> NoReturn:
        self._measuring.call(functools.partial(function, *args, **kwargs))

    def pedantic(
        self,
        target: Callable[..., Any],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
        setup: Callable[[], Any] | None = None,
        **_rounds: Any,
    ) -> NoReturn:
        if setup is not None:
            self._measuring.refuse("the test has a setup before every call, which the gate cannot leave out")
        self._measuring.call(functools.partial(target, *args, **(kwargs or {})))


def _kind_of(function: Callable[..., Any]) -> tuple[bool, bool]:
    """Tell whether a function is asynchronous, and whether it is a generator function."""
    while isinstance(function, functools.partial):
        function = function.func
    if not (inspect.isroutine(function) or inspect.isclass(function)):
        function = inspect.getattr_static(type(function), "__call__", function)
    is_async_stream = inspect.isasyncgenfunction(function)
    is_async = inspect.iscoroutinefunction(function) or is_async_stream
    return is_async, is_async_stream or inspect.isgeneratorfunction(function)


def _read(call: Callable[[], Any]) -> None:
    collections.deque(call(), maxlen=0)


async def _read_async(call: Callable[[], Any]) -> None:
    async for _ in call():
        pass
