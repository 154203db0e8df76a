"""What a span costs off the caller's path: CPU time from its end to the bytes of its request."""

import time
from typing import Any

from contenders import OUR_ATTRIBUTES, KeepingExporter, bare, own_spans, sdk_provider
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from latency_kit import measure_latency
from latency_kit.export.encoded_spans import EncodedSpans, EncodingFailures, encode

__all__ = ["own_off_path_ns", "sdk_off_path_ns"]

BATCH = 512
"""Spans in one request, the standard's default."""


def own_off_path_ns(spans: int = 4 * BATCH) -> float:
    """Return the CPU nanoseconds that a span costs: drain, histogram, encoding, serialisation."""
    decorated = measure_latency("shop", "pay")(bare)
    failures = EncodingFailures()
    parts: list[Any] = []
    with own_spans() as taken:
        # As the export does it: a portion is encoded as it is drained.
        taken.recording.send_spans_to(lambda spans: parts.extend(encode(spans, failures)))
        for _ in range(spans):
            decorated()
        began_ns = time.thread_time_ns()
        taken.recording.drain_gently()
        EncodedSpans(parts, failures).request.SerializeToString()
        spent_ns = time.thread_time_ns() - began_ns
    assert not failures.spans
    assert not failures.attributes
    return spent_ns / spans


def sdk_off_path_ns(spans: int = 4 * BATCH) -> float:
    """Return the CPU nanoseconds that a span of the SDK costs, with the attributes that ours has."""
    exporter = KeepingExporter()
    provider = sdk_provider(exporter)
    tracer = provider.get_tracer("latency_kit")
    for _ in range(spans):
        with tracer.start_as_current_span("shop.pay", attributes=OUR_ATTRIBUTES):
            bare()
    provider.force_flush()
    began_ns = time.thread_time_ns()
    for start in range(0, spans, BATCH):
        encode_spans(exporter.spans[start : start + BATCH]).SerializeToString()
    spent_ns = time.thread_time_ns() - began_ns
    provider.shutdown()
    return spent_ns / spans
