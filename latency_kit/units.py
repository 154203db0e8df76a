"""Conversion between nanoseconds (inside), milliseconds (people) and seconds (OTLP metrics).

All durations inside the package are `int` nanoseconds; floats appear only at these borders.
"""

import math

from latency_kit.errors import UsageError

__all__ = ["NS_PER_MS", "NS_PER_S", "NS_PER_US", "ms_to_ns", "ns_to_ms", "ns_to_s", "s_to_ns"]

NS_PER_US = 1_000
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


def ns_to_ms(duration_ns: int) -> float:
    """Convert nanoseconds to milliseconds."""
    return duration_ns / NS_PER_MS


def ns_to_s(duration_ns: int) -> float:
    """Convert nanoseconds to seconds."""
    return duration_ns / NS_PER_S


def ms_to_ns(duration_ms: float) -> int:
    """Convert milliseconds to the nearest whole nanosecond.

    Raises:
        UsageError: `duration_ms` is not a finite number.
    """
    return _scaled(duration_ms, NS_PER_MS, "milliseconds")


def s_to_ns(duration_s: float) -> int:
    """Convert seconds to the nearest whole nanosecond.

    Raises:
        UsageError: `duration_s` is not a finite number.
    """
    return _scaled(duration_s, NS_PER_S, "seconds")


def _scaled(duration: float, factor: int, unit: str) -> int:
    if not math.isfinite(duration):
        raise UsageError(f"a duration in {unit} must be a finite number, got {duration!r}")
    if isinstance(duration, int):
        return duration * factor
    return round(duration * factor)
