"""A call site: what is measured (component, operation, fixed attributes), checked once at construction."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from latency_kit.errors import UsageError
from latency_kit.measurement.values import NO_ATTRIBUTES, AttributeValue

__all__ = ["CallSite", "checked_attributes", "shared_call_site", "shared_call_sites"]

_SCALARS = (str, bool, int, float)

_MAX_SHARED = 4096
"""Call sites kept for blocks, which name what they measure anew each time; beyond it they are made anew."""

shared_call_sites: dict[tuple[str, str, bool], "CallSite"] = {}
"""By component, operation and whether spans are made; only `shared_call_site` writes to it."""


class CallSite:
    """What a measurement is of. One exists for each `measure_latency(...)`, shared by all its calls.

    * `component` and `operation` are non-empty strings without line breaks.
    * `attributes` never changes after construction and holds OpenTelemetry attribute values only.

    Attributes:
        component: The part of the program.
        operation: What it does.
        name: Of its spans.
        attributes: Of every call.
        makes_span: Whether its calls make spans.
        kept: What a recording keeps at hand for the calls of this site; no business of anyone else.
        encoded: What an encoder keeps at hand for the spans of this site; the same.
    """

    __slots__ = (
        "_span_attributes",
        "attributes",
        "component",
        "encoded",
        "kept",
        "makes_span",
        "name",
        "operation",
    )

    is_call: ClassVar[bool] = True
    """False for series that hold a part of calls (`DurationSeries`): observers are told of calls only."""

    expected_interval_ns: int = 0
    """Above 0 the series of this site is corrected for coordinated omission (`expected_interval`)."""

    corrected: "CallSite | None" = None
    """The site of the corrected series beside the raw one, where there is one."""

    def __init__(
        self,
        component: str,
        operation: str,
        attributes: Mapping[str, AttributeValue] | None = None,
        *,
        makes_span: bool = True,
    ) -> None:
        """Check and keep what is measured.

        Raises:
            UsageError: A name is not a non-empty string, or an attribute is not one of OpenTelemetry's.
        """
        self.component = _name("component", component)
        self.operation = _name("operation", operation)
        self.name = f"{component}.{operation}"
        self.attributes = checked_attributes(attributes) if attributes is not None else NO_ATTRIBUTES
        self.makes_span = makes_span
        self.kept: Any = None
        self.encoded: Any = None
        self._span_attributes: Mapping[str, AttributeValue] | None = None

    @property
    def span_attributes(self) -> Mapping[str, AttributeValue]:
        """What every span of this site has as attributes."""
        merged = self._span_attributes
        if merged is None:
            merged = self._span_attributes = MappingProxyType(
                {
                    "latency.component": self.component,
                    "latency.operation": self.operation,
                    **self.attributes,
                }
            )
        return merged

    def __repr__(self) -> str:
        return f"CallSite({self.name!r})"


def shared_call_site(component: str, operation: str, *, makes_span: bool) -> CallSite:
    """Return the call site without attributes of that name, the same one each time.

    Raises:
        UsageError: A name is not a non-empty string.
    """
    key = (component, operation, makes_span)
    try:
        site = shared_call_sites.get(key)
    except TypeError:
        # A name that cannot even be looked up is refused by the construction below, with what to do.
        site = None
    if site is None:
        site = CallSite(component, operation, makes_span=makes_span)
        if len(shared_call_sites) < _MAX_SHARED:
            site = shared_call_sites.setdefault(key, site)
    return site


def checked_attributes(attributes: Mapping[str, AttributeValue]) -> Mapping[str, AttributeValue]:
    """Return a read-only copy of `attributes`.

    Raises:
        UsageError: A key is not a non-empty string, or a value is not a string, bool, int, float, or a
            sequence of one of them.
    """
    if not isinstance(attributes, Mapping):
        raise UsageError(f"attributes must be a mapping of names to values, got {type(attributes).__name__}")
    for key, value in attributes.items():
        if not isinstance(key, str) or not key:
            raise UsageError(f"an attribute's key must be a non-empty string, got {key!r}")
        if not is_attribute_value(value):
            raise UsageError(
                f"attribute {key!r} must be a string, bool, int, float or a sequence of one of them, "
                f"got {type(value).__name__}"
            )
    return MappingProxyType(dict(attributes))


def is_attribute_value(value: object) -> bool:
    """Tell whether OpenTelemetry takes `value` as an attribute."""
    if type(value) in _SCALARS or isinstance(value, _SCALARS):
        return True
    if isinstance(value, list | tuple):
        kinds = {type(item) for item in value}
        return len(kinds) <= 1 and kinds <= set(_SCALARS)
    return False


def _name(what: str, given: str) -> str:
    if not isinstance(given, str):
        raise UsageError(
            f"{what} must be a string, got {type(given).__name__}; "
            "write measure_latency('component', 'operation')"
        )
    if not given or given != given.strip() or "\n" in given:
        raise UsageError(
            f"{what} must be a non-empty name without surrounding space or line breaks, got {given!r}"
        )
    return given
