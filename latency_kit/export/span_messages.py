"""OTLP messages of spans and their parts: the only module that imports those of `opentelemetry-proto`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode, TraceState

from latency_kit.errors import MissingExtraError
from latency_kit.tracing.sdk import Event, InstrumentationScope, Resource
from latency_kit.tracing.span import Span

try:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.proto.common.v1 import common_pb2
    from opentelemetry.proto.resource.v1 import resource_pb2
    from opentelemetry.proto.trace.v1 import trace_pb2
except ImportError as missing:
    raise MissingExtraError("opentelemetry-proto", "otlp") from missing

__all__ = [
    "ExportTraceServiceRequest",
    "OnLostAttribute",
    "attributes_field",
    "call_site_fields",
    "request_of",
    "resource_message",
    "scope_message",
    "span_message",
]

OnLostAttribute = Callable[[str], object]
"""Told why an attribute was left out."""

_KINDS = {
    SpanKind.INTERNAL: trace_pb2.Span.SPAN_KIND_INTERNAL,
    SpanKind.SERVER: trace_pb2.Span.SPAN_KIND_SERVER,
    SpanKind.CLIENT: trace_pb2.Span.SPAN_KIND_CLIENT,
    SpanKind.PRODUCER: trace_pb2.Span.SPAN_KIND_PRODUCER,
    SpanKind.CONSUMER: trace_pb2.Span.SPAN_KIND_CONSUMER,
}
_STATUS_CODES = {
    StatusCode.UNSET: trace_pb2.Status.STATUS_CODE_UNSET,
    StatusCode.OK: trace_pb2.Status.STATUS_CODE_OK,
    StatusCode.ERROR: trace_pb2.Status.STATUS_CODE_ERROR,
}
_LOCAL_PARENT = trace_pb2.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK
_REMOTE_PARENT = _LOCAL_PARENT | trace_pb2.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK

_KEPT_ATTRIBUTES = 4096
"""Encoded attributes kept at hand: call sites repeat a few keys with a few values."""

_LONGEST_KEPT = 128
"""Characters of a text that is worth keeping."""


def span_message(span: Span, lost: OnLostAttribute) -> trace_pb2.Span:
    """Return the message of a span of any kind; an attribute that OTLP cannot carry costs only itself.

    Raises:
        Exception: Whatever the message class raises of a name or a time that it cannot hold.
    """
    context, parent, status = span.context, span.parent, span.status
    return trace_pb2.Span(
        trace_id=context.trace_id.to_bytes(16),
        span_id=context.span_id.to_bytes(8),
        trace_state=_trace_state(context.trace_state),
        parent_span_id=b"" if parent is None else parent.span_id.to_bytes(8),
        name=span.name,
        kind=_KINDS[span.kind],
        start_time_unix_nano=span.start_time,
        end_time_unix_nano=span.end_time or 0,
        attributes=_attributes(span.attributes, lost),
        dropped_attributes_count=span.dropped_attributes,
        events=_events(span.events, lost),
        dropped_events_count=span.dropped_events,
        links=_links(span.links, lost),
        dropped_links_count=span.dropped_links,
        status=trace_pb2.Status(code=_STATUS_CODES[status.status_code], message=status.description or ""),
        flags=_flags(parent),
    )


def call_site_fields(name: str, attributes: Mapping[str, Any], dropped: int, lost: OnLostAttribute) -> bytes:
    """Return the encoded fields that all plain spans of a call site share; no parent of theirs is remote."""
    encoded: bytes = trace_pb2.Span(
        name=name,
        kind=trace_pb2.Span.SPAN_KIND_INTERNAL,
        attributes=_attributes(attributes, lost),
        dropped_attributes_count=dropped,
        status=trace_pb2.Status(),
        flags=_LOCAL_PARENT,
    ).SerializeToString()
    return encoded


def attributes_field(attributes: Mapping[str, Any], lost: OnLostAttribute) -> bytes:
    """Return the encoded field `attributes` of a span."""
    encoded: bytes = trace_pb2.Span(attributes=_attributes(attributes, lost)).SerializeToString()
    return encoded


def resource_message(resource: Resource, lost: OnLostAttribute) -> bytes:
    """Return the encoded message of a resource."""
    message = resource_pb2.Resource(attributes=_attributes(resource.attributes, lost))
    encoded: bytes = message.SerializeToString()
    return encoded


def scope_message(scope: InstrumentationScope, lost: OnLostAttribute) -> bytes:
    """Return the encoded message of an instrumentation scope."""
    encoded: bytes = common_pb2.InstrumentationScope(
        name=scope.name, version=scope.version or "", attributes=_attributes(scope.attributes or {}, lost)
    ).SerializeToString()
    return encoded


def request_of(encoded: Iterable[bytes]) -> ExportTraceServiceRequest:
    """Return the request that the encoded parts make together.

    Raises:
        google.protobuf.message.DecodeError: They are not the encoding of a request.
    """
    request = ExportTraceServiceRequest()
    for part in encoded:
        request.MergeFromString(part)
    return request


def _attributes(attributes: Mapping[str, Any], lost: OnLostAttribute) -> list[common_pb2.KeyValue]:
    messages = []
    for key, value in attributes.items():
        try:
            if type(value) in _KEPT_TYPES or (type(value) is str and len(value) <= _LONGEST_KEPT):
                messages.append(_kept_key_value(key, type(value).__name__, value))
            else:
                messages.append(common_pb2.KeyValue(key=key, value=_value(value)))
        except Exception as error:  # noqa: BLE001  # a value may be anything; it must not cost its span
            lost(f"attribute {key!r} of type {type(value).__name__}: {error}")
    return messages


_KEPT_TYPES = frozenset({bool, int})
"""Beside short texts. Not floats, which are equal without being the same (0.0 and -0.0)."""


@lru_cache(maxsize=_KEPT_ATTRIBUTES)
def _kept_key_value(key: str, kind: str, value: Any) -> common_pb2.KeyValue:  # noqa: ARG001  # 1 == True
    return common_pb2.KeyValue(key=key, value=_value(value))


def _value(value: object) -> common_pb2.AnyValue:  # noqa: PLR0911  # one return for each kind of value
    if value is None:
        return common_pb2.AnyValue()
    if isinstance(value, bool):
        return common_pb2.AnyValue(bool_value=value)
    if isinstance(value, str):
        return common_pb2.AnyValue(string_value=value)
    if isinstance(value, int):
        return common_pb2.AnyValue(int_value=value)
    if isinstance(value, float):
        return common_pb2.AnyValue(double_value=value)
    if isinstance(value, bytes):
        return common_pb2.AnyValue(bytes_value=value)
    if isinstance(value, Sequence):
        return common_pb2.AnyValue(array_value=common_pb2.ArrayValue(values=[_value(item) for item in value]))
    if isinstance(value, Mapping):
        pairs = [common_pb2.KeyValue(key=str(key), value=_value(item)) for key, item in value.items()]
        return common_pb2.AnyValue(kvlist_value=common_pb2.KeyValueList(values=pairs))
    raise TypeError("OTLP has no such value")


def _events(events: Sequence[Event], lost: OnLostAttribute) -> list[trace_pb2.Span.Event]:
    return [
        trace_pb2.Span.Event(
            name=event.name,
            time_unix_nano=event.timestamp,
            attributes=_attributes(event.attributes or {}, lost),
            dropped_attributes_count=event.dropped_attributes,
        )
        for event in events
    ]


def _links(links: Sequence[Link], lost: OnLostAttribute) -> list[trace_pb2.Span.Link]:
    return [
        trace_pb2.Span.Link(
            trace_id=link.context.trace_id.to_bytes(16),
            span_id=link.context.span_id.to_bytes(8),
            attributes=_attributes(link.attributes or {}, lost),
            dropped_attributes_count=link.dropped_attributes,
            flags=_flags(link.context),
        )
        for link in links
    ]


def _flags(other: SpanContext | None) -> int:
    return _REMOTE_PARENT if other is not None and other.is_remote else _LOCAL_PARENT


def _trace_state(state: TraceState) -> str:
    return ",".join([f"{key}={value}" for key, value in state.items()])
