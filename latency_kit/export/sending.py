"""One exporter, used from one background thread: what it cannot send is counted, what it raises ends here."""

import contextlib
import threading
from collections.abc import Callable
from enum import Enum
from typing import Generic, Protocol, TypeVar

from opentelemetry import context as context_api
from opentelemetry.context import (
    _SUPPRESS_INSTRUMENTATION_KEY,  # the key by which all instrumentation packages agree to look away
)

from latency_kit.export.quiet_logs import quietly
from latency_kit.export.settings import ExportSettings, OtlpProtocol
from latency_kit.measurement.losses import Losses
from latency_kit.tracing import sdk

__all__ = ["Exporter", "Sender", "metric_exporter_of", "span_exporter_of", "takes_encoded_spans"]

Batch = TypeVar("Batch")
Batch_contra = TypeVar("Batch_contra", contravariant=True)


class Exporter(Protocol[Batch_contra]):
    """What the SDK's span exporters and metric exporters have in common."""

    def export(self, batch: Batch_contra, /) -> Enum:
        """Send `batch`; the result's name is SUCCESS or FAILURE."""
        ...

    def shutdown(self) -> None:
        """Give up what is on its way and close the connection."""
        ...


class Sender(Generic[Batch]):
    """Sends batches through an exporter that belongs to this process.

    * `send` and `close` never raise.
    * Every item that was not sent is counted once; so is, at `close`, one whose fate is not known then.
    * Attributes that the exporter could not encode are counted as "attributes_not_exported".
    * The program's instrumentation makes no spans of our own requests.
    * After `renew_after_fork` a new exporter is built in the child: a connection is never shared between
      processes.
    """

    def __init__(self, build: Callable[[], Exporter[Batch]], *, loss_kind: str, losses: Losses) -> None:
        self._build = build
        self._loss_kind = loss_kind
        self._losses = losses
        self._inherited: list[Exporter[Batch]] = []
        # Built here, not at the first use, so that a missing package and a bad setting show at once.
        self._exporter: Exporter[Batch] | None = build()
        self._closed = False
        self._lock = threading.Lock()
        self._on_its_way = 0

    @property
    def exporter(self) -> Exporter[Batch] | None:
        """The exporter of this process; None in a child that has not sent yet."""
        return self._exporter

    def send(self, batch: Batch, number: int) -> bool:
        """Send `batch` of `number` items and tell whether the collector took it."""
        with self._lock:
            self._on_its_way = number
        why = self._failure_of(batch)
        with self._lock:
            known_as_lost = self._on_its_way == 0
            self._on_its_way = 0
        if why is not None and not known_as_lost:
            self._losses.count(self._loss_kind, number, why=why)
        return why is None

    def _failure_of(self, batch: Batch) -> str | None:
        """Send `batch`; return why it failed, or None where it did not."""
        if self._closed:
            return "the export was shut down"
        token = context_api.attach(context_api.set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
        try:
            with quietly() as held:
                if self._exporter is None:
                    self._exporter = self._build()
                result = self._exporter.export(batch)
        except Exception as error:  # noqa: BLE001  # whatever an exporter raises, the loss is counted
            return repr(error)
        finally:
            context_api.detach(token)
        if result.name != "SUCCESS":
            return held.last() or "the exporter told no reason"
        if held.encoding_failures:
            self._losses.count("attributes_not_exported", held.encoding_failures, why=held.last())
        return None

    def lose(self, number: int, *, why: str) -> None:
        """Count items that were never given to the exporter."""
        if number:
            self._losses.count(self._loss_kind, number, why=why)

    def close(self) -> None:
        """Shut the exporter down; a request on its way in another thread is given up and counted as lost."""
        if self._closed:
            return
        self._closed = True
        with self._lock:
            given_up = self._on_its_way
            self._on_its_way = 0
        self.lose(given_up, why="the collector did not answer before the export was shut down")
        with contextlib.suppress(RuntimeError):
            if given_up:
                # Older gRPC exporters wait for the request on its way, so the wait is left to a thread; at
                # the end of the interpreter no thread can be started, and nothing needs closing any more.
                threading.Thread(target=self._close_exporter, name="latency_kit-close", daemon=True).start()
            else:
                self._close_exporter()

    def _close_exporter(self) -> None:
        try:
            if self._exporter is not None:
                with quietly():
                    self._exporter.shutdown()
        except Exception as error:  # noqa: BLE001  # nothing is lost by an exporter that fails to close
            self._losses.count("exporters_not_closed", why=repr(error))

    def renew_after_fork(self) -> None:
        """Leave the parent's exporter alone, unclosed and unfreed, and build a new one when it is needed."""
        self._lock = threading.Lock()
        self._on_its_way = 0
        if self._exporter is not None:
            self._inherited.append(self._exporter)
            self._exporter = None


def span_exporter_of(settings: ExportSettings) -> sdk.SpanExporter:
    """Build the standard span exporter of the settings' protocol."""
    if settings.traces_protocol is OtlpProtocol.GRPC:
        from latency_kit.export import otlp_grpc  # noqa: PLC0415  # only the protocol in use needs its package

        return otlp_grpc.build_span_exporter(settings)
    from latency_kit.export import otlp_http  # noqa: PLC0415  # the same

    return otlp_http.build_span_exporter(settings)


def takes_encoded_spans(exporter: object) -> bool:
    """Tell whether an exporter that `span_exporter_of` has built takes `EncodedSpans`, or only spans."""
    return bool(getattr(exporter, "takes_encoded_spans", False))


def metric_exporter_of(settings: ExportSettings) -> sdk.MetricExporter:
    """Build the standard metric exporter of the settings' protocol."""
    if settings.metrics_protocol is OtlpProtocol.GRPC:
        from latency_kit.export import otlp_grpc  # noqa: PLC0415  # only the protocol in use needs its package

        return otlp_grpc.build_metric_exporter(settings)
    from latency_kit.export import otlp_http  # noqa: PLC0415  # the same

    return otlp_http.build_metric_exporter(settings)
