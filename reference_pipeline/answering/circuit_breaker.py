"""A circuit breaker: whether a provider is asked at all, by how its last calls went.

After M. Nygard, Release It! (2007), chapter 5: closed, open, half-open. Knows no provider and starts no task;
who probes is `guarded_answerer`.
"""

from collections.abc import Callable
from enum import StrEnum

import latency_kit
from latency_kit.units import NS_PER_S

__all__ = ["BreakerState", "CircuitBreaker", "Permit"]

DEFAULT_MAX_FAILURES = 3
"""Slow calls in a row that open it: a model whose first token is late once in ten calls by its nature is
taken for broken once in a thousand."""

DEFAULT_FIRST_RETRY_NS = NS_PER_S
DEFAULT_LONGEST_RETRY_NS = 4 * NS_PER_S
"""Between two probes: with the time that a probe takes, a recovery is found within 10 s."""


class BreakerState(StrEnum):
    """Whether calls pass."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class CircuitBreaker:
    """Lets calls pass or not.

    * Closed: calls pass. `max_failures` failures in a row open it, a definite one (refused, error) at once.
    * Open: no call passes. From `retry_at_ns` on it may be probed: a failed probe doubles the wait, up to
      `longest_retry_ns`; a good one makes it half-open.
    * Half-open: one call passes at a time. The first that succeeds closes it, the first that fails opens it
      again with the wait doubled.
    * A call without a verdict (its caller left) changes nothing and makes room for the next one.
    * The verdict of a call that was let through in an earlier state is not heard.

    Args:
        max_failures: Failures in a row.
        first_retry_ns: Wait after it opened, in nanoseconds.
        longest_retry_ns: Bound of the wait.
        now_ns: Monotonic nanoseconds.
    """

    def __init__(
        self,
        *,
        max_failures: int = DEFAULT_MAX_FAILURES,
        first_retry_ns: int = DEFAULT_FIRST_RETRY_NS,
        longest_retry_ns: int = DEFAULT_LONGEST_RETRY_NS,
        now_ns: Callable[[], int] = latency_kit.now_ns,
    ) -> None:
        self._max_failures = max_failures
        self._first_retry_ns = first_retry_ns
        self._longest_retry_ns = longest_retry_ns
        self._now_ns = now_ns
        self._state = BreakerState.CLOSED
        self._failures = 0
        self._wait_ns = first_retry_ns
        self._period = 0
        self._on_trial = False
        self.retry_at_ns = 0
        self.opened_ns = 0
        self.reason = ""

    @property
    def state(self) -> BreakerState:
        """Closed, open or half-open."""
        return self._state

    @property
    def admits(self) -> bool:
        """Whether a call would pass now."""
        if self._state is BreakerState.HALF_OPEN:
            return not self._on_trial
        return self._state is BreakerState.CLOSED

    def enter(self) -> "Permit | None":
        """Let a call pass; None where none does."""
        if not self.admits:
            return None
        self._on_trial = self._state is BreakerState.HALF_OPEN
        return Permit(self, self._period)

    def open(self, reason: str) -> None:
        """Let no call pass until a probe has been good."""
        if self._state is BreakerState.OPEN:
            return
        if self._state is BreakerState.CLOSED:
            self.opened_ns = self._now_ns()
            self._wait_ns = self._first_retry_ns
        else:
            self._wait_ns = min(2 * self._wait_ns, self._longest_retry_ns)
        self._go(BreakerState.OPEN)
        self.reason = reason
        self.retry_at_ns = self._now_ns() + self._wait_ns

    def probed(self, *, good: bool, reason: str = "") -> None:
        """Take the result of a probe; without effect where it is not open."""
        if self._state is not BreakerState.OPEN:
            return
        if good:
            self._go(BreakerState.HALF_OPEN)
            return
        self.reason = reason or self.reason
        self._wait_ns = min(2 * self._wait_ns, self._longest_retry_ns)
        self.retry_at_ns = self._now_ns() + self._wait_ns

    def judge(self, period: int, *, good: bool, definite: bool, reason: str) -> None:
        """Take the verdict of a call that was let through in `period`."""
        if period != self._period:
            return
        if good:
            self._failures = 0
            if self._state is BreakerState.HALF_OPEN:
                self._go(BreakerState.CLOSED)
            return
        self._failures += 1
        if definite or self._state is BreakerState.HALF_OPEN or self._failures >= self._max_failures:
            self.open(reason)

    def leave(self, period: int) -> None:
        """Make room for the next trial."""
        if period == self._period:
            self._on_trial = False

    def _go(self, state: BreakerState) -> None:
        self._state = state
        self._period += 1
        self._failures = 0
        self._on_trial = False


class Permit:
    """One call that was let through. Its first verdict counts; `leave` without one changes nothing."""

    __slots__ = ("_breaker", "_is_over", "_period")

    def __init__(self, breaker: CircuitBreaker, period: int) -> None:
        self._breaker = breaker
        self._period = period
        self._is_over = False

    def succeeded(self) -> None:
        """The call came to its end."""
        self._judge(good=True)

    def failed(self, reason: str, *, definite: bool) -> None:
        """The call failed; `definite` where the next one would too."""
        self._judge(good=False, definite=definite, reason=reason)

    def leave(self) -> None:
        """The call is over, with a verdict or without."""
        if not self._is_over:
            self._is_over = True
            self._breaker.leave(self._period)

    def _judge(self, *, good: bool, definite: bool = False, reason: str = "") -> None:
        if not self._is_over:
            self._is_over = True
            self._breaker.leave(self._period)
            self._breaker.judge(self._period, good=good, definite=definite, reason=reason)
