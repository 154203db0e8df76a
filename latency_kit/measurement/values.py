"""What the call sites themselves know of a call: how it ended, and values of attributes.

The record of a finished call lives in `measurement`: who only measures need not load it.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

__all__ = ["NO_ATTRIBUTES", "AttributeValue", "Outcome"]

AttributeValue = str | bool | int | float | Sequence[str] | Sequence[bool] | Sequence[int] | Sequence[float]
"""What OpenTelemetry takes as the value of an attribute."""

NO_ATTRIBUTES: Mapping[str, AttributeValue] = MappingProxyType({})


class Outcome(StrEnum):
    """How a measured call ended. All outcomes are recorded; each has histograms of its own."""

    OK = "ok"
    ERROR = "error"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    DROPPED = "dropped"
