"""What remains of a deadline as text: the value of a `grpc-timeout` header and of a baggage entry.

Both say how long, never when: clocks of two machines differ by more than most deadlines are long. Both
round down, so that what remains never grows on its way. Pure functions; headers are read and written in
`deadline_propagation`.
"""

import re
from typing import Final

from latency_kit.errors import CorruptDataError, UsageError
from latency_kit.units import NS_PER_MS, NS_PER_S, NS_PER_US

__all__ = [
    "MAX_REMAINING_NS",
    "format_grpc_timeout",
    "format_remaining_ms",
    "parse_grpc_timeout",
    "parse_remaining_ms",
]

MAX_REMAINING_NS: Final = 24 * 3600 * NS_PER_S
"""The longest time that is believed of another machine, a day; more is a mistake or malice."""

_UNITS: Final = {
    "n": 1,
    "u": NS_PER_US,
    "m": NS_PER_MS,
    "S": NS_PER_S,
    "M": 60 * NS_PER_S,
    "H": 3600 * NS_PER_S,
}
"""Units of `grpc-timeout`, the finest first.

Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md (TimeoutUnit)
"""

_GRPC_MAX_VALUE: Final = 99_999_999
_GRPC: Final = re.compile(r"([0-9]{1,8})([HMSmun])", re.ASCII)
_MILLISECONDS: Final = re.compile(r"[0-9]{1,12}", re.ASCII)


def format_grpc_timeout(remaining_ns: int) -> str:
    """Return `remaining_ns` as `grpc-timeout`: at most 8 digits in the finest unit that holds them.

    The format has no zero ("positive integer"): what has passed is sent as "1n", the shortest there is.

        >>> format_grpc_timeout(1_234_000_000)
        '1234000u'

    Raises:
        UsageError: It is negative, or more hours than the format holds.
    """
    if remaining_ns < 0:
        raise UsageError(
            f"what remains cannot be negative, got {remaining_ns} ns; send 0 for what has passed"
        )
    left_ns = max(1, remaining_ns)
    for unit, unit_ns in _UNITS.items():
        if left_ns // unit_ns <= _GRPC_MAX_VALUE:
            return f"{left_ns // unit_ns}{unit}"
    raise UsageError(f"grpc-timeout holds at most {_GRPC_MAX_VALUE} hours, got {remaining_ns} ns")


def parse_grpc_timeout(text: str) -> int:
    """Return the nanoseconds of a `grpc-timeout`.

    Raises:
        CorruptDataError: It is not of the format, or longer than `MAX_REMAINING_NS`.
    """
    matched = _GRPC.fullmatch(text)
    if matched is None:
        raise CorruptDataError(
            f"a grpc-timeout is 1 to 8 digits and one of the units H M S m u n, got {text[:40]!r}"
        )
    value, unit = matched.groups()
    return _believable(int(value) * _UNITS[unit], text)


def format_remaining_ms(remaining_ns: int) -> str:
    """Return `remaining_ns` as whole milliseconds, rounded down; "0" for what has passed."""
    return str(max(0, remaining_ns) // NS_PER_MS)


def parse_remaining_ms(text: str) -> int:
    """Return the nanoseconds of whole milliseconds.

    Raises:
        CorruptDataError: It is not a plain whole number, or longer than `MAX_REMAINING_NS`.
    """
    if _MILLISECONDS.fullmatch(text) is None:
        raise CorruptDataError(f"what remains must be whole milliseconds such as '1234', got {text[:40]!r}")
    return _believable(int(text) * NS_PER_MS, text)


def _believable(remaining_ns: int, text: str) -> int:
    if remaining_ns > MAX_REMAINING_NS:
        raise CorruptDataError(f"what remains must be at most 24 hours, got {text!r}")
    return remaining_ns
