"""What an exception says about how a call ended."""

from latency_kit.measurement.values import Outcome

__all__ = ["PASSED_DEADLINE", "error_name", "error_type", "outcome_of"]

PASSED_DEADLINE = "the deadline has passed"
"""The message of a cancellation by a deadline, by which calls inside are told apart from those given up."""

_CANCELLATIONS = frozenset({"CancelledError", "Cancelled", "GeneratorExit", "KeyboardInterrupt"})
"""Names of exceptions by which a call is given up: asyncio, concurrent.futures, trio, generators, a person.

Names instead of types, since importing asyncio alone would take longer than our whole import may.
"""


def outcome_of(error: BaseException) -> Outcome:
    """Tell cancellation and time limits apart from failure.

    asyncio's, sockets' and `concurrent.futures`' timeouts are the built-in one; so is a passed deadline.
    """
    if isinstance(error, TimeoutError):
        return Outcome.TIMED_OUT
    if type(error).__name__ in _CANCELLATIONS:
        return Outcome.TIMED_OUT if PASSED_DEADLINE in error.args else Outcome.CANCELLED
    return Outcome.ERROR


def error_type(error: BaseException) -> str:
    """Return the qualified name of an exception's type, as OpenTelemetry's `error.type` wants it."""
    kind = type(error)
    if kind.__module__ in {"builtins", "__main__"}:
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def error_name(error: BaseException | str | None) -> str | None:
    """Return what is recorded of an error that was given as an exception, by name or not at all."""
    return error_type(error) if isinstance(error, BaseException) else error
