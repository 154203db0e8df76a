"""What few spans have: names of their own, attributes, events, links, status. Created at the first need."""

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode

from latency_kit.tracing.sdk import Event, SpanLimits

__all__ = ["UNSET_STATUS", "Details", "bounded", "is_worth_linking"]

UNSET_STATUS = Status(StatusCode.UNSET)

_PLAIN = frozenset({str, bool, int, float})
"""Types of values that no rule of attributes changes or refuses, as long as their length is unlimited."""


class Details:
    """The changeable parts of a span beyond its times and identity.

    * Attributes follow the rules of the installed API package: what needs no rule (plain values within the
      limits) is kept in a dictionary, everything else goes through its `BoundedAttributes`.
    * Events and links beyond their limit push the oldest out and are counted.
    """

    __slots__ = (
        "attributes",
        "dropped_events",
        "dropped_links",
        "events",
        "kind",
        "limits",
        "links",
        "name",
        "record_exception",
        "set_status_on_exception",
        "status",
    )

    def __init__(
        self,
        name: str,
        limits: SpanLimits,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        links: Sequence[Link] = (),
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> None:
        self.name = name
        self.kind = kind
        self.limits = limits
        self.attributes: dict[str, Any] | BoundedAttributes = {}
        self.events: list[Event] = []
        self.links: list[Link] = []
        self.dropped_events = 0
        self.dropped_links = 0
        self.status = UNSET_STATUS
        self.record_exception = record_exception
        self.set_status_on_exception = set_status_on_exception
        if attributes:
            self.add_attributes(attributes)
        for link in links:
            if link is not None:
                self.add_link(link.context, link.attributes)

    def set_attribute(self, key: str, value: Any) -> None:
        """Set one attribute; an earlier one of that name gives up its place."""
        attributes = self.attributes
        limits = self.limits
        most = limits.max_span_attributes
        if (
            type(attributes) is dict
            and type(key) is str
            and key
            and type(value) in _PLAIN
            and limits.max_span_attribute_length is None
            and (most is None or len(attributes) < most)
        ):
            attributes.pop(key, None)
            attributes[key] = value
        else:
            self._by_the_rules()[key] = value

    def add_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Set several attributes."""
        if not all(type(key) is str and key for key in attributes):
            # In a mapping, newer API packages make text of other keys; construction applies that rule too.
            longest = self.limits.max_span_attribute_length
            cleaned = BoundedAttributes(None, attributes, immutable=True, max_value_len=longest)
            self._by_the_rules().dropped += len(attributes) - len(cleaned)
            attributes = cleaned
        for key, value in attributes.items():
            self.set_attribute(key, value)

    def _by_the_rules(self) -> BoundedAttributes:
        attributes = self.attributes
        if type(attributes) is dict:
            limits = self.limits
            attributes = BoundedAttributes(
                limits.max_span_attributes,
                attributes,
                immutable=False,
                max_value_len=limits.max_span_attribute_length,
            )
            self.attributes = attributes
        assert isinstance(attributes, BoundedAttributes)  # noqa: S101  # the only other type
        return attributes

    def add_event(self, name: str, attributes: Mapping[str, Any] | None, at_unix_nano: int) -> None:
        """Add an event."""
        limits = self.limits
        kept = bounded(limits.max_event_attributes, attributes, limits.max_attribute_length)
        self.events.append(Event(name, attributes=kept, timestamp=at_unix_nano))
        self.dropped_events += _shorten(self.events, limits.max_events)

    def add_link(self, context: SpanContext, attributes: Mapping[str, Any] | None) -> None:
        """Add a link where it says anything."""
        if not is_worth_linking(context, attributes):
            return
        limits = self.limits
        kept = bounded(limits.max_link_attributes, attributes, limits.max_attribute_length)
        self.links.append(Link(context, attributes=kept))
        self.dropped_links += _shorten(self.links, limits.max_links)

    @property
    def dropped_attributes(self) -> int:
        """How many attributes the limits cost."""
        return 0 if type(self.attributes) is dict else self.attributes.dropped  # type: ignore[union-attr]

    def set_status(self, status: Status | StatusCode, description: str | None) -> bool:
        """Set the status: OK is final, UNSET is ignored; tell whether `description` was misplaced."""
        code = status.status_code if isinstance(status, Status) else status
        if self.status.status_code is StatusCode.OK or code is StatusCode.UNSET:
            return False
        if isinstance(status, Status):
            self.status = status
            return description is not None
        self.status = Status(status, description)
        return False


def bounded(most: int | None, attributes: Mapping[str, Any] | None, longest: int | None) -> BoundedAttributes:
    """Return attributes that never change, by the rules of the installed API package."""
    return BoundedAttributes(most, attributes, immutable=True, max_value_len=longest)


def _shorten(items: list[Any], most: int | None) -> int:
    """Take the oldest items out of a list that is too long; return how many."""
    surplus = 0 if most is None else max(len(items) - most, 0)
    del items[:surplus]
    return surplus


def is_worth_linking(context: SpanContext | None, attributes: Mapping[str, Any] | None) -> bool:
    """Tell whether a link says anything: it leads somewhere, or carries attributes or a trace state."""
    return bool(context and (context.is_valid or attributes or context.trace_state))
