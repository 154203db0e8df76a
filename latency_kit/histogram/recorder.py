"""A histogram that threads write to while others read. Counting lives in `histogram`.

HdrHistogram's Recorder swaps an active and an inactive histogram under a WriterReaderPhaser, so that writers
never wait and no value is lost or seen twice. A Python list gives the same at less cost: `append`, taking a
slice and deleting one are each atomic, under the interpreter lock as under the per-object locks of
free-threaded builds. Writers append at the end; whoever holds the fold lock is the only one that takes from
the front.
"""

from collections.abc import Iterable
from threading import Lock

from latency_kit.errors import UsageError
from latency_kit.histogram.histogram import Histogram
from latency_kit.histogram.layout import DEFAULT_LAYOUT, MAX_VALUE_NS, BucketLayout
from latency_kit.histogram.snapshot import HistogramSnapshot

__all__ = ["Recorder"]

_PORTION = 256
"""Values that wait before a writer helps to fold them, and what it folds: some 40 us, the most that
recording delays a caller while writers are few."""

_DEFAULT_READER = "default"


class Recorder:
    """Records values from any thread, and gives interval and cumulative snapshots to any thread.

    - A value is in exactly one interval of each reader, and in every cumulative snapshot from then on.
    - A value whose `record` had returned when a snapshot was asked for is in that snapshot.
    - Writers take no blocking lock; one that finds `_PORTION` values waiting folds them if no one else does.
    - Values that wait to be folded are bounded without a reader: a backlog shrinks with every further value.
    - A value that is refused is refused where it is recorded, not where it would have been folded.

    After a fork the child makes a recorder of its own: the inherited one may have been locked by a thread
    that the child does not have.
    """

    __slots__ = ("_cumulative", "_fold_lock", "_open", "_pending", "_unread")

    def __init__(self, layout: BucketLayout = DEFAULT_LAYOUT) -> None:
        self._pending: list[int] = []
        self._fold_lock = Lock()
        self._open = Histogram(layout)
        self._cumulative = Histogram(layout)
        self._unread: dict[str, Histogram] = {}

    @property
    def layout(self) -> BucketLayout:
        """The bucket layout."""
        return self._cumulative.layout

    def record(self, value_ns: int) -> None:
        """Record a value, in nanoseconds.

        Raises:
            UsageError: It is not an `int` from 0 to `MAX_VALUE_NS`.
        """
        if type(value_ns) is not int or not 0 <= value_ns <= MAX_VALUE_NS:
            raise UsageError(f"a value must be an int from 0 to 2**63 - 1 nanoseconds, got {value_ns!r}")
        pending = self._pending
        pending.append(value_ns)
        if len(pending) >= _PORTION:
            self._help_to_fold()

    def record_many(self, values: Iterable[int]) -> None:
        """Record a batch of values, in nanoseconds, as one.

        Raises:
            UsageError: One is not an `int` from 0 to `MAX_VALUE_NS`; then none of the batch is recorded.
        """
        batch = list(values)
        for value_ns in batch:
            if type(value_ns) is not int or not 0 <= value_ns <= MAX_VALUE_NS:
                raise UsageError(f"a value must be an int from 0 to 2**63 - 1 nanoseconds, got {value_ns!r}")
        self._pending.extend(batch)
        if len(self._pending) >= _PORTION:
            self._help_to_fold()

    def interval_snapshot(self, reader: str = _DEFAULT_READER) -> HistogramSnapshot:
        """Return what was recorded since the last call with this `reader`.

        Each name reads the whole series in intervals of its own; its first interval begins with the recorder.
        A reader that stops reading costs one histogram.
        """
        with self._fold_lock:
            self._close_open_interval()
            unread = self._unread.get(reader)
            if unread is None:
                self._unread[reader] = Histogram(self.layout)
                return self._cumulative.snapshot()
            return unread.snapshot_and_reset()

    def cumulative_snapshot(self) -> HistogramSnapshot:
        """Return what was recorded since the recorder was made."""
        with self._fold_lock:
            self._close_open_interval()
            return self._cumulative.snapshot()

    def _help_to_fold(self) -> None:
        # Never waits: the thread that holds the lock may be this one, interrupted by a signal or by the
        # garbage collector in the middle of a fold.
        if not self._fold_lock.acquire(blocking=False):
            return
        try:
            # A backlog, left by writers that ran while a folding thread did not, goes down by a quarter a
            # time, so that taking from the front of a long list stays linear over all.
            self._fold(max(_PORTION, len(self._pending) // 4))
        finally:
            self._fold_lock.release()

    def _close_open_interval(self) -> None:
        self._fold(len(self._pending))
        interval = self._open.snapshot_and_reset()
        self._cumulative.add(interval)
        for unread in self._unread.values():
            unread.add(interval)

    def _fold(self, limit: int) -> None:
        portion = self._pending[:limit]
        del self._pending[: len(portion)]
        self._open.record_many(portion)
