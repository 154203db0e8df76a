"""The part of the worker for functions `bench_*`: finding them, setting them up, having them called.

It runs where the worker does, in the environment of the version that is measured: it imports nothing but the
standard library.
"""

from __future__ import annotations

import collections
import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

    from latency_kit.gate.worker import Worker

__all__ = ["listed", "measure"]

PREFIX = "bench_"


def listed(files: Sequence[str], worker: Worker) -> list[str]:
    """Return the benchmarks of files as `file::name`, in the order of their definition."""
    return [
        f"{file}::{name}"
        for file in files
        for name, value in vars(worker.load(file)).items()
        if name.startswith(PREFIX) and callable(value)
    ]


def measure(request: dict[str, Any], worker: Worker) -> None:
    """Set a benchmark up, have it called, tear it down."""
    module = worker.load(request["file"])
    function = getattr(module, request["name"], None)
    if function is None:
        raise worker.unfit(f"there is no {request['name']} in {request['file']}")
    setups = _Setups(module, worker)
    try:
        call = functools.partial(function, *setups.arguments_of(function))
        if inspect.iscoroutinefunction(function):
            setups.loop.run_until_complete(worker.serve_on_loop(call))
        elif inspect.isasyncgenfunction(function):
            setups.loop.run_until_complete(worker.serve_on_loop(functools.partial(_read_async, call)))
        elif inspect.isgeneratorfunction(function):
            worker.serve(functools.partial(_read, call))
        else:
            worker.serve(call)
    finally:
        setups.tear_down()


def _read(call: Callable[[], Iterable[Any]]) -> None:
    collections.deque(call(), maxlen=0)


async def _read_async(call: Callable[[], Any]) -> None:
    async for _ in call():
        pass


class _Setups:
    """What the parameters of benchmarks stand for: functions of their module, called once a process.

    A generator gives what it yields, and goes on after the last call. Either may be asynchronous.
    """

    def __init__(self, module: ModuleType, worker: Worker) -> None:
        self._module = module
        self._worker = worker
        self._loop: asyncio.AbstractEventLoop | None = None
        self._made: dict[str, Any] = {}
        self._open: list[Any] = []

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop of all that is asynchronous, made when it is asked for."""
        if self._loop is None:
            import asyncio  # noqa: PLC0415  # half of the time that a worker takes to start

            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        return self._loop

    def arguments_of(self, function: Callable[..., Any]) -> list[Any]:
        """Return what to call `function` with."""
        return [
            self._value_of(parameter.name, function)
            for parameter in inspect.signature(function).parameters.values()
            if parameter.default is parameter.empty
            and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]

    def tear_down(self) -> None:
        """Let all generators go on, the last one first."""
        for made in reversed(self._open):
            if inspect.isasyncgen(made):
                self.loop.run_until_complete(anext(made, None))
            else:
                next(made, None)
        if self._loop is not None:
            self._loop.close()

    def _value_of(self, name: str, user: Callable[..., Any]) -> Any:
        if name not in self._made:
            setup = getattr(self._module, name, None)
            if not callable(setup) or setup is user:
                raise self._worker.unfit(
                    f"{user.__name__} has a parameter {name!r}, but there is no function {name}() in "
                    f"{self._module.__name__}.py that makes it"
                )
            self._made[name] = self._result_of(setup)
        return self._made[name]

    def _result_of(self, setup: Callable[..., Any]) -> Any:
        made = setup(*self.arguments_of(setup))
        if inspect.iscoroutine(made):
            return self.loop.run_until_complete(made)
        if inspect.isasyncgen(made):
            self._open.append(made)
            return self.loop.run_until_complete(anext(made))
        if inspect.isgenerator(made):
            self._open.append(made)
            return next(made)
        return made
