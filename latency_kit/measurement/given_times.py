"""Times and outcomes that a caller gives, checked where they are written: a wrong one shows only later."""

import operator

from latency_kit.errors import UsageError
from latency_kit.measurement.values import Outcome

__all__ = ["given_ns", "given_outcome"]

_LIMIT_NS = 2**62
"""Some 146 years; what is further away is no reading of a monotonic clock."""


def given_ns(name: str, value: object) -> int:
    """Return a monotonic reading as `int`; NumPy's whole numbers are taken too.

    Raises:
        UsageError: It is not a whole number of nanoseconds, or out of any clock's range.
    """
    try:
        whole = operator.index(value)  # type: ignore[arg-type]  # what is not one is refused here
    except TypeError:
        raise UsageError(
            f"{name} must be a whole number of nanoseconds as now_ns() gives it, got {value!r}"
        ) from None
    if not -_LIMIT_NS < whole < _LIMIT_NS:
        raise UsageError(f"{name} must be a reading of the monotonic clock in nanoseconds, got {whole}")
    return whole


def given_outcome(outcome: Outcome | str) -> Outcome:
    """Return an outcome, given as such or by its value ("ok", "error" ...).

    Raises:
        UsageError: There is no such outcome.
    """
    try:
        return Outcome(outcome)
    except ValueError:
        known = ", ".join(repr(one.value) for one in Outcome)
        raise UsageError(f"there is no outcome {outcome!r}; known are {known}") from None
