"""Deadlines in child processes: a function that brings its deadline along, and an environment variable.

Measured executors do the first by themselves. Other machines are `deadline_propagation`'s.
"""

import functools
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, ParamSpec, TypeVar

from opentelemetry.context import Context

from latency_kit.budget.deadline import (
    Deadline,
    context_with_deadline,
    current_deadline,
    deadline_of,
    restored_deadline,
)
from latency_kit.budget.shared_clock import clock_identity
from latency_kit.measurement.active import active
from latency_kit.measurement.context import current_context, use_context
from latency_kit.measurement.executor_child import brought_along

__all__ = [
    "DEADLINE_VARIABLE",
    "DeadlineCall",
    "deadline_environment",
    "use_deadline_of",
    "with_current_deadline",
]

P = ParamSpec("P")
R = TypeVar("R")

DEADLINE_VARIABLE = "LATENCY_KIT_DEADLINE"
"""The environment variable by which a child process is told its deadline."""

_TEXT = re.compile(r"at_ns=([0-9]{1,19});remaining_ns=([0-9]{1,19});clock=([!-:<-~]{0,200})", re.ASCII)


class DeadlineCall(Generic[P, R]):
    """A function with the deadline under which it is to run, wherever it is unpickled.

    * Where a deadline is in force already, the earlier of the two holds.
    """

    def __init__(self, function: Callable[P, R], deadline: Deadline) -> None:
        self._function = function
        self._deadline = deadline
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function under the deadline."""
        with use_context(context_with_deadline(self._deadline)):
            return self._function(*args, **kwargs)

    def __reduce__(self) -> tuple[type["DeadlineCall[P, R]"], tuple[Callable[P, R], Deadline]]:
        return type(self), (self._function, self._deadline)


def with_current_deadline(function: Callable[P, R]) -> Callable[P, R]:
    """Return `function` so that it takes the current deadline along when it is pickled.

        pool.submit(latency_kit.with_current_deadline(resize), image)

    The function must be one that can be pickled; without a deadline it comes back as it is. Threads take
    the whole context: `latency_kit.bind`.
    """
    deadline = current_deadline()
    return function if deadline is None else DeadlineCall(function, deadline)


def deadline_environment(context: Context | None = None) -> dict[str, str]:
    """Return the environment variable that hands the deadline to a child; empty without a deadline.

    subprocess.run(command, env={**os.environ, **latency_kit.deadline_environment()})
    """
    deadline = deadline_of(current_context() if context is None else context)
    if deadline is None:
        return {}
    at_ns, left_ns = max(0, deadline.at_ns), deadline.remaining_ns()
    return {DEADLINE_VARIABLE: f"at_ns={at_ns};remaining_ns={left_ns};clock={clock_identity()}"}


@contextmanager
def use_deadline_of(environment: Mapping[str, str] | None = None) -> Iterator[Deadline | None]:
    """Run the block under the deadline that the process was started with, where there is one.

    On the same monotonic clock it is the same moment, and the start of the process has used it up too;
    else what remained at the start begins now. A malformed variable is ignored and counted as
    "deadlines_ignored".

    Args:
        environment: Where to look; `os.environ` by default.
    """
    text = (os.environ if environment is None else environment).get(DEADLINE_VARIABLE)
    deadline = None if text is None else _read(text)
    if deadline is None:
        yield None
        return
    with use_context(context_with_deadline(deadline)):
        yield current_deadline()


def _read(text: str) -> Deadline | None:
    matched = _TEXT.fullmatch(text)
    if matched is None:
        active.losses.count("deadlines_ignored", why=f"{DEADLINE_VARIABLE}={text[:100]!r}")
        return None
    at_ns, left_ns, clock = matched.groups()
    return restored_deadline(int(at_ns), "parent", False, int(left_ns), clock)


def _bring_deadline(context: Context, function: Callable[..., Any]) -> Callable[..., Any]:
    deadline = deadline_of(context)
    return function if deadline is None else DeadlineCall(function, deadline)


brought_along.append(_bring_deadline)
