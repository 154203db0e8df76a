"""`deadline(...)`: the block under which a deadline holds, and what is recorded of it when it ends.

What a deadline is lives in `deadline`.
"""

from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Any

from opentelemetry import context as context_api
from opentelemetry.context import Context

from latency_kit.budget.deadline import DEADLINE_KEY, Deadline, current_deadline, tighter
from latency_kit.budget.decisions import add_span_event, current_span, decisions
from latency_kit.budget.model import LatencyBudget
from latency_kit.errors import DeadlineExceededError, UsageError
from latency_kit.measurement.active import active
from latency_kit.measurement.context import leave_context
from latency_kit.measurement.duration_series import DurationSeries
from latency_kit.measurement.measurement import AttributeValue, Outcome
from latency_kit.measurement.outcomes import PASSED_DEADLINE, outcome_of
from latency_kit.units import ms_to_ns, ns_to_ms

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task, TimerHandle

__all__ = ["deadline"]

_MAX_SERIES = 1000
"""Names of blocks whose series are kept; beyond it a name without bound is at work."""

_series: dict[str, DurationSeries] = {}


class deadline:  # noqa: N801  # used as a block, where lower case is the custom
    """Set the moment by which a block, and everything that it starts, is to be done.

        with latency_kit.deadline(budget):
            answer(question)                       # in here: remaining(), allow(...), choose(...)

        async with latency_kit.deadline(250, cancel=True):
            await ask()                            # cancelled after 250 ms: DeadlineExceededError

    * Nested deadlines only shrink: inside, the earlier of the two holds, and errors bear its name.
    * The block's duration stands in the series `deadline.<name>`; a block that ends after its deadline has
      the outcome "timed_out" there, and the current span an event "deadline.exceeded".
    * Without `strict` and `cancel` nothing is raised, however late the block ends.
    * With `strict`, a block that ends late and without an error raises `DeadlineExceededError`.
    * With `cancel`, an `async with` block is cancelled at the deadline, as `asyncio.timeout` does it, and
      raises `DeadlineExceededError`, a `TimeoutError`. A cancellation from outside stays one.

    Args:
        limit: A budget, or a number of milliseconds; 0 is a deadline that has passed.
        start_ns: When the time began to run, on the clock of `now_ns()`; now by default.
        name: For people, series and counts; the budget's by default, else "block".
        strict: Whether to raise at the end of a late block; by default what the budget says.
        cancel: Whether to cancel the block at the deadline; `async with` only.

    Raises:
        UsageError: `limit` is neither a budget nor a finite number of milliseconds of at least 0.
    """

    __slots__ = (
        "_begun_ns",
        "_cancel",
        "_cancelling",
        "_expired",
        "_holding",
        "_limit_ns",
        "_name",
        "_start_ns",
        "_strict",
        "_task",
        "_timer",
        "_token",
    )

    def __init__(
        self,
        limit: LatencyBudget | float,
        *,
        start_ns: int | None = None,
        name: str | None = None,
        strict: bool | None = None,
        cancel: bool = False,
    ) -> None:
        budget = limit if isinstance(limit, LatencyBudget) else None
        self._limit_ns = budget.limit_ns if budget is not None else checked_limit_ns(limit)
        given = budget.name if budget is not None else "block"
        self._name = given if name is None else name
        if self._name not in _series:
            DurationSeries("deadline", self._name)  # refuses what cannot name a series, before the block runs
        self._strict = strict if strict is not None else budget is not None and budget.strict
        self._start_ns = start_ns
        self._cancel = cancel
        self._token: Token[Context] | None = None
        self._timer: TimerHandle | None = None
        self._task: Task[Any] | None = None
        self._cancelling = 0
        self._expired = False

    def __enter__(self) -> Deadline:
        if self._cancel:
            raise UsageError(
                "cancel=True cancels a task, which takes `async with latency_kit.deadline(...)`; "
                "in plain code call check_deadline() between steps"
            )
        return self._enter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave(error)

    async def __aenter__(self) -> Deadline:
        holding = self._enter()
        if self._cancel:
            import asyncio  # noqa: PLC0415  # loaded already where a coroutine runs

            self._task = asyncio.current_task()
            if self._task is None:
                self._leave(None)
                raise UsageError(
                    "cancel=True cancels the current task, and this coroutine runs outside of one"
                )
            self._cancelling = self._task.cancelling()
            self._expired = False
            self._arm(asyncio.get_running_loop())
        return holding

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        task, self._task = self._task, None
        # The same bookkeeping as asyncio.Timeout: only our own cancellation becomes a TimeoutError.
        is_ours = self._expired and task is not None and task.uncancel() <= self._cancelling
        if is_ours and kind is not None and kind.__name__ == "CancelledError":
            exceeded = DeadlineExceededError(self._holding.name, self._holding.overrun_ns())
            self._leave(exceeded)
            raise exceeded from error
        self._leave(error)

    def _enter(self) -> Deadline:
        if self._token is not None:
            raise UsageError(
                f"this deadline {self._name!r} is already in force; write latency_kit.deadline(...) anew "
                "in each with statement"
            )
        self._begun_ns = active.clock()
        start_ns = self._begun_ns if self._start_ns is None else self._start_ns
        own = Deadline(at_ns=start_ns + self._limit_ns, name=self._name, strict=self._strict)
        self._holding = tighter(current_deadline(), own)
        self._token = context_api.attach(context_api.set_value(DEADLINE_KEY, self._holding))
        return self._holding

    def _arm(self, loop: "AbstractEventLoop") -> None:
        self._timer = loop.call_later(self._holding.remaining_s(), self._expire, loop)

    def _expire(self, loop: "AbstractEventLoop") -> None:
        if not self._holding.has_passed:  # the loop's clock may tick a little earlier than ours
            self._arm(loop)
            return
        self._timer = None
        if self._task is not None:
            self._expired = True
            self._task.cancel(PASSED_DEADLINE)

    def _leave(self, error: BaseException | None) -> None:
        """Leave the context, record how the block ended, and raise where it is strict and late."""
        token, self._token = self._token, None
        if token is None:
            return
        leave_context(token)
        end_ns = active.clock()
        overrun_ns = end_ns - self._holding.at_ns
        outcome = Outcome.OK if error is None else outcome_of(error)
        if overrun_ns > 0 and outcome is Outcome.OK:
            outcome = Outcome.TIMED_OUT
        decisions.count("latency.deadline.blocks", deadline=self._name, outcome=outcome.value)
        series = _series_of(self._name)
        if series is not None:
            series.note(self._begun_ns, end_ns, outcome=outcome, span=current_span())
        if overrun_ns > 0 or outcome is Outcome.TIMED_OUT:
            _mark_span(self._name, overrun_ns, outcome)
        if overrun_ns > 0 and error is None and self._strict:
            raise DeadlineExceededError(self._holding.name, overrun_ns)


