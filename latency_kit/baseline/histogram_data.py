"""A histogram as plain data for JSON, and back: counts in V2 base64, exact figures beside them."""

from collections.abc import Mapping
from typing import Any, TypeVar

from latency_kit.errors import CorruptDataError
from latency_kit.histogram import HistogramSnapshot, decode_base64, encode_base64

__all__ = ["histogram_from_data", "histogram_to_data", "typed"]

T = TypeVar("T")


def histogram_to_data(histogram: HistogramSnapshot) -> dict[str, Any]:
    """Return a histogram as counts in V2 base64 and the figures that those do not tell."""
    data: dict[str, Any] = {"v2": encode_base64(histogram), "count": histogram.count}
    if histogram.count:
        data |= {"sum_ns": histogram.sum_ns, "min_ns": histogram.min_ns, "max_ns": histogram.max_ns}
        data["is_exact"] = histogram.is_exact
    return data


def histogram_from_data(data: Mapping[str, Any]) -> HistogramSnapshot:
    """Return the histogram that `histogram_to_data` wrote.

    Raises:
        CorruptDataError: The encoding is damaged, or its count is another one than stands beside it.
        KeyError, TypeError, ValueError: Something is missing or of the wrong kind.
    """
    histogram = decode_base64(typed(data["v2"], str))
    if histogram.count != data["count"]:
        raise CorruptDataError(
            f"a histogram counts {histogram.count} values, the figure beside it says {data['count']!r}"
        )
    if not histogram.count:
        return histogram
    return histogram.with_figures(
        sum_ns=typed(data["sum_ns"], int),
        min_ns=typed(data["min_ns"], int),
        max_ns=typed(data["max_ns"], int),
        is_exact=typed(data["is_exact"], bool),
    )


def typed(value: object, kind: type[T]) -> T:
    """Return `value` if it is of the kind that is expected there.

    Raises:
        TypeError: It is not.
    """
    # True is an int to Python, and no duration.
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"expected {kind.__name__}, got {value!r}")
    return value
