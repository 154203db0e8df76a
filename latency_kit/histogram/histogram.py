"""The histogram that is written to. Not thread-safe: `recorder` is. Figures live in `snapshot`."""

from collections.abc import Iterable
from operator import index as whole_number

from latency_kit.errors import UsageError
from latency_kit.histogram.batch import LARGEST_FAST_NS, SMALLEST_FAST_NS, pages_and_slots
from latency_kit.histogram.counters import MAX_COUNT, SparseCounters
from latency_kit.histogram.layout import DEFAULT_LAYOUT, MAX_VALUE_NS, BucketLayout
from latency_kit.histogram.snapshot import HistogramSnapshot

__all__ = ["Histogram"]

_CHUNK = 4096
"""Values converted at a time: bounds the memory that a large batch takes for a moment to some 150 KB."""

_FEWEST_FAST = 24
"""Below this many values the fixed cost of converting a batch as a whole exceeds its gain."""


class Histogram:
    """Counts values, in nanoseconds, in the buckets of a layout.

    - `count`, sum, min and max are exact; every recorded value is in exactly one bucket.
    - No value is clamped: what the layout cannot take raises `UsageError`.
    - A call that raises leaves the histogram as it was.
    - Memory follows the buckets in use: under 1 KB when idle, under 16 KB for 1000 log-normal values over two
      decades at three figures, and it is bounded whatever is recorded.
    - Not thread-safe: one thread at a time, or `Recorder`.
    """

    __slots__ = (
        "_count",
        "_counters",
        "_is_default_layout",
        "_is_exact",
        "_layout",
        "_max_ns",
        "_min_ns",
        "_sum_ns",
    )

    def __init__(self, layout: BucketLayout = DEFAULT_LAYOUT) -> None:
        self._layout = layout
        self._is_default_layout = layout == DEFAULT_LAYOUT
        self._is_exact: bool
        self.reset()

    @property
    def layout(self) -> BucketLayout:
        """The bucket layout."""
        return self._layout

    @property
    def count(self) -> int:
        """How many values were recorded since construction or the last `reset`."""
        return self._count

    def record(self, value_ns: int, count: int = 1) -> None:
        """Record a value, `count` times.

        Raises:
            UsageError: The value is not a whole number from 0 to `MAX_VALUE_NS`, `count` is not one from 1,
                or the histogram would hold more than `MAX_COUNT` values.
        """
        if type(value_ns) is not int or not 0 <= value_ns <= MAX_VALUE_NS:
            value_ns = _checked_value(value_ns)
        if type(count) is not int or count != 1 or self._count == MAX_COUNT:
            self._check_count(count)
        self._counters.add(self._layout.index_of(value_ns), count)
        self._note(count, value_ns * count, value_ns, value_ns)

    def record_many(self, values: Iterable[int]) -> None:
        """Record a batch of values; several times as fast as a call a value.

        Raises:
            UsageError: As for `record`, and then none of the batch is recorded.
        """
        batch = values if type(values) is list else _listed(values)
        if not batch:
            return
        if len(batch) == 1:
            self.record(batch[0])
            return
        try:
            lowest, highest, total = min(batch), max(batch), sum(batch)
            is_checked = type(total) is int and lowest >= 0 and highest <= MAX_VALUE_NS
        except TypeError:
            is_checked = False
        if not is_checked:
            # Either names the first value that cannot be taken, or makes plain whole numbers of numpy's.
            batch = [_checked_value(value) for value in batch]
            lowest, highest, total = min(batch), max(batch), sum(batch)
        self._check_count(len(batch))
        is_fast = self._is_default_layout and highest <= LARGEST_FAST_NS and len(batch) >= _FEWEST_FAST
        for start in range(0, len(batch), _CHUNK):
            chunk = batch[start : start + _CHUNK] if len(batch) > _CHUNK else batch
            if not is_fast:
                self._counters.add_each(self._layout.indices_of(chunk))
                continue
            if lowest < SMALLEST_FAST_NS:
                # These are their own indices in the default layout.
                self._counters.add_each([value for value in chunk if value < SMALLEST_FAST_NS])
                chunk = [value for value in chunk if value >= SMALLEST_FAST_NS]
            self._counters.add_each_split(*pages_and_slots(chunk))
        self._note(len(batch), total, lowest, highest)

    def record_corrected(self, value_ns: int, expected_interval_ns: int) -> None:
        """Record a value and those that coordinated omission kept from being taken.

        A source that should have started a call every `expected_interval_ns` started none during this one.
        Java's `recordValueWithExpectedInterval` adds what they would have waited: 35 at an interval of 10
        adds 25 and 15, not 5. The work is bounded by the buckets below the value, not by the number of
        values added.

        Raises:
            UsageError: As for `record`, or `expected_interval_ns` is not a whole number from 0; 0 means that
                no interval is expected.
        """
        value_ns = _checked_value(value_ns)
        interval_ns = _checked_value(expected_interval_ns)
        missed = max(value_ns // interval_ns - 1, 0) if interval_ns else 0
        self._check_count(missed + 1)
        self.record(value_ns)
        if not missed:
            return
        wait_ns = value_ns - interval_ns
        layout = self._layout
        while wait_ns >= interval_ns:
            index = layout.index_of(wait_ns)
            at_index = (wait_ns - max(layout.lowest_at(index), interval_ns)) // interval_ns + 1
            self._counters.add(index, at_index)
            wait_ns -= at_index * interval_ns
        shortest_ns = value_ns - missed * interval_ns
        longest_ns = value_ns - interval_ns
        self._note(missed, missed * (shortest_ns + longest_ns) // 2, shortest_ns, longest_ns)

    def add(self, other: "Histogram | HistogramSnapshot") -> None:
        """Add all values of `other`, as if they had been recorded here.

        Raises:
            UsageError: The layouts differ, or the histogram would hold more than `MAX_COUNT` values.
        """
        theirs = other.snapshot() if isinstance(other, Histogram) else other
        if theirs.layout != self._layout:
            raise UsageError(
                f"cannot add a histogram of {theirs.layout} to one of {self._layout}; use one layout"
            )
        if not theirs.count:
            return
        self._check_count(theirs.count)
        self._counters.merge(theirs.counters)
        self._note(theirs.count, theirs.sum_ns, theirs.min_ns, theirs.max_ns)
        self._is_exact = self._is_exact and theirs.is_exact

    def snapshot(self) -> HistogramSnapshot:
        """Return what has been recorded since construction or the last `reset`."""
        return self._snapshot_of(self._counters.copy())

    def reset(self) -> None:
        """Forget all values."""
        self._counters = SparseCounters()
        self._count = self._sum_ns = self._min_ns = self._max_ns = 0
        self._is_exact = True

    def snapshot_and_reset(self) -> HistogramSnapshot:
        """Return what has been recorded and forget it; cheaper than both calls, since nothing is copied."""
        taken = self._snapshot_of(self._counters)
        self.reset()
        return taken

    def _snapshot_of(self, counters: SparseCounters) -> HistogramSnapshot:
        return HistogramSnapshot(
            layout=self._layout,
            counters=counters,
            count=self._count,
            sum_ns=self._sum_ns,
            min_ns=self._min_ns,
            max_ns=self._max_ns,
            is_exact=self._is_exact,
        )

    def _note(self, count: int, sum_ns: int, min_ns: int, max_ns: int) -> None:
        if not self._count or min_ns < self._min_ns:
            self._min_ns = min_ns
        self._max_ns = max(self._max_ns, max_ns)
        self._count += count
        self._sum_ns += sum_ns

    def _check_count(self, count: int) -> None:
        if type(count) is not int or count < 1:
            raise UsageError(f"count must be a whole number from 1, got {count!r}")
        if self._count + count > MAX_COUNT:
            raise UsageError(
                f"a histogram holds at most 2**63 - 1 values; {count} cannot be added to {self._count}"
            )


def _checked_value(value_ns: int) -> int:
    """Return the value as an `int`, which other whole-number types (numpy's) are not."""
    try:
        value = whole_number(value_ns)
    except TypeError:
        raise UsageError(f"a value must be a whole number of nanoseconds, got {value_ns!r}") from None
    if not 0 <= value <= MAX_VALUE_NS:
        raise UsageError(f"a value must be from 0 to 2**63 - 1 nanoseconds, got {value}")
    return int(value)


def _listed(values: Iterable[int]) -> list[int]:
    try:
        return list(values)
    except TypeError:
        raise UsageError(f"values must be an iterable of whole nanoseconds, got {values!r}") from None