def _mark_span(name: str, overrun_ns: int, outcome: Outcome) -> None:
    attributes: dict[str, AttributeValue] = {
        "latency.deadline": name,
        "latency.deadline.overrun_ms": ns_to_ms(max(0, overrun_ns)),
        "latency.outcome": outcome.value,
    }
    add_span_event("deadline.exceeded", attributes)
    span = current_span()
    if span is not None:
        try:
            span.set_attribute("latency.deadline.exceeded", name)
        except Exception as error:  # noqa: BLE001  # whatever a provider does, the host goes on
            active.losses.count("spans_failed", why=repr(error))


def _series_of(name: str) -> DurationSeries | None:
    series = _series.get(name)
    if series is None:
        if len(_series) >= _MAX_SERIES:
            active.losses.count("deadline_blocks_unrecorded", why=f"more than {_MAX_SERIES} names")
            return None
        series = _series.setdefault(name, DurationSeries("deadline", name))
    return series


def checked_limit_ns(limit: object) -> int:
    """Return a number of milliseconds in nanoseconds.

    Raises:
        UsageError: It is not a finite number of at least 0.
    """
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 <= limit < float("inf"):
        raise UsageError(
            "a deadline takes a LatencyBudget or a finite number of milliseconds of at least 0, "
            f"got {limit!r}"
        )
    return ms_to_ns(limit)
