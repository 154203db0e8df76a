"""Making any attribute value fit for one line of JSON, whatever it is and whatever it does when looked at."""

import math
import numbers
from collections.abc import Mapping
from typing import Any

__all__ = ["json_safe", "json_safe_mapping"]

MAX_DEPTH = 6
"""Containers within containers that are followed; deeper ones (or a list that holds itself) become text."""

MAX_INT_BITS = 4096
"""Longer whole numbers are written in hexadecimal: Python refuses to write thousands of decimal digits."""


_ALREADY_SAFE = frozenset({str, bool, type(None)})


def json_safe_mapping(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    """Return `attributes` as `json_safe` makes them; a mapping that cannot be read gives an empty one."""
    try:
        items = list(attributes.items())
    except Exception:  # noqa: BLE001  # attributes come from the measured program
        return {}
    return {_text(key): json_safe(value) for key, value in items}


def json_safe(value: object, depth: int = MAX_DEPTH) -> Any:
    """Return what JSON can hold of `value`: itself, or the text that says it best.

    * Never raises, and `json.dumps(..., allow_nan=False)` takes the result.
    * NaN and infinities become the strings "NaN", "Infinity" and "-Infinity", as protobuf's JSON has them.
    * Bytes become text with the undecodable ones escaped; other objects become their `str()`.
    """
    if type(value) in _ALREADY_SAFE:
        return value
    try:
        return _scalar_or_container(value, depth)
    except Exception:  # noqa: BLE001  # whatever a strange object raises when it is looked at
        return _text(value)


def _scalar_or_container(value: object, depth: int) -> Any:
    # The usual types first: asking the abstract ones costs a microsecond.
    if type(value) is int or isinstance(value, numbers.Integral):  # numpy's integers as well
        number = int(value)
        return number if number.bit_length() <= MAX_INT_BITS else hex(number)
    if type(value) is float or isinstance(value, numbers.Real):
        return _float(float(value))
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "backslashreplace")
    return _container(value, depth) if depth > 0 else _text(value)


def _container(value: object, depth: int) -> Any:
    if isinstance(value, Mapping):
        return {_text(key): json_safe(item, depth - 1) for key, item in list(value.items())}
    if isinstance(value, list | tuple | set | frozenset):
        return [json_safe(item, depth - 1) for item in list(value)]
    return _text(value)


def _float(number: float) -> float | str:
    if math.isfinite(number):
        return number
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"


def _text(value: object) -> str:
    if type(value) is str:
        return value
    try:
        return str.__str__(value) if isinstance(value, str) else str(value)
    except Exception:  # noqa: BLE001  # a __str__ that raises
        return f"<unprintable {type(value).__name__}>"
