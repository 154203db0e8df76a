"""The span processor: finished spans wait in a bounded queue for the background thread that sends them.

The SDK's own batch processor counts no losses, flushes without a time limit and logs each dropped span;
this one has the same variables and the same interface.
"""

import threading
from collections import deque
from collections.abc import Sequence

from opentelemetry.context import Context

from latency_kit.export.background import BackgroundWork
from latency_kit.export.sdk import ReadableSpan, Span, SpanProcessor
from latency_kit.export.sending import Sender
from latency_kit.export.settings import ExportSettings
from latency_kit.measurement.losses import Losses

__all__ = ["SpanBatchProcessor"]


class SpanBatchProcessor(SpanProcessor):
    """Sends finished, sampled spans in batches; never blocks or raises in the thread that ends a span.

    * A span is sent, or counted as "spans_dropped" (the queue was full, or export was shut down when it
      ended) or as "spans_not_exported" (the collector did not take it).
    * `force_flush` and `shutdown` return within their time limits.
    * A forked child sends its own spans only.
    """

    def __init__(
        self, sender: Sender[Sequence[ReadableSpan]], settings: ExportSettings, losses: Losses
    ) -> None:
        self._sender = sender
        self._losses = losses
        self._queue: deque[ReadableSpan] = deque()
        self._queue_size = settings.span_queue_size
        self._batch_size = min(settings.span_batch_size, settings.span_queue_size)
        self._exit_timeout_s = settings.exit_timeout_s
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

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Do nothing: spans are taken when they end."""

    def on_end(self, span: ReadableSpan) -> None:
        """Put a finished span in the queue, where it is sampled."""
        context = span.get_span_context()
        if context is None or not context.trace_flags.sampled:
            return
        queue = self._queue
        if self._closed:
            self._losses.count("spans_dropped", why="a span ended after the shutdown of the export")
        elif len(queue) >= self._queue_size:
            self._losses.count("spans_dropped", why=f"the queue of {self._queue_size} spans is full")
        else:
            queue.append(span)
            if len(queue) >= self._batch_size:
                self._work.wake()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what has ended so far; tell whether the collector took it within the time limit."""
        return self._work.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Send what has ended so far and stop, within the settings' `exit_timeout_s`."""
        self.shut_down_within(self._exit_timeout_s)

    def shut_down_within(self, timeout_s: float) -> bool:
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
            succeeded = self._sender.send(batch, len(batch)) and succeeded
        return succeeded

    def _next_batch(self) -> list[ReadableSpan]:
        batch: list[ReadableSpan] = []
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
