"""Lengths of windows, as people write them ("5m", "30d") and as nanoseconds."""

import re
from fractions import Fraction
from typing import Final

from latency_kit.errors import UsageError
from latency_kit.units import NS_PER_S

__all__ = [
    "LONGEST_WINDOW_NS",
    "SHORTEST_WINDOW_NS",
    "WINDOW_PATTERN",
    "window_mistake",
    "window_ns",
    "window_text",
]

_UNITS_NS: Final = {
    "w": 7 * 86_400 * NS_PER_S,
    "d": 86_400 * NS_PER_S,
    "h": 3_600 * NS_PER_S,
    "m": 60 * NS_PER_S,
    "s": NS_PER_S,
}

SHORTEST_WINDOW_NS: Final = NS_PER_S
"""Measurements are folded in every tenth of a second: a shorter window would hold a drain or two."""

LONGEST_WINDOW_NS: Final = 366 * _UNITS_NS["d"]
"""A leap year; nobody's error budget is longer."""

WINDOW_PATTERN: Final = r"^[0-9]{1,9}(\.[0-9]{1,9})?[smhdw]$"
"""What a window's text looks like; the JSON Schema of the policy file has the same one."""


def window_ns(text: str) -> int:
    """Return the nanoseconds of a window such as "5m", "1.5h" or "30d".

    Units are s, m, h, d (24 hours) and w (7 days).

    Raises:
        UsageError: The text is no such length, or it is outside the bounds.
    """
    if not isinstance(text, str) or not re.fullmatch(WINDOW_PATTERN, text, re.ASCII):
        raise UsageError(
            f'a window must be a text such as "5m", "1h" or "30d" (units s, m, h, d, w), got {text!r}'
        )
    length_ns = round(Fraction(text[:-1]) * _UNITS_NS[text[-1]])
    mistake = window_mistake(length_ns)
    if mistake is not None:
        raise UsageError(f"a window {mistake}")
    return length_ns


def window_mistake(length_ns: object) -> str | None:
    """Refuse a length that is not a whole number of nanoseconds from a second to a leap year."""
    if not isinstance(length_ns, int) or isinstance(length_ns, bool):
        return f"must be a whole number of nanoseconds, got {length_ns!r}"
    if not SHORTEST_WINDOW_NS <= length_ns <= LONGEST_WINDOW_NS:
        return f"must be from 1s to 366d, got {window_text(length_ns)}"
    return None


def window_text(length_ns: int) -> str:
    """Write a length in the largest unit that fits it evenly: "30d", "90m"; else in seconds."""
    for unit, unit_ns in _UNITS_NS.items():
        if length_ns % unit_ns == 0 and length_ns and unit != "w":
            return f"{length_ns // unit_ns}{unit}"
    return f"{length_ns / NS_PER_S:.9g}s"
