"""A real OTLP receiver on loopback, over gRPC and over HTTP, that keeps what it receives.

For the tests of all folders, through the fixture `otlp_receiver` of `tests/conftest.py`. It needs
`opentelemetry-proto` and `grpc` (both come with the extra `otlp`); nothing imports it without them.
"""

import gzip
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogramDataPoint, Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

__all__ = ["OtlpReceiver", "attributes_of", "estimated_percentile_s", "value_of"]


class Verdict(Enum):
    """What to answer: the status of gRPC and that of HTTP."""

    ACCEPTED = (grpc.StatusCode.OK, 200)
    UNAVAILABLE = (grpc.StatusCode.UNAVAILABLE, 503)
    BAD_REQUEST = (grpc.StatusCode.INVALID_ARGUMENT, 400)


class OtlpReceiver:
    """Listens on two free ports of 127.0.0.1 and stores every request in the order of arrival.

    Attributes:
        trace_requests: The trace requests that were taken.
        metric_requests: The metric requests that were taken.
        headers: The headers (or gRPC metadata) of each request taken, names in lower case.
        refusals: How many requests to refuse as unavailable before taking any.
        refused: How many requests were refused.
        held: How many requests wait for an answer now.
        release: While it is not set, requests are read and not answered.
    """

    def __init__(self) -> None:
        self.trace_requests: list[trace_service_pb2.ExportTraceServiceRequest] = []
        self.metric_requests: list[metrics_service_pb2.ExportMetricsServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.refusals = 0
        self.refused = 0
        self.held = 0
        self._refusing_for_good = False
        self.release = threading.Event()
        self.release.set()
        self._changed = threading.Condition()
        self._grpc = grpc.server(
            futures.ThreadPoolExecutor(max_workers=4, thread_name_prefix="otlp-receiver")
        )
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(_TraceServicer(self), self._grpc)
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(_MetricsServicer(self), self._grpc)
        self.grpc_port = self._grpc.add_insecure_port("127.0.0.1:0")
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _http_handler(self))
        self._http.daemon_threads = True
        self.http_port = self._http.server_port
        self._http_thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, name="otlp-receiver-http"
        )

    def start(self) -> None:
        """Begin to listen."""
        self._grpc.start()
        self._http_thread.start()

    def stop(self) -> None:
        """Stop listening and let hanging requests go."""
        self.release.set()
        self._grpc.stop(grace=None).wait(5)
        self._http.shutdown()
        self._http.server_close()
        self._http_thread.join(5)

    @property
    def grpc_endpoint(self) -> str:
        """The address for the protocol "grpc"."""
        return f"http://127.0.0.1:{self.grpc_port}"

    @property
    def http_endpoint(self) -> str:
        """The base address for the protocol "http/protobuf"."""
        return f"http://127.0.0.1:{self.http_port}"

    def endpoint(self, protocol: str) -> str:
        """The address for `protocol`, "grpc" or "http/protobuf"."""
        return self.grpc_endpoint if protocol == "grpc" else self.http_endpoint

    def hang(self) -> None:
        """Take connections and requests from now on and answer none until `release` is set."""
        self.release.clear()

    def refuse_for_good(self) -> None:
        """Refuse what comes as a bad request, which no exporter tries again."""
        self._refusing_for_good = True

    def accept(self) -> None:
        """End `refuse_for_good`."""
        self._refusing_for_good = False

    def take(self, message: Any, headers: dict[str, str]) -> "Verdict":
        """Store a request, unless it is to be refused, and tell what to answer."""
        with self._changed:
            self.held += 1
            self._changed.notify_all()
        self.release.wait(30)
        with self._changed:
            self.held -= 1
            if self.refusals > 0 or self._refusing_for_good:
                self.refusals -= not self._refusing_for_good
                self.refused += 1
                self._changed.notify_all()
                return Verdict.BAD_REQUEST if self._refusing_for_good else Verdict.UNAVAILABLE
            self.headers.append(headers)
            if isinstance(message, trace_service_pb2.ExportTraceServiceRequest):
                self.trace_requests.append(message)
            else:
                self.metric_requests.append(message)
            self._changed.notify_all()
            return Verdict.ACCEPTED

    def wait_for(self, condition: Callable[[], Any], timeout_s: float = 10.0) -> None:
        """Wait until `condition()` holds, looking each time a request has come.

        Raises:
            AssertionError: It did not hold within `timeout_s` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(condition, timeout_s):
                raise AssertionError(
                    f"not received within {timeout_s} s; got {len(self.trace_requests)} trace requests and "
                    f"{len(self.metric_requests)} metric requests"
                )

    def spans(self) -> list[Span]:
        """All spans received, in the order of arrival."""
        return [span for _, span in self.spans_with_resources()]

    def spans_with_resources(self) -> list[tuple[dict[str, Any], Span]]:
        """All spans received, each with the attributes of its resource."""
        return [
            (attributes_of(resource_spans.resource.attributes), span)
            for request in list(self.trace_requests)
            for resource_spans in request.resource_spans
            for scope_spans in resource_spans.scope_spans
            for span in scope_spans.spans
        ]

    def span_named(self, name: str) -> Span:
        """The one span of that name."""
        (span,) = [span for span in self.spans() if span.name == name]
        return span

    def metrics(self) -> list[Metric]:
        """All metrics received, in the order of arrival."""
        return [metric for _, metric in self.metrics_with_resources()]

    def metrics_with_resources(self) -> list[tuple[dict[str, Any], Metric]]:
        """All metrics received, each with the attributes of its resource."""
        return [
            (attributes_of(resource_metrics.resource.attributes), metric)
            for request in list(self.metric_requests)
            for resource_metrics in request.resource_metrics
            for scope_metrics in resource_metrics.scope_metrics
            for metric in scope_metrics.metrics
        ]

    def histogram_points(self, **attributes: Any) -> list[ExponentialHistogramDataPoint]:
        """All exponential histogram points whose attributes include these (`_` stands for `.`)."""
        wanted = {key.replace("_", "."): value for key, value in attributes.items()}
        return [
            point
            for metric in self.metrics()
            for point in metric.exponential_histogram.data_points
            if wanted.items() <= attributes_of(point.attributes).items()
        ]


@contextmanager
def running_receiver() -> Iterator[OtlpReceiver]:
    """Run a receiver for the length of the block."""
    receiver = OtlpReceiver()
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()


def attributes_of(pairs: "Any") -> dict[str, Any]:
    """Return OTLP key-value pairs as a dictionary."""
    found: dict[str, Any] = {}
    pair: KeyValue
    for pair in pairs:
        assert pair.key not in found, f"attribute {pair.key} sent twice"
        found[pair.key] = value_of(pair.value)
    return found


def value_of(value: AnyValue) -> Any:
    """Return the Python value of an OTLP value; lists become tuples."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return tuple(value_of(item) for item in value.array_value.values)
    return None if kind is None else getattr(value, kind)


