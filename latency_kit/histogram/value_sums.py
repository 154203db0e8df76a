"""What counters tell of the sum, the lowest and the highest of the values that they count."""

from latency_kit.histogram.counters import SparseCounters
from latency_kit.histogram.layout import BucketLayout

__all__ = ["ValueSums"]


class ValueSums:
    """What one pass over counters tells of the values that they count.

    Attributes:
        count: How many values.
        lowest_sum_ns: Their sum if each were the lowest of its bucket.
        width_sum_ns: The widths of their buckets, summed over the values.
        single_valued: How many lie in buckets of one value each, whose middle is that value.
        first: Index of the first bucket that counts some.
        last: Index of the last one.
    """

    __slots__ = ("count", "first", "last", "lowest_sum_ns", "single_valued", "width_sum_ns")

    def __init__(self, layout: BucketLayout, counters: SparseCounters) -> None:
        # `lowest_at` and `width_at` of the layout, written out: calling them is most of the time of decoding.
        half, unit = layout.half_magnitude, layout.unit_magnitude
        count = lowest_sum_ns = width_sum_ns = single_valued = index = 0
        first = -1
        for index, at_index in counters.items():
            if first < 0:
                first = index
            octave = (index >> half) - 1
            if octave < 0:  # noqa: PLR1730  # a call of max() would cost a third of the pass
                octave = 0
            shift = octave + unit
            count += at_index
            lowest_sum_ns += ((index - (octave << half)) * at_index) << shift
            width_sum_ns += at_index << shift
            if not shift:
                single_valued += at_index
        self.count = count
        self.lowest_sum_ns = lowest_sum_ns
        self.width_sum_ns = width_sum_ns
        self.single_valued = single_valued
        self.first = first
        self.last = index
