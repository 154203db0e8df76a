"""Finished spans wait here, in a bounded queue, for the background thread that sends them.

The variables of the SDK's batch processor apply (`OTEL_BSP_*`); unlike that one, the queue counts what it
loses and flushes within a time limit.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

from latency_kit.export.background import BackgroundWork
from latency_kit.export.encoded_spans import EncodedPart, EncodedSpans, EncodingFailures, encode
from latency_kit.export.sending import Sender
from latency_kit.export.settings import ExportSettings
from latency_kit.measurement.losses import Losses
from latency_kit.tracing.span import Span

__all__ = ["SpanQueue"]

_LARGEST_REQUEST = 1 << 20
"""Bytes of encoded spans in one request: collectors refuse gRPC messages above 4 MiB by default."""


class SpanQueue:
    """Sends finished, sampled spans in batches; never blocks or raises in the thread that puts them in.

    * A span is sent, or counted as "spans_dropped" (the queue was full, or export was shut down when it
      came) or as "spans_not_exported" (it could not be encoded, or the collector did not take it).
    * `flush` and `shutdown` return within their time limits.
    * A forked child sends its own spans only.

    Args:
        sender: Sends batches: `EncodedSpans` where its exporter takes them, else lists of spans.
        settings: Sizes and times.
        losses: Where losses are counted.
        encodes: Whether the exporter takes spans that are encoded already.
    """

    def __init__(
        self, sender: Sender[Any], settings: ExportSettings, losses: Losses, *, encodes: bool = True
    ) -> None:
        self._sender = sender
        self._losses = losses
        self._encodes = encodes
        self._spans: deque[Span] = deque()
        self._parts: deque[EncodedPart] = deque()
        self._parts_in = 0
        self._parts_out = 0
        self._queue_size = settings.span_queue_size
        self._batch_size = min(settings.span_batch_size, settings.span_queue_size)
        self._closed = False
        self._given_up = False
        self._closing = threading.Lock()
        self._work = BackgroundWork(
            name="latency_kit-spans",
            interval_s=settings.span_interval_s,
            work=self._send_all,
            losses=losses,
            after_fork=self._begin_anew_in_child,
        )

    def put(self, span: Span) -> None:
        """Put one span in, on the path of the program: it is encoded later."""
        if self._room_for(1):
            self._spans.append(span)
            self._wake_for_a_batch()

    def put_many(self, spans: Sequence[Span]) -> None:
        """Put spans in, oldest first, off the path of the program; one thread at a time.

        They are encoded at once, so that they need not wait as objects that the garbage collector of the
        program has to look at.
        """
        spans = spans[: self._room_for(len(spans))]
        if not self._encodes:
            self._spans.extend(spans)
        else:
            failures = EncodingFailures()
            for start in range(0, len(spans), self._batch_size):
                for part in encode(spans[start : start + self._batch_size], failures):
                    self._parts_in += part.size
                    self._parts.append(part)
            self._count(failures)
        self._wake_for_a_batch()

    def flush(self, timeout_s: float) -> bool:
        """Send what has ended so far; tell whether the collector took it within the time limit."""
        return self._work.flush(timeout_s)

    def shutdown(self, timeout_s: float) -> bool:
        """Send what has ended so far and stop; tell whether the collector took it in time."""
        with self._closing:
            if self._closed:
                return True
            self._closed = True
        sent = self._work.shutdown(timeout_s)
        # From here on the thread, where it still runs, takes no further batch: what is left is counted here.
        self._given_up = True
        self._sender.close()
        left = 0
        while batch := self._next_batch():
            left += sum(each.size if isinstance(each, EncodedPart) else 1 for each in batch)
        self._sender.lose(left, why=f"not sent within the {timeout_s:g} s that shutdown waits")
        return sent

    def _room_for(self, spans: int) -> int:
        """Return how many of that many spans find room; the others are counted."""
        if self._closed:
            self._losses.count("spans_dropped", spans, why="spans ended after the shutdown of the export")
            return 0
        room = min(self._queue_size - self._waiting(), spans)
        if room < spans:
            room = max(room, 0)
            self._losses.count(
                "spans_dropped", spans - room, why=f"the queue of {self._queue_size} spans is full"
            )
        return room

    def _waiting(self) -> int:
        # Each number is written by one thread at a time, so that no lock is needed.
        return len(self._spans) + self._parts_in - self._parts_out

    def _wake_for_a_batch(self) -> None:
        if self._waiting() >= self._batch_size:
            self._work.wake()

    def _send_all(self) -> bool:
        succeeded = True
        while not self._given_up and (waiting := self._next_batch()):
            batch: Sequence[Any] | EncodedSpans = waiting
            failures = EncodingFailures()
            if self._encodes:
                batch = EncodedSpans(_all_encoded(waiting, failures), failures)
            if len(batch):
                succeeded = self._sender.send(batch, len(batch)) and succeeded
            self._count(failures)
        return succeeded

    def _count(self, failures: EncodingFailures) -> None:
        if failures.spans:
            self._sender.lose(len(failures.spans), why=failures.spans[0])
        if failures.attributes:
            self._losses.count(
                "attributes_not_exported", len(failures.attributes), why=failures.attributes[0]
            )

    def _next_batch(self) -> "list[Span | EncodedPart]":
        batch: list[Span | EncodedPart] = []
        count = size = 0
        # Another thread may empty the queues at shutdown, so their lengths are no promise.
        with contextlib.suppress(IndexError):
            while count + self._parts[0].size <= self._batch_size and size < _LARGEST_REQUEST:
                part = self._parts.popleft()
                count += part.size
                size += len(part.encoded)
                batch.append(part)
        self._parts_out += count
        with contextlib.suppress(IndexError):
            while count < self._batch_size and size < _LARGEST_REQUEST:
                batch.append(self._spans.popleft())
                count += 1
        return batch

    def _begin_anew_in_child(self) -> None:
        self._spans = deque()
        self._parts = deque()
        self._parts_in = self._parts_out = 0
        self._closing = threading.Lock()
        self._sender.renew_after_fork()


def _all_encoded(waiting: "Sequence[Span | EncodedPart]", failures: EncodingFailures) -> list[EncodedPart]:
    parts = [each for each in waiting if isinstance(each, EncodedPart)]
    return parts + encode([each for each in waiting if not isinstance(each, EncodedPart)], failures)
