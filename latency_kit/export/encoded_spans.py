"""Our own spans in the form in which they leave: encoded one by one, sent as one OTLP request a batch.

What a call site says about its spans is encoded once a site; what differs from span to span, identifiers
and times, is of fixed size and stands beside it. Everything else goes through the message classes of
`opentelemetry-proto`, and so does each whole batch: what they cannot read does not leave.
Source: https://github.com/open-telemetry/opentelemetry-proto, trace.proto; the encoding is that of
https://protobuf.dev/programming-guides/encoding/.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from latency_kit.export.span_messages import (
    ExportTraceServiceRequest,
    OnLostAttribute,
    attributes_field,
    call_site_fields,
    request_of,
    resource_message,
    scope_message,
    span_message,
)
from latency_kit.measurement.call_site import CallSite
from latency_kit.tracing.details import Details
from latency_kit.tracing.identity import IDENTITY_SIZE, identify, span_id_bytes
from latency_kit.tracing.provider import TracerProvider
from latency_kit.tracing.sdk import SpanLimits
from latency_kit.tracing.span import Span
from latency_kit.tracing.tracer import Tracer

__all__ = ["EncodedPart", "EncodedSpans", "EncodingFailures", "encode"]

# Tags of the protocol: field number and wire type in one byte.
_TRACE_ID = b"\x0a\x10"  # Span.trace_id = 1, 16 bytes; what follows is an identity with the tag of span_id
_PARENT_SPAN_ID = b'"\x08'  # Span.parent_span_id = 4, 8 bytes
_START = 0x39  # Span.start_time_unix_nano = 7, 64 bits
_END = 0x41  # Span.end_time_unix_nano = 8, 64 bits
_FIRST = b"\x0a"  # ExportTraceServiceRequest.resource_spans, ResourceSpans.resource, ScopeSpans.scope = 1
_SECOND = b"\x12"  # ResourceSpans.scope_spans, ScopeSpans.spans = 2
_SCHEMA_URL = b"\x1a"  # ResourceSpans.schema_url, ScopeSpans.schema_url = 3

_times = struct.Struct("<BQBQ").pack


class EncodedPart(NamedTuple):
    """Spans of one tracer as elements of the list that its spans make.

    Attributes:
        tracer: Whose they are.
        encoded: The elements, one after the other.
        size: How many there are.
    """

    tracer: Tracer
    encoded: bytes
    size: int


class EncodingFailures:
    """Why something could not be encoded, one text each.

    Attributes:
        spans: Spans that are lost.
        attributes: Attributes that are lost, while their spans leave without them.
    """

    __slots__ = ("attributes", "spans")

    def __init__(self) -> None:
        self.spans: list[str] = []
        self.attributes: list[str] = []


def encode(spans: Iterable[Span], failures: EncodingFailures) -> list[EncodedPart]:
    """Encode finished spans; one that cannot be encoded costs only itself, and so does an attribute."""
    lost = failures.attributes.append
    by_tracer: dict[Tracer, list[bytes]] = {}
    tracer: Tracer | None = None
    limits: SpanLimits | None = None
    offset_ns = 0
    append: Callable[[bytes], None]
    for span in spans:
        if span.tracer is not tracer:
            tracer = span.tracer
            append = by_tracer.setdefault(tracer, []).append
            limits, offset_ns = tracer.provider.limits, tracer.provider.offset_ns
        try:
            of_site = None if span.site is None else span.site.encoded
            if of_site is None or of_site.limits is not limits or span.details or span.result:
                append(_encoded(span, lost))
                continue
            identity = span.identity or identify(span)
            up = span.up
            start, end = span.start_ns + offset_ns, (span.end_ns or 0) + offset_ns
            if up is None and type(identity) is bytes:
                append(of_site.root(of_site.root_head, identity, _START, start, _END, end))
            elif type(up) is bytes:
                head, parent_id = of_site.child_head, span_id_bytes(up)
                append(of_site.child(head, identity, _PARENT_SPAN_ID, parent_id, _START, start, _END, end))
            else:
                append(_encoded(span, lost))
        except Exception as error:  # noqa: BLE001  # a name or a time may be anything
            failures.spans.append(f"span {span.name!r}: {error!r}")
    return [EncodedPart(tracer, b"".join(each), len(each)) for tracer, each in by_tracer.items()]


class EncodedSpans:
    """A batch of encoded spans, with the request that carries them.

    It has the length that exporters ask of a batch, and is made into a message once, however often the
    exporter tries to send it.
    """

    __slots__ = ("_count", "_failures", "_parts", "_request")

    def __init__(self, parts: Sequence[EncodedPart], failures: EncodingFailures) -> None:
        self._parts = parts
        self._count = sum(part.size for part in parts)
        self._failures = failures
        self._request: ExportTraceServiceRequest | None = None

    def __len__(self) -> int:
        return self._count

    @property
    def request(self) -> ExportTraceServiceRequest:
        """The message that carries all of them."""
        made = self._request
        if made is None:
            made = self._request = request_of(self._resource_spans())
        return made

    def _resource_spans(self) -> list[bytes]:
        """Return one `ResourceSpans` for each provider; mostly there is one."""
        lost = self._failures.attributes.append
        by_tracer: dict[Tracer, list[bytes]] = {}
        for tracer, encoded, _ in self._parts:
            by_tracer.setdefault(tracer, []).append(encoded)
        by_provider: dict[TracerProvider, list[bytes]] = {}
        for tracer, of_tracer in by_tracer.items():
            scope = tracer.instrumentation_scope
            body = b"".join(
                (
                    _delimited(_FIRST, scope_message(scope, lost)),
                    *of_tracer,
                    _delimited(_SCHEMA_URL, (scope.schema_url or "").encode()),
                )
            )
            by_provider.setdefault(tracer.provider, []).append(_delimited(_SECOND, body))
        return [
            _delimited(
                _FIRST,
                b"".join(
                    (
                        _delimited(_FIRST, resource_message(provider.resource, lost)),
                        *scopes,
                        _delimited(_SCHEMA_URL, (provider.resource.schema_url or "").encode()),
                    )
                ),
            )
            for provider, scopes in by_provider.items()
        ]


class _SiteEncoding:
    """The part that all plain spans of a call site share, and how the rest is put to it."""

    __slots__ = ("child", "child_head", "fixed", "limits", "root", "root_head")

    def __init__(self, site: CallSite, limits: SpanLimits, lost: OnLostAttribute) -> None:
        ruled = Details(site.name, limits, attributes=site.span_attributes)
        self.limits = limits
        self.fixed = call_site_fields(site.name, ruled.attributes, ruled.dropped_attributes, lost)
        rest = struct.calcsize("<BQBQ")
        of_root = len(self.fixed) + len(_TRACE_ID) + IDENTITY_SIZE + rest
        of_child = of_root + len(_PARENT_SPAN_ID) + 8
        self.root_head = _SECOND + _length(of_root) + self.fixed + _TRACE_ID
        self.child_head = _SECOND + _length(of_child) + self.fixed + _TRACE_ID
        self.root: Callable[..., bytes] = struct.Struct(f"<{len(self.root_head)}s{IDENTITY_SIZE}sBQBQ").pack
        self.child: Callable[..., bytes] = struct.Struct(
            f"<{len(self.child_head)}s{IDENTITY_SIZE}s{len(_PARENT_SPAN_ID)}s8sBQBQ"
        ).pack


def _encoded(span: Span, lost: OnLostAttribute) -> bytes:
    """Encode a span with which something is unusual, or the first one of its site."""
    site, end_ns = span.site, span.end_ns
    identity = identify(span)
    up = span.up
    if (
        site is None
        or span.details is not None
        or type(identity) is not bytes
        or not (up is None or type(up) is bytes)
        or end_ns is None
    ):
        return _delimited(_SECOND, span_message(span, lost).SerializeToString())
    provider = span.tracer.provider
    of_site = site.encoded
    if of_site is None or of_site.limits is not provider.limits:
        of_site = site.encoded = _SiteEncoding(site, provider.limits, lost)
    parent = b"" if up is None else _PARENT_SPAN_ID + span_id_bytes(up)
    added = attributes_field(span.result[2], lost) if span.result is not None and span.result[2] else b""
    times = _times(_START, span.start_ns + provider.offset_ns, _END, end_ns + provider.offset_ns)
    return _delimited(_SECOND, b"".join((of_site.fixed, added, _TRACE_ID, identity, parent, times)))


def _delimited(tag: bytes, payload: bytes) -> bytes:
    """Return a field with a length in front; nothing where there is nothing to say."""
    return tag + _length(len(payload)) + payload if payload else b""


def _length(number: int) -> bytes:
    """Return a number as the protocol's varint: seven bits a byte, the lowest first."""
    encoded = bytearray()
    while number > 0x7F:  # noqa: PLR2004  # seven bits
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