def estimated_percentile_s(point: ExponentialHistogramDataPoint, percentile: float) -> float:
    """Return the value at `percentile` that a backend estimates from a received point, in seconds.

    The rank is the ceiling of the share, as everywhere in latency_kit; the estimate of a bucket
    `(low, high]` is `2 * low * high / (low + high)`, which halves the worst relative error.
    """
    rank = max(1, -(-round(point.count * percentile * 1_000_000) // 100_000_000))
    if rank <= point.zero_count:
        return 0.0
    seen = point.zero_count
    base = 2.0 ** (2.0**-point.scale)
    for number, count in enumerate(point.positive.bucket_counts):
        seen += count
        if seen >= rank:
            low = base ** (point.positive.offset + number)
            return 2 * low * low * base / (low + low * base)
    raise AssertionError(f"rank {rank} is beyond the {seen} values of the buckets")


class _TraceServicer(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, receiver: OtlpReceiver) -> None:
        self._receiver = receiver

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802  # the protocol's name
        verdict = self._receiver.take(request, _metadata(context))
        if verdict is not Verdict.ACCEPTED:
            context.abort(verdict.value[0], "refused by the test")
        return trace_service_pb2.ExportTraceServiceResponse()


class _MetricsServicer(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, receiver: OtlpReceiver) -> None:
        self._receiver = receiver

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802  # the protocol's name
        verdict = self._receiver.take(request, _metadata(context))
        if verdict is not Verdict.ACCEPTED:
            context.abort(verdict.value[0], "refused by the test")
        return metrics_service_pb2.ExportMetricsServiceResponse()


def _metadata(context: grpc.ServicerContext) -> dict[str, str]:
    return {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}


_HTTP_MESSAGES = {
    "/v1/traces": (
        trace_service_pb2.ExportTraceServiceRequest,
        trace_service_pb2.ExportTraceServiceResponse,
    ),
    "/v1/metrics": (
        metrics_service_pb2.ExportMetricsServiceRequest,
        metrics_service_pb2.ExportMetricsServiceResponse,
    ),
}


def _http_handler(receiver: OtlpReceiver) -> type[BaseHTTPRequestHandler]:
    class OtlpHttp(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # the base class dispatches by this name
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path not in _HTTP_MESSAGES or self.headers["Content-Type"] != "application/x-protobuf":
                self._answer(400, b"")
                return
            encoding = self.headers.get("Content-Encoding", "")
            if encoding == "gzip":
                body = gzip.decompress(body)
            elif encoding == "deflate":
                body = zlib.decompress(body)
            request_type, response_type = _HTTP_MESSAGES[self.path]
            headers = {name.lower(): value for name, value in self.headers.items()}
            verdict = receiver.take(request_type.FromString(body), headers)
            self._answer(verdict.value[1], response_type().SerializeToString())

        def _answer(self, status: int, body: bytes) -> None:
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                # A client that gave up waiting is what some of the tests are about.
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            """Say nothing."""

    return OtlpHttp
