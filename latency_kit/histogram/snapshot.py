"""A frozen histogram and every figure that is read from one. Recording and encoding live elsewhere."""

from collections.abc import Iterable, Iterator
from math import sqrt

from latency_kit.errors import NoDataError, UsageError
from latency_kit.histogram.bucket import Bucket
from latency_kit.histogram.counters import MAX_COUNT, SparseCounters
from latency_kit.histogram.layout import DEFAULT_LAYOUT, BucketLayout
from latency_kit.histogram.percentile import ceil_rank
from latency_kit.histogram.value_sums import ValueSums

__all__ = ["HistogramSnapshot"]


class HistogramSnapshot:
    """What a histogram had counted at one moment.

    - It never changes, whatever is recorded afterwards; merging and subtracting return new ones.
    - `count` and all counts by bucket are exact, also after merging, encoding and decoding.
    - `sum_ns`, `min_ns`, `max_ns` and `mean_ns` are exact when `is_exact`; a decoded or subtracted histogram
      only knows them to the width of a bucket.
    - Every figure of an empty one raises `NoDataError`; its `count` is 0.
    - Snapshots are equal when layout, all counts, sum, min and max are.

    Attributes:
        layout: The bucket layout.
        count: How many values were recorded.
        is_exact: Whether sum, min and max were kept value by value.
        counters: The counts by index of the layout; read-only by agreement.
    """

    __slots__ = ("_count", "_counters", "_is_exact", "_layout", "_max_ns", "_min_ns", "_sum_ns", "_through")

    def __init__(  # the state of a histogram, and only other modules of this floor call it
        self,
        *,
        layout: BucketLayout,
        counters: SparseCounters,
        count: int,
        sum_ns: int,
        min_ns: int,
        max_ns: int,
        is_exact: bool = True,
    ) -> None:
        self._layout = layout
        self._counters = counters
        self._count = count
        self._sum_ns = sum_ns
        self._min_ns = min_ns
        self._max_ns = max_ns
        self._is_exact = is_exact
        self._through: list[int] | None = None

    @classmethod
    def empty(cls, layout: BucketLayout = DEFAULT_LAYOUT) -> "HistogramSnapshot":
        """Return the snapshot of a histogram in which nothing was recorded."""
        return cls(layout=layout, counters=SparseCounters(), count=0, sum_ns=0, min_ns=0, max_ns=0)

    @classmethod
    def from_counters(cls, layout: BucketLayout, counters: SparseCounters) -> "HistogramSnapshot":
        """Return the snapshot of counts alone; sum, min and max are then known to a bucket's width.

        As in Java after decoding, the sum takes each value as the middle of its bucket, the minimum is
        the lower end of the first bucket and the maximum the upper end of the last.
        """
        sums = ValueSums(layout, counters)
        count = sums.count
        sum_ns = sums.lowest_sum_ns + (sums.width_sum_ns - sums.single_valued) // 2
        min_ns = layout.lowest_at(sums.first) if count else 0
        max_ns = layout.highest_at(sums.last) if count else 0
        return cls(
            layout=layout,
            counters=counters,
            count=count,
            sum_ns=sum_ns,
            min_ns=min_ns,
            max_ns=max_ns,
            is_exact=not count,
        )

    @property
    def layout(self) -> BucketLayout:
        """The bucket layout."""
        return self._layout

    @property
    def count(self) -> int:
        """How many values were recorded."""
        return self._count

    @property
    def is_exact(self) -> bool:
        """Whether sum, min and max were kept value by value."""
        return self._is_exact

    @property
    def counters(self) -> SparseCounters:
        """The counts by index of the layout; read-only by agreement."""
        return self._counters

    @property
    def sum_ns(self) -> int:
        """The sum of all values.

        Raises:
            NoDataError: Nothing was recorded.
        """
        self._need_data("sum")
        return self._sum_ns

    @property
    def min_ns(self) -> int:
        """The smallest value.

        Raises:
            NoDataError: Nothing was recorded.
        """
        self._need_data("minimum")
        return self._min_ns

    @property
    def max_ns(self) -> int:
        """The largest value.

        Raises:
            NoDataError: Nothing was recorded.
        """
        self._need_data("maximum")
        return self._max_ns

    @property
    def mean_ns(self) -> float:
        """The arithmetic mean.

        Raises:
            NoDataError: Nothing was recorded.
        """
        self._need_data("mean")
        return self._sum_ns / self._count

    @property
    def stddev_ns(self) -> float:
        """The standard deviation of the whole population, with each value taken as the middle of its bucket.

        `getStdDeviation` in AbstractHistogram.java; in whole numbers up to the last root, so that it does not
        lose digits where the values are large and close together.

        Raises:
            NoDataError: Nothing was recorded.
        """
        self._need_data("standard deviation")
        total = squares = 0
        for index, count in self._counters.items():
            middle = self._layout.median_at(index)
            total += count * middle
            squares += count * middle * middle
        return sqrt((self._count * squares - total * total) / (self._count * self._count))

    def value_at_percentile(self, percentile: float) -> int:
        """Return the smallest recorded value that at least `percentile` percent of the values do not exceed.

        The rank is `ceil(percentile / 100 * count)`, in exact arithmetic on the decimal that was written. As
        in Java the answer is the highest value that shares a bucket with that value (so 100 can exceed
        `max_ns` by less than a bucket), and the lowest one for percentile 0.

        Raises:
            NoDataError: Nothing was recorded.
            UsageError: `percentile` is not a number from 0 to 100.
        """
        rank = ceil_rank(percentile, self._count)
        self._need_data(f"percentile {percentile}")
        if self._through is None:
            # Kept because percentiles are asked for several at a time, and summing pages is most of the cost.
            self._through = self._counters.counts_through_pages()
        index = self._counters.index_at_rank(rank, self._through)
        return self._layout.highest_at(index) if percentile else self._layout.lowest_at(index)

    def percentiles(self, percentiles: Iterable[float]) -> dict[float, int]:
        """Return the value at each percentile, by percentile, in the order given.

        Raises:
            NoDataError: Nothing was recorded.
            UsageError: One is not a number from 0 to 100.
        """
        return {percentile: self.value_at_percentile(percentile) for percentile in percentiles}

    def count_at_or_below(self, value_ns: int) -> int:
        """Return how many values do not exceed `value_ns` or share its bucket; 0 for an empty histogram.

        Raises:
            UsageError: `value_ns` is negative or not a whole number.
        """
        if not isinstance(value_ns, int) or value_ns < 0:
            raise UsageError(f"value_ns must be a whole number of nanoseconds from 0, got {value_ns!r}")
        return self._counters.count_through(self._layout.index_of(value_ns))

    def percentile_rank(self, value_ns: int) -> float:
        """Return the percentage of values that do not exceed `value_ns` or share its bucket.

        Raises:
            NoDataError: Nothing was recorded.
            UsageError: `value_ns` is negative or not a whole number.
        """
        below = self.count_at_or_below(value_ns)
        self._need_data(f"percentile rank of {value_ns} ns")
        return 100 * below / self._count

    def buckets(self) -> Iterator[Bucket]:
        """Yield the buckets that hold values, ascending."""
        layout = self._layout
        for index, count in self._counters.items():
            yield Bucket(lowest_ns=layout.lowest_at(index), highest_ns=layout.highest_at(index), count=count)

    def merge(self, *others: "HistogramSnapshot") -> "HistogramSnapshot":
        """Return the snapshot that a histogram of all values of this one and `others` would give.

        Raises:
            UsageError: The layouts differ, or there would be more than `MAX_COUNT` values.
        """
        counters = self._counters.copy()
        filled = [snapshot for snapshot in (self, *others) if snapshot.count]
        count = sum(snapshot.count for snapshot in filled)
        if count > MAX_COUNT:
            raise UsageError(
                f"a histogram holds at most 2**63 - 1 values, and merging these would make {count}"
            )
        for other in others:
            if other.layout != self._layout:
                raise UsageError(
                    f"cannot merge histograms of {self._layout} and {other.layout}; use one layout"
                )
            counters.merge(other.counters)
        return HistogramSnapshot(
            layout=self._layout,
            counters=counters,
            count=count,
            sum_ns=sum(snapshot.sum_ns for snapshot in filled),
            min_ns=min((snapshot.min_ns for snapshot in filled), default=0),
            max_ns=max((snapshot.max_ns for snapshot in filled), default=0),
            is_exact=all(snapshot.is_exact for snapshot in filled),
        )

    def __add__(self, other: object) -> "HistogramSnapshot":
        return self.merge(other) if isinstance(other, HistogramSnapshot) else NotImplemented

    def minus(self, earlier: "HistogramSnapshot") -> "HistogramSnapshot":
        """Return what was recorded since `earlier`, a snapshot of the same histogram.

        Counts and sum are exact where those of both are; min and max are then known to a bucket's width.

        Raises:
            UsageError: The layouts differ, or `earlier` counts values that this one does not.
        """
        if earlier.layout != self._layout:
            raise UsageError(
                f"cannot subtract a histogram of {earlier.layout} from one of {self._layout}; use one layout"
            )
        if not earlier.count:
            return self
        known = HistogramSnapshot.from_counters(self._layout, self._counters.minus(earlier.counters))
        if not known.count:
            return known
        return HistogramSnapshot(
            layout=self._layout,
            counters=known.counters,
            count=known.count,
            sum_ns=self._sum_ns - earlier.sum_ns,
            min_ns=max(known.min_ns, self._min_ns),
            max_ns=min(known.max_ns, self._max_ns),
            is_exact=False,
        )

    def with_exact_figures(self, *, sum_ns: int, min_ns: int, max_ns: int) -> "HistogramSnapshot":
        """Return these counts with sum, min and max that were kept beside an encoded histogram.

        Raises:
            UsageError: The figures cannot be those of values in these buckets.
        """
        return self.with_figures(sum_ns=sum_ns, min_ns=min_ns, max_ns=max_ns, is_exact=True)

    def with_figures(self, *, sum_ns: int, min_ns: int, max_ns: int, is_exact: bool) -> "HistogramSnapshot":
        """Return these counts with other figures, which were kept value by value only if `is_exact`.

        Raises:
            UsageError: The figures cannot be those of values in these buckets.
        """
        if not self._count:
            raise UsageError(
                "a histogram without values has no sum, minimum or maximum; check its count first"
            )
        layout = self._layout
        sums = ValueSums(layout, self._counters)
        highest_sum_ns = sums.lowest_sum_ns + sums.width_sum_ns - sums.count
        for name, given, lowest, highest in (
            ("sum_ns", sum_ns, sums.lowest_sum_ns, highest_sum_ns),
            ("min_ns", min_ns, layout.lowest_at(sums.first), layout.highest_at(sums.first)),
            ("max_ns", max_ns, layout.lowest_at(sums.last), layout.highest_at(sums.last)),
        ):
            if not isinstance(given, int) or not lowest <= given <= highest:
                raise UsageError(
                    f"{name}={given!r} is not of these values: it must be from {lowest} to {highest}"
                )
        return HistogramSnapshot(
            layout=layout,
            counters=self._counters,
            count=self._count,
            sum_ns=sum_ns,
            min_ns=min_ns,
            max_ns=max_ns,
            is_exact=is_exact,
        )

    def has_same_counts(self, other: "HistogramSnapshot") -> bool:
        """Tell whether layout and all counts are the same, whatever is known of sum, min and max."""
        return self._layout == other.layout and self._counters == other.counters

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, HistogramSnapshot):
            return NotImplemented
        return self._figures() == other._figures() and self.has_same_counts(other)  # same class

    def __hash__(self) -> int:
        return hash((self._layout, self._figures()))

    def __repr__(self) -> str:
        if not self._count:
            return "<HistogramSnapshot of no values>"
        return f"<HistogramSnapshot of {self._count} values from {self._min_ns} to {self._max_ns} ns>"

    def _figures(self) -> tuple[int, int, int, int]:
        return self._count, self._sum_ns, self._min_ns, self._max_ns

    def _need_data(self, figure: str) -> None:
        if not self._count:
            raise NoDataError(
                f"a histogram without values has no figures; {figure} was asked for; check count first"
            )
