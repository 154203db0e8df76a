"""The worker of the gate: makes the calls of one benchmark in one version's environment, and times them.

It is started by its path, by the interpreter of the version that it measures, where an older latency_kit or
none may be installed: it imports the standard library and a part that lies beside it, by its path. It only
measures; what the durations say is found out by who asked for them.

Both ways one JSON object is one line: requests on standard input, answers on what was standard output
(whatever the benchmark prints goes to standard error).

    {"command": "list", "files": [...]}                     -> {"benchmarks": [name, ...]}
    {"command": "open", "file": ..., "name": ..., ...}      -> {"is_ready": true}
    {"order": "ABBA...", "own": "A", "calls": c, "samples": s, "lead_in": l, "baton": [fd, fd]}
                                                            -> {"batches_ns": [[s integers], ...],
                                                                "disturbed": [an integer a batch]}
    the end of the input                                    -> the benchmark is torn down, the worker ends
    anything that fails                                     -> {"error": "one line"}
"""
# ruff: noqa: PTH100, PTH118, PTH119, PTH120, PTH122  # pathlib is a third of the time that a worker takes to start

from __future__ import annotations

import gc
import importlib.util
import json
import os
import random
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator
from types import ModuleType
from typing import Any

try:
    import resource
except ImportError:  # not on every system

    def _involuntary_switches() -> int:
        return 0

else:
    _WHO = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)

    def _involuntary_switches() -> int:
        return resource.getrusage(_WHO).ru_nivcsw


__all__ = ["Batches", "LeftAloneError", "UnfitBenchmarkError", "Worker", "main"]

_HERE = os.path.dirname(os.path.abspath(__file__))
_MOST_STAGGERED = 4000
"""Objects at most that are laid into memory before the benchmark is imported."""


class LeftAloneError(Exception):
    """The other worker has ended; it knows why."""


class UnfitBenchmarkError(Exception):
    """A benchmark that cannot be called; the message says why."""


def main() -> None:
    """Do what the first request says."""
    worker = Worker()
    request = next(worker.requests(), None)
    if request is None:
        return
    try:
        if request.get("core") is not None and hasattr(os, "sched_setaffinity"):
            # Before the benchmark is imported: threads and processes that it starts inherit it.
            os.sched_setaffinity(0, {request["core"]})
        part = worker.load(
            os.path.join(_HERE, "pytest_part.py" if request["is_test"] else "function_part.py")
        )
        if request["command"] == "list":
            worker.answer(benchmarks=part.listed(request["files"], worker))
        else:
            with _Staggered():
                part.measure(request, worker)
    except LeftAloneError:
        worker.answer(error="the other version ended", is_left_alone=True)
    except BaseException as error:  # noqa: BLE001  # a benchmark may raise anything, also SystemExit
        worker.answer(error=described(error))


