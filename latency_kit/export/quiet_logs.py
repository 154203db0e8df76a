"""Keeps the exporters' own log records out of the program's log while we send.

The standard exporters log every retry and every failure, at length, for as long as a collector is away.
Our losses are logged once a kind and counted after that, so the record's text is kept for that one line
and the record itself goes no further. Other users of the same exporters keep their records: only what
the sending thread itself logs inside `quietly` is held back.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["HeldBack", "quietly"]

_ENCODER = "opentelemetry.exporter.otlp.proto.common._internal"
_LOGGERS = (
    _ENCODER,
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
    "opentelemetry.exporter.otlp.proto.grpc.trace_exporter",
    "opentelemetry.exporter.otlp.proto.grpc.metric_exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.proto.common._internal.trace_encoder",
    "opentelemetry.exporter.otlp.proto.common._internal.metrics_encoder",
    "opentelemetry.exporter.otlp.common.http",
)


class HeldBack:
    """What was held back in one block.

    Attributes:
        texts: The messages, oldest first.
        encoding_failures: How many of them say that an attribute could not be encoded and is left out.
    """

    __slots__ = ("encoding_failures", "texts")

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.encoding_failures = 0

    def last(self) -> str:
        """Return the last text, on one line; empty where there was none."""
        return " ".join(self.texts[-1].split()) if self.texts else ""


class _OfThread(threading.local):
    held: HeldBack | None = None


_of_thread = _OfThread()


class _HoldBack(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        held = _of_thread.held
        if held is None:
            return True
        held.texts.append(record.getMessage())
        held.encoding_failures += record.name == _ENCODER
        return False


_hold_back = _HoldBack()


@contextmanager
def quietly() -> Iterator[HeldBack]:
    """Hold back what the exporters log in this thread during the block; the texts are in the result."""
    for name in _LOGGERS:
        # Adding a filter twice adds it once; a program that reset its logging loses it, so it is put back.
        logging.getLogger(name).addFilter(_hold_back)
    outer, held = _of_thread.held, HeldBack()
    _of_thread.held = held
    try:
        yield held
    finally:
        _of_thread.held = outer
