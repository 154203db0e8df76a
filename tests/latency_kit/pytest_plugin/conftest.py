"""A clock of our own for what the plugin measures, and projects for pytester in which it is used."""

import asyncio
from collections.abc import Callable
from typing import NoReturn

import pytest

from latency_kit.pytest_plugin.measuring import Latency
from latency_kit.pytest_plugin.plan import LatencyPlan
from latency_kit.pytest_plugin.progress import Progress
from latency_kit.pytest_plugin.result import LatencyResult
from latency_kit.pytest_plugin.timing import Timing, simulated_timing
from latency_kit.testing import FakeClock

MS = 1_000_000


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let projects of pytester not take themselves for workers of the run that they are tested in."""
    for variable in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):
        monkeypatch.delenv(variable, raising=False)


SIMULATION = """
import pytest
from latency_kit.pytest_plugin.timing import simulated_timing
from latency_kit.testing import FakeClock

@pytest.fixture
def clock():
    return FakeClock()

@pytest.fixture
def latency_timing(clock):
    return simulated_timing(clock)
"""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def timing(clock: FakeClock) -> Timing:
    return simulated_timing(clock)


class BudgetFailedError(AssertionError):
    """What `fail` raises in these tests."""


class Harness:
    """A `Latency` with all it needs, and what it did."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self.results: list[LatencyResult] = []
        self.failure = BudgetFailedError

    def latency(self, plan: LatencyPlan, *, undecided_fails: bool = True) -> Latency:
        return Latency(
            plan=plan,
            timing=self.timing,
            node="tests/test_x.py::test_y",
            keep=self.results.append,
            fail=self.fail,
            progress=lambda title: Progress(title, None, is_terminal=False),
            undecided_fails=undecided_fails,
        )

    def fail(self, message: str) -> NoReturn:
        raise BudgetFailedError(message)


@pytest.fixture
def harness(timing: Timing) -> Harness:
    return Harness(timing)


@pytest.fixture
def wait(clock: FakeClock) -> Callable[[float], None]:
    """Let milliseconds pass."""
    return lambda ms: clock.advance(ms=ms)


@pytest.fixture
def on_loop() -> Callable[..., object]:
    return asyncio.run


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., pytest.RunResult]:
    """Run pytest over a test file with this plugin alone, by a clock that the tests move."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(SIMULATION)

    def run(code: str, *arguments: str, ini: str = "") -> pytest.RunResult:
        pytester.makepyfile(code)
        if ini:
            pytester.makeini(f"[pytest]\n{ini}")
        return pytester.runpytest("-p", "latency_kit.pytest_plugin", "-p", "no:cacheprovider", *arguments)

    return run