class Worker:
    """The lines from and to the process that started this one, and the calls that it asks for.

    * What the measured code prints never gets between the lines.
    """

    def __init__(self) -> None:
        # The numbers 0 and 1 are given away, so that neither print() nor a child process writes here.
        self._requests = os.fdopen(os.dup(0), encoding="utf-8")
        self._answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
        nowhere = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nowhere, 0)
        os.close(nowhere)
        os.dup2(2, 1)
        if _HERE in sys.path:
            # What lies here is not for the measured code to import.
            sys.path.remove(_HERE)

    def requests(self) -> Iterator[dict[str, Any]]:
        """Iterate over the requests until the input ends."""
        for line in iter(self._requests.readline, ""):
            yield json.loads(line)

    def answer(self, **answer: Any) -> None:
        """Send an answer."""
        self._answers.write(json.dumps(answer) + "\n")
        self._answers.flush()

    def load(self, file: str) -> ModuleType:
        """Import a file by its path; modules beside it can be imported too, after all others."""
        path = os.path.abspath(file)
        folder = os.path.dirname(path)
        if folder not in {*sys.path, _HERE}:
            sys.path.append(folder)
        name = os.path.splitext(os.path.basename(path))[0]
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise UnfitBenchmarkError(f"{file} is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    def unfit(self, message: str) -> Exception:
        """Return the exception for a benchmark that cannot be called."""
        return UnfitBenchmarkError(message)

    def serve(self, call: Callable[[], Any]) -> None:
        """Answer requests for batches of calls of a function, until there are no more."""
        call()
        _settle()
        self.answer(is_ready=True)
        now = time.perf_counter_ns
        for request in self.requests():
            samples, calls = range(request["samples"]), range(request["calls"])
            batches = Batches(request)
            for durations in batches.own_turns():
                for _ in range(batches.lead_in_calls):
                    call()
                batches.begin()
                if len(calls) == 1:
                    for _ in samples:
                        start = now()
                        call()
                        durations.append(now() - start)
                else:
                    for _ in samples:
                        start = now()
                        for _ in calls:
                            call()
                        durations.append(now() - start)
                batches.end()
            self.answer(batches_ns=batches.taken, disturbed=batches.disturbed)

    async def serve_on_loop(self, call: Callable[[], Awaitable[Any]]) -> None:
        """Answer requests for batches of calls of a coroutine function, each awaited before the next."""
        await call()
        _settle()
        self.answer(is_ready=True)
        now = time.perf_counter_ns
        # The loop stands still while this process waits for its turn: it is the other one's then.
        for request in self.requests():
            samples, calls = range(request["samples"]), range(request["calls"])
            batches = Batches(request)
            for durations in batches.own_turns():
                for _ in range(batches.lead_in_calls):
                    await call()
                batches.begin()
                for _ in samples:
                    start = now()
                    for _ in calls:
                        await call()
                    durations.append(now() - start)
                batches.end()
            self.answer(batches_ns=batches.taken, disturbed=batches.disturbed)


class Batches:
    """The batches of one request, taken in turns with the worker of the other version.

    The turn is handed from worker to worker through a pair of pipes: through the process that asks, it would
    take several times as long and wait for a core there.
    """

    def __init__(self, request: dict[str, Any]) -> None:
        self._order: str = request["order"]
        self._own: str = request["own"]
        baton: list[int] = request.get("baton") or [-1, -1]
        self._wait_on, self._pass_to = baton
        self.lead_in_calls: int = request["lead_in"] * request["calls"]
        self.taken: list[list[int]] = []
        self.disturbed: list[int] = []
        self._switches = 0

    def own_turns(self) -> Iterator[list[int]]:
        """Yield the list for the durations of each batch, when it is this worker's turn."""
        order, own = self._order, self._own
        for at, whose in enumerate(order):
            if whose != own:
                continue
            if at > 0 and order[at - 1] != own and not os.read(self._wait_on, 1):
                raise LeftAloneError
            self.taken.append([])
            yield self.taken[-1]
            if at + 1 < len(order) and order[at + 1] != own:
                os.write(self._pass_to, b".")

    def begin(self) -> None:
        """Note that the timed part of a batch begins."""
        self._switches = _involuntary_switches()

    def end(self) -> None:
        """Note that it has ended, and how often another program took the core in it."""
        self.disturbed.append(_involuntary_switches() - self._switches)


def _settle() -> None:
    """Take what lives now out of the garbage collector's sight: it is the same work for every batch then."""
    gc.collect()
    gc.freeze()


class _Staggered:
    """Lays objects of random sizes into memory, so that a version has no layout of its own.

    Where objects lie in memory changes a program's speed by some per cent, and it depends on things as little
    as the length of a path: T. Mytkowicz and others, Producing wrong data without doing anything obviously
    wrong, ASPLOS 2009; C. Curtsinger and E. Berger, Stabilizer, ASPLOS 2013. At random in every process it is
    chance, which many processes even out.
    """

    def __enter__(self) -> None:
        source = random.Random()  # noqa: S311  # no secret
        self._kept = [bytes(source.randrange(8, 480)) for _ in range(source.randrange(_MOST_STAGGERED))]

    def __exit__(self, *_: object) -> None:
        self._kept.clear()


def described(error: BaseException) -> str:
    """Say an exception in one line, with the place in the measured code that it comes from."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if os.path.dirname(frame.filename) != _HERE and not frame.filename.startswith("<frozen")
    ]
    said = str(error)
    if not isinstance(error, UnfitBenchmarkError):
        said = f"{type(error).__name__}: {said}" if said else type(error).__name__
    place = f" ({os.path.relpath(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
    return " ".join(said.split()) + place


if __name__ == "__main__":
    main()
