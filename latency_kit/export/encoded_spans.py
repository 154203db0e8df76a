"""Batches of our own spans in the form in which they leave: one OTLP request, made once a batch.

What a call site says about its spans is encoded once a site; what differs from span to span, identifiers
and times, is of fixed size and stands beside it. Everything else goes through the message classes of
`opentelemetry-proto`, and so does each whole batch: what they cannot read does not leave.
Source: https://github.com/open-telemetry/opentelemetry-proto, trace.proto; the encoding is that of
https://protobuf.dev/programming-guides/encoding/.
"""

import struct
import time
from collections.abc import Callable, Sequence
from typing import overload

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
from latency_kit.tracing.identity import SPAN_ID_TAG, identify, span_id_bytes
from latency_kit.tracing.provider import TracerProvider
from latency_kit.tracing.sdk import SpanLimits
from latency_kit.tracing.span import Span
from latency_kit.tracing.tracer import Tracer

__all__ = ["EncodedSpans"]

_PORTION = 32
"""Spans encoded before other threads get their turn: some 40 us of work."""

_PAUSE_S = 0.000_05
"""For which other threads get it."""

_IDENTITY_SIZE = 16 + len(SPAN_ID_TAG) + 8

# Tags of the protocol: field number and wire type in one byte.
_TRACE_ID = b"\x0a\x10"  # Span.trace_id = 1, 16 bytes; what follows is an identity with the tag of span_id
_PARENT_SPAN_ID = b'"\x08'  # Span.parent_span_id = 4, 8 bytes
_START = 0x39  # Span.start_time_unix_nano = 7, 64 bits
_END = 0x41  # Span.end_time_unix_nano = 8, 64 bits
_FIRST = b"\x0a"  # ExportTraceServiceRequest.resource_spans, ResourceSpans.resource, ScopeSpans.scope = 1
_SECOND = b"\x12"  # ResourceSpans.scope_spans, ScopeSpans.spans = 2
_SCHEMA_URL = b"\x1a"  # ResourceSpans.schema_url, ScopeSpans.schema_url = 3

_times = struct.Struct("<BQBQ").pack


class EncodedSpans(Sequence[Span]):
    """A batch of finished spans, with the request that carries them.

    * It is a sequence of its spans for whoever knows nothing of us.
    * A span that cannot be encoded costs only itself, and so does an attribute.

    Attributes:
        lost: Why spans could not be encoded, one text each; they are not part of the sequence.
        lost_attributes: Why attributes could not be encoded, the same.
    """

    def __init__(self, spans: Sequence[Span]) -> None:
        self.lost: list[str] = []
        self.lost_attributes: list[str] = []
        self._spans: list[Span] = []
        self._by_tracer: dict[Tracer, list[bytes]] = {}
        self._request: ExportTraceServiceRequest | None = None
        for start in range(0, len(spans), _PORTION):
            if start:
                time.sleep(_PAUSE_S)
            self._encode(spans[start : start + _PORTION])

    def __len__(self) -> int:
        return len(self._spans)

    @overload
    def __getitem__(self, index: int) -> Span: ...

    @overload
    def __getitem__(self, index: slice) -> list[Span]: ...

    def __getitem__(self, index: int | slice) -> Span | list[Span]:
        return self._spans[index]

    @property
    def request(self) -> ExportTraceServiceRequest:
        """The message that carries all of them."""
        made = self._request
        if made is None:
            made = self._request = request_of(self._resource_spans())
            self._by_tracer.clear()
        return made

    def _encode(self, spans: Sequence[Span]) -> None:
        lost = self.lost_attributes.append
        for span in spans:
            try:
                encoded = _encoded(span, lost)
            except Exception as error:  # noqa: BLE001  # a name or a time may be anything
                self.lost.append(f"span {span.name!r}: {error!r}")
                continue
            self._spans.append(span)
            of_tracer = self._by_tracer.get(span.tracer)
            if of_tracer is None:
                of_tracer = self._by_tracer[span.tracer] = []
            of_tracer.append(encoded)

    def _resource_spans(self) -> list[bytes]:
        """Return one `ResourceSpans` for each provider; mostly there is one."""
        lost = self.lost_attributes.append
        by_provider: dict[TracerProvider, list[bytes]] = {}
        resources = {}
        for tracer, encoded in self._by_tracer.items():
            resources[tracer.provider] = tracer.provider.resource
            scope = tracer.instrumentation_scope
            body = b"".join(
                (
                    _delimited(_FIRST, scope_message(scope, lost)),
                    *encoded,
                    _delimited(_SCHEMA_URL, (scope.schema_url or "").encode()),
                )
            )
            by_provider.setdefault(tracer.provider, []).append(_delimited(_SECOND, body))
        return [
            _delimited(
                _FIRST,
                b"".join(
                    (
                        _delimited(_FIRST, resource_message(resources[provider], lost)),
                        *scopes,
                        _delimited(_SCHEMA_URL, (resources[provider].schema_url or "").encode()),
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
        of_root = len(self.fixed) + len(_TRACE_ID) + _IDENTITY_SIZE + rest
        of_child = of_root + len(_PARENT_SPAN_ID) + 8
        self.root_head = _SECOND + _length(of_root) + self.fixed + _TRACE_ID
        self.child_head = _SECOND + _length(of_child) + self.fixed + _TRACE_ID
        self.root: Callable[..., bytes] = struct.Struct(f"<{len(self.root_head)}s{_IDENTITY_SIZE}sBQBQ").pack
        self.child: Callable[..., bytes] = struct.Struct(
            f"<{len(self.child_head)}s{_IDENTITY_SIZE}s{len(_PARENT_SPAN_ID)}s8sBQBQ"
        ).pack


def _encoded(span: Span, lost: OnLostAttribute) -> bytes:
    """Return a span as an element of `ScopeSpans.spans`."""
    site, end_ns = span.site, span.end_ns
    identity = span.identity
    if identity is None:
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
    start, end = span.start_ns + provider.offset_ns, end_ns + provider.offset_ns
    result = span.result
    encoded: bytes
    if result is not None and result[2]:
        parent = b"" if up is None else _PARENT_SPAN_ID + span_id_bytes(up)
        added = attributes_field(result[2], lost)
        body = (of_site.fixed, added, _TRACE_ID, identity, parent, _times(_START, start, _END, end))
        encoded = _delimited(_SECOND, b"".join(body))
    elif up is None:
        encoded = of_site.root(of_site.root_head, identity, _START, start, _END, end)
    else:
        encoded = of_site.child(
            of_site.child_head, identity, _PARENT_SPAN_ID, span_id_bytes(up), _START, start, _END, end
        )
    return encoded


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
