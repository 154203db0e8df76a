"""Which series a call belongs to: component, operation, outcome, and a chosen few of its attributes.

    latency_kit.configure(series_attributes=("model", "http.route"))

Whoever keeps series asks `SeriesIds`; what is kept lives with them.
"""

from collections.abc import Container, Iterable, Mapping, Sized
from typing import Protocol

from latency_kit.errors import UsageError
from latency_kit.measurement.active import Entry
from latency_kit.measurement.call_site import CallSite
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.values import NO_ATTRIBUTES, AttributeValue, Outcome

__all__ = [
    "MAX_SERIES",
    "OVERFLOW_ATTRIBUTE",
    "SeriesId",
    "SeriesIds",
    "added_attributes",
    "attributes_of",
    "order_of",
]

MAX_SERIES = 2000
"""Series that a recording keeps before new ones go to overflow series. It is the default of the OpenTelemetry
metrics SDK specification (cardinality limits): 2000."""

OVERFLOW_ATTRIBUTE = "otel.metric.overflow"
"""The attribute of overflow series. Source: OpenTelemetry metrics SDK specification, overflow attribute."""

OVERFLOW_COMPONENT = "latency_kit"
OVERFLOW_OPERATION = "overflow"

Chosen = tuple[tuple[str, str, AttributeValue], ...]
"""Name, kind and value of each chosen attribute that a call has. The kind keeps True, 1 and 1.0 apart."""

SeriesId = tuple[str, str, Outcome, Chosen]
"""What makes calls calls of one series; hashable."""

_ADDED = 5
"""Where the tuple of a finished call (see `Entry`) holds the attributes that it added, where it is full."""

_NONE_CHOSEN: Chosen = ()
_OVERFLOWED: Chosen = ((OVERFLOW_ATTRIBUTE, "bool", True),)


class Known(Container[SeriesId], Sized, Protocol):
    """The series that are kept already."""


class SeriesIds:
    """Names the series of calls, and keeps their number bounded.

    * Calls differ in series only by component, operation, outcome and the attributes of `names` that they
      have; of an attribute that a call added and its call site has too, the call's counts.
    * While there are fewer than `max_series` series, every call has its own; none of them changes later.
    * Above the bound, calls of a new series go to the overflow series of their component, operation and
      outcome, so that figures of an operation still hold every call. Should the names of operations
      themselves grow without end, then above twice the bound they go to one series for all.
    * Overflow is loud: each call that goes there for the first time is counted as "series_overflowed".

    Args:
        names: Attributes that make series of their own.
        max_series: The bound.

    Raises:
        UsageError: A name is no non-empty string, or `max_series` is no whole number from 1.
    """

    __slots__ = ("_max_series", "_names")

    def __init__(self, names: Iterable[str] = (), *, max_series: int = MAX_SERIES) -> None:
        if isinstance(names, str):
            raise UsageError(
                f"series_attributes must be a sequence of names, got {names!r}; write ({names!r},)"
            )
        self._names = tuple(dict.fromkeys(names))
        for name in self._names:
            if not isinstance(name, str) or not name:
                raise UsageError(f"series_attributes must be non-empty strings, got {name!r}")
        if not isinstance(max_series, int) or isinstance(max_series, bool) or max_series < 1:
            raise UsageError(f"max_series must be a whole number from 1, got {max_series!r}")
        self._max_series = max_series

    @property
    def looks_at_attributes(self) -> bool:
        """Whether attributes matter at all: without, one call site has one series an outcome."""
        return bool(self._names)

    def id_of(
        self, site: CallSite, outcome: Outcome, added: Mapping[str, AttributeValue] | None = None
    ) -> SeriesId:
        """Return the series of a call of `site` that added the attributes `added`."""
        if not self._names:
            return site.component, site.operation, outcome, _NONE_CHOSEN
        chosen = []
        for name in self._names:
            value = None if added is None else added.get(name)
            if value is None:
                value = site.attributes.get(name)
            if value is not None:
                chosen.append(_chosen(name, value))
        return site.component, site.operation, outcome, tuple(chosen)

    def admitted(self, wanted: SeriesId, known: Known, losses: Losses) -> SeriesId:
        """Return the series in which calls of `wanted`, which is not known, are to be kept."""
        if len(known) < self._max_series:
            return wanted
        component, operation, outcome, _ = wanted
        losses.count(
            "series_overflowed",
            why=f"more than {self._max_series} series, at {component}.{operation}; attributes or names that "
            "make series must take few values",
        )
        overflow = (component, operation, outcome, _OVERFLOWED)
        if overflow in known or len(known) < 2 * self._max_series:
            return overflow
        return OVERFLOW_COMPONENT, OVERFLOW_OPERATION, Outcome.OK, _OVERFLOWED


def added_attributes(entry: Entry) -> Mapping[str, AttributeValue] | None:
    """Return the attributes that a finished call has added to those of its call site."""
    if isinstance(entry, tuple):
        return entry[_ADDED] if len(entry) > _ADDED else None
    return None if entry.result is None else entry.result[2]


def attributes_of(series: SeriesId) -> Mapping[str, AttributeValue]:
    """Return the attributes that make the series one of its own."""
    chosen = series[3]
    return {name: value for name, _, value in chosen} if chosen else NO_ATTRIBUTES


def order_of(series: SeriesId) -> tuple[str, str, str, str]:
    """Return what series are sorted by; their attributes' values need not be comparable."""
    component, operation, outcome, chosen = series
    return component, operation, outcome.value, repr(chosen)


def _chosen(name: str, value: AttributeValue) -> tuple[str, str, AttributeValue]:
    if isinstance(value, list | tuple):
        kinds = {type(item).__name__ for item in value}
        return name, f"sequence of {','.join(kinds)}", tuple(value)
    return name, type(value).__name__, value
