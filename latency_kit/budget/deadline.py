"""Deadlines: the moment by which the work of the current context is to be done, and what remains until then.

A deadline is a value in the OpenTelemetry context, so that whatever carries the context (tasks, bound
functions, measured queues and executors) carries the deadline. How a block sets one lives in
`deadline_scope`, how one crosses to other machines in `deadline_propagation`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opentelemetry import context as context_api
from opentelemetry.context import Context

from latency_kit.budget.shared_clock import clock_identity
from latency_kit.errors import DeadlineExceededError, NoDeadlineError
from latency_kit.measurement.active import active
from latency_kit.units import ns_to_ms

__all__ = [
    "DEADLINE_KEY",
    "Deadline",
    "check_deadline",
    "context_with_deadline",
    "current_deadline",
    "deadline_of",
    "remaining",
    "remaining_ns",
    "restored_deadline",
    "tighter",
]

DEADLINE_KEY = "latency_kit.deadline"
"""Under which a context holds its deadline; fixed, so that a pickled context keeps it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A moment on the monotonic clock by which work is to be done.

    * What remains never grows and is never negative; once it has passed, `overrun_ns` grows instead.
    * It survives pickling: in another process of the machine it is the same moment; where the monotonic
      clock is another one, what remained when it was pickled begins there anew.

    Attributes:
        at_ns: The moment, on the clock of `latency_kit.now_ns`.
        name: Whose deadline it is, for people and counts.
        strict: Whether the block that set it raises when it ends too late.
    """

    at_ns: int
    name: str = "block"
    strict: bool = False

    def remaining_ns(self) -> int:
        """Return what is left, in nanoseconds; 0 once it has passed."""
        left_ns = self.at_ns - active.clock()
        return left_ns if left_ns > 0 else 0  # noqa: FURB136  # `max` takes three times as long

    def remaining_ms(self) -> float:
        """Return what is left for people, in milliseconds."""
        return ns_to_ms(self.remaining_ns())

    def remaining_s(self) -> float:
        """Return what is left in seconds, as the time limits of sockets and locks are given."""
        return self.remaining_ns() / 1e9

    def overrun_ns(self) -> int:
        """Return how long ago it passed, in nanoseconds; 0 until then."""
        return max(0, active.clock() - self.at_ns)

    @property
    def has_passed(self) -> bool:
        """Whether nothing is left."""
        return active.clock() >= self.at_ns

    def check(self) -> None:
        """Do nothing while something is left.

        Raises:
            DeadlineExceededError: The deadline has passed.
        """
        overrun_ns = active.clock() - self.at_ns
        if overrun_ns >= 0:
            raise DeadlineExceededError(self.name, overrun_ns)

    def __reduce__(self) -> tuple[Callable[..., "Deadline"], tuple[Any, ...]]:
        return restored_deadline, (self.at_ns, self.name, self.strict, self.remaining_ns(), clock_identity())


def restored_deadline(
    at_ns: int,
    name: str,
    strict: bool,
    remaining_ns: int,
    clock: str,
) -> Deadline:
    """Return a deadline that comes from this or another process.

    On the same clock it is the same moment, but never more than what remained; else what remained then
    remains now.
    """
    latest_ns = active.clock() + remaining_ns
    if not clock or clock != clock_identity():
        at_ns = latest_ns
    at_ns = min(at_ns, latest_ns)
    return Deadline(at_ns=at_ns, name=name, strict=strict)


def current_deadline() -> Deadline | None:
    """Return the deadline of the code that runs now, or None where none is set."""
    found = context_api.get_current().get(DEADLINE_KEY)
    return found if isinstance(found, Deadline) else None


def deadline_of(context: Context) -> Deadline | None:
    """Return the deadline that `context` carries, or None where it carries none."""
    found = context.get(DEADLINE_KEY)
    return found if isinstance(found, Deadline) else None


def context_with_deadline(deadline: Deadline, context: Context | None = None) -> Context:
    """Return `context` (the current one by default) with `deadline`, unless its own is as tight."""
    base = context_api.get_current() if context is None else context
    return context_api.set_value(DEADLINE_KEY, tighter(deadline_of(base), deadline), base)


def tighter(outer: Deadline | None, inner: Deadline) -> Deadline:
    """Return which of two nested deadlines holds inside: the earlier one; the outer where they are equal."""
    return inner if outer is None or inner.at_ns < outer.at_ns else outer


def remaining_ns() -> int:
    """Return what is left until the current deadline, in nanoseconds; 0 once it has passed.

    Raises:
        NoDeadlineError: No deadline is set.
    """
    deadline = context_api.get_current().get(DEADLINE_KEY)
    if not isinstance(deadline, Deadline):
        raise NoDeadlineError(
            "no deadline is set here, so nothing can remain of one; set one with latency_kit.deadline(...), "
            "or ask current_deadline() first"
        )
    left_ns = deadline.at_ns - active.clock()
    return left_ns if left_ns > 0 else 0  # noqa: FURB136  # as above


def remaining() -> float:
    """Return what is left until the current deadline in milliseconds, the unit that `deadline()` takes.

    Raises:
        NoDeadlineError: No deadline is set.
    """
    return ns_to_ms(remaining_ns())


def check_deadline() -> None:
    """Do nothing while the current deadline has not passed, or where none is set.

    Raises:
        DeadlineExceededError: It has passed.
    """
    deadline = current_deadline()
    if deadline is not None:
        deadline.check()
