"""Finished spans wait here, in a bounded queue, for the background thread that encodes and sends them.

The variables of the SDK's batch processor apply (`OTEL_BSP_*`); unlike that one, the queue counts what it
loses and flushes within a time limit.
"""

import threading
from collections import deque
from collections.abc import Sequence

from latency_kit.export.background import BackgroundWork
from latency_kit.export.encoded_spans import EncodedSpans
from latency_kit.export.sending import Sender
from latency_kit.export.settings import ExportSettings
from latency_kit.measurement.losses import Losses
from latency_kit.tracing.span import Span

__all__ = ["SpanQueue"]


class SpanQueue:
    """Sends finished, sampled spans in batches; never blocks or raises in the thread that puts them in.

    * A span is sent, or counted as "spans_dropped" (the queue was full, or export was shut down when it
      came) or as "spans_not_exported" (it could not be encoded, or the collector did not take it).
    * `flush` and `shutdown` return within their time limits.
    * A forked child sends its own spans only.
    """

    def __init__(self, sender: Sender[EncodedSpans], settings: ExportSettings, losses: Losses) -> None:
        self._sender = sender
        self._losses = losses
        self._queue: deque[Span] = deque()
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
        """Put one span in."""
        self.put_many((span,))

    def put_many(self, spans: Sequence[Span]) -> None:
        """Put spans in, oldest first; those beyond the size of the queue are dropped."""
        queue = self._queue
        if self._closed:
            self._losses.count(
                "spans_dropped", len(spans), why="spans ended after the shutdown of the export"
            )
            return
        surplus = len(queue) + len(spans) - self._queue_size
        if surplus > 0:
            surplus = min(surplus, len(spans))
            self._losses.count("spans_dropped", surplus, why=f"the queue of {self._queue_size} spans is full")
            spans = spans[: len(spans) - surplus]
        queue.extend(spans)
        if len(queue) >= self._batch_size:
            self._work.wake()

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
            left += len(batch)
        self._sender.lose(left, why=f"not sent within the {timeout_s:g} s that shutdown waits")
        return sent

    def _send_all(self) -> bool:
        succeeded = True
        while not self._given_up and (batch := self._next_batch()):
            encoded = EncodedSpans(batch)
            if encoded.lost:
                self._sender.lose(len(encoded.lost), why=encoded.lost[0])
            if len(encoded):
                succeeded = self._sender.send(encoded, len(encoded)) and succeeded
            lost = encoded.lost_attributes
            if lost:
                self._losses.count("attributes_not_exported", len(lost), why=lost[0])
        return succeeded

    def _next_batch(self) -> list[Span]:
        batch: list[Span] = []
        # Another thread may empty the queue at shutdown, so its length is no promise.
        while len(batch) < self._batch_size:
            try:
                batch.append(self._queue.popleft())
            except IndexError:
                break
        return batch

    def _begin_anew_in_child(self) -> None:
        self._queue = deque()
        self._closing = threading.Lock()
        self._sender.renew_after_fork()
