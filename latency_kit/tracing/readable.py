"""What can be read of a span: the public attributes of the SDK's `ReadableSpan`, made when asked for."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from opentelemetry.trace import (
    Link,
    SpanContext,
    SpanKind,
    Status,
    format_span_id,
    format_trace_id,
)

from latency_kit.tracing.details import UNSET_STATUS
from latency_kit.tracing.identity import identify, span_context_of
from latency_kit.tracing.sdk import Event, InstrumentationScope, Resource

if TYPE_CHECKING:
    from latency_kit.tracing.span import Span

__all__ = ["ReadableSide"]


class ReadableSide:
    """Base of `Span` with the names by which span processors and exporters read one.

    * Nothing read here can be changed through what is returned.
    """

    __slots__ = ()

    @property
    def _span(self) -> "Span":
        return cast("Span", self)

    @property
    def name(self) -> str:
        """The name."""
        span = self._span
        if span.details is not None:
            return span.details.name
        return "" if span.site is None else span.site.name

    @property
    def context(self) -> SpanContext:
        """The identity."""
        return self._span.get_span_context()

    @property
    def parent(self) -> SpanContext | None:
        """The identity of the parent; None above the root."""
        span = self._span
        identify(span)
        up = span.up
        if up is None or isinstance(up, bytes | SpanContext):
            return None if up is None else span_context_of(up)
        return up.get_span_context()

    @property
    def kind(self) -> SpanKind:
        """The relation to the parent."""
        details = self._span.details
        return SpanKind.INTERNAL if details is None else details.kind

    @property
    def start_time(self) -> int:
        """The start as a wall stamp, in nanoseconds."""
        span = self._span
        return span.start_ns + span.tracer.provider.offset_ns

    @property
    def end_time(self) -> int | None:
        """The end as a wall stamp, in nanoseconds; None while the span runs."""
        span = self._span
        return None if span.end_ns is None else span.end_ns + span.tracer.provider.offset_ns

    @property
    def attributes(self) -> Mapping[str, Any]:
        """The attributes."""
        span = self._span
        if span.details is not None:
            # A copy in one step, while another thread may be adding to it.
            return MappingProxyType(dict(span.details.attributes.copy()))
        if span.site is None:
            return MappingProxyType({})
        added = None if span.result is None else span.result[2]
        return MappingProxyType({**span.site.span_attributes, **(added or {})})

    @property
    def dropped_attributes(self) -> int:
        """How many attributes the limits cost."""
        details = self._span.details
        return 0 if details is None else details.dropped_attributes

    @property
    def events(self) -> Sequence[Event]:
        """The events, oldest first."""
        details = self._span.details
        return () if details is None else tuple(details.events)

    @property
    def dropped_events(self) -> int:
        """How many events the limit cost."""
        details = self._span.details
        return 0 if details is None else details.dropped_events

    @property
    def links(self) -> Sequence[Link]:
        """The links to other spans."""
        details = self._span.details
        return () if details is None else tuple(details.links)

    @property
    def dropped_links(self) -> int:
        """How many links the limit cost."""
        details = self._span.details
        return 0 if details is None else details.dropped_links

    @property
    def status(self) -> Status:
        """The status."""
        details = self._span.details
        return UNSET_STATUS if details is None else details.status

    @property
    def resource(self) -> Resource:
        """Who sends."""
        return self._span.tracer.provider.resource

    @property
    def instrumentation_scope(self) -> InstrumentationScope:
        """What made the span."""
        return self._span.tracer.instrumentation_scope

    @property
    def instrumentation_info(self) -> InstrumentationScope:
        """The scope by the name that older span processors know."""
        return self.instrumentation_scope

    def to_json(self, indent: int | None = 4) -> str:
        """Return the span as JSON in the SDK's form, for people."""
        parent = self.parent
        described: dict[str, Any] = {
            "name": self.name,
            "context": _described(self.context),
            "kind": str(self.kind),
            "parent_id": None if parent is None else f"0x{format_span_id(parent.span_id)}",
            "start_time": _iso(self.start_time),
            "end_time": None if self.end_time is None else _iso(self.end_time),
            "status": {"status_code": self.status.status_code.name},
            "attributes": dict(self.attributes),
            "events": [
                {
                    "name": event.name,
                    "timestamp": _iso(event.timestamp),
                    "attributes": dict(event.attributes or {}),
                }
                for event in self.events
            ],
            "links": [
                {"context": _described(link.context), "attributes": dict(link.attributes or {})}
                for link in self.links
            ],
            "resource": json.loads(self.resource.to_json()),
        }
        if self.status.description:
            described["status"]["description"] = self.status.description
        return json.dumps(described, indent=indent)

    def __repr__(self) -> str:
        return f"Span(name={self.name!r}, context={self.context!r})"


def _described(context: SpanContext) -> dict[str, str]:
    return {
        "trace_id": f"0x{format_trace_id(context.trace_id)}",
        "span_id": f"0x{format_span_id(context.span_id)}",
        "trace_state": repr(context.trace_state),
    }


def _iso(unix_nano: int) -> str:
    return datetime.fromtimestamp(unix_nano / 1e9, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
