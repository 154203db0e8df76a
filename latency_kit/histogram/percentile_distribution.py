"""A histogram as HdrHistogram's percentile output (`.hgrm`), which its plotters and spreadsheets read.

Format and steps are those of `outputPercentileDistribution` in AbstractHistogram.java and of
PercentileIterator.java: from 0 % on, the distance to 100 % is halved in a number of steps each time. As
there, every value is the upper end of its bucket, and mean and deviation take the middle of each.
"""

from collections.abc import Iterator
from math import log

from latency_kit.errors import NoDataError, UsageError
from latency_kit.histogram.snapshot import HistogramSnapshot
from latency_kit.units import NS_PER_MS

__all__ = ["TICKS_PER_HALF_DISTANCE", "percentile_distribution_lines", "percentile_steps"]

TICKS_PER_HALF_DISTANCE = 5
"""Java's default."""

_LARGEST = 2**63 - 1


def percentile_distribution_lines(
    snapshot: HistogramSnapshot,
    *,
    unit_ns: float = NS_PER_MS,
    ticks_per_half_distance: int = TICKS_PER_HALF_DISTANCE,
) -> Iterator[str]:
    """Yield the lines of a `.hgrm` file, each with its end.

    Args:
        snapshot: What to write.
        unit_ns: What values are divided by: milliseconds by default.
        ticks_per_half_distance: Steps in each half of the distance to 100 %.

    Raises:
        NoDataError: Nothing was recorded.
        UsageError: `unit_ns` or `ticks_per_half_distance` is not positive.
    """
    if unit_ns <= 0 or ticks_per_half_distance < 1:
        raise UsageError(
            "unit_ns must be positive and ticks_per_half_distance a count from 1, "
            f"got {unit_ns!r} and {ticks_per_half_distance!r}"
        )
    if not snapshot.count:
        raise NoDataError("an empty histogram has no percentiles to write")
    layout = snapshot.layout
    # From the counts alone, as every reader of the encoded histogram has them.
    counted = HistogramSnapshot.from_counters(layout, snapshot.counters)
    digits = layout.significant_figures
    yield f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}\n\n"
    for value_ns, percentile, count in percentile_steps(snapshot, ticks_per_half_distance):
        line = f"{value_ns / unit_ns:12.{digits}f} {percentile / 100:2.12f} {count:10d}"
        if percentile != 100:  # noqa: PLR2004  # per cent: the last line has no odds
            line += f" {1 / (1 - percentile / 100):14.2f}"
        yield f"{line}\n"
    mean, deviation = counted.mean_ns / unit_ns, counted.stddev_ns / unit_ns
    yield f"#[Mean    = {mean:12.{digits}f}, StdDeviation   = {deviation:12.{digits}f}]\n"
    yield f"#[Max     = {counted.max_ns / unit_ns:12.{digits}f}, Total count    = {counted.count:12d}]\n"
    sub_buckets = 2 << layout.half_magnitude
    yield f"#[Buckets = {_buckets(counted.max_ns, sub_buckets):12d}, SubBuckets     = {sub_buckets:12d}]\n"


def percentile_steps(
    snapshot: HistogramSnapshot, ticks_per_half_distance: int = TICKS_PER_HALF_DISTANCE
) -> Iterator[tuple[int, float, int]]:
    """Yield (upper end of the bucket in ns, percentile in %, values up to it), the last one at 100 %."""
    total, level, through, value_ns = snapshot.count, 0.0, 0, 0
    for bucket in snapshot.buckets():
        through += bucket.count
        value_ns = bucket.highest_ns
        while 100.0 * through / total >= level:
            yield value_ns, level, through
            if through == total:
                break
            halvings = int(log(100.0 / (100.0 - level)) / log(2)) + 1
            level += 100.0 / (ticks_per_half_distance * 2**halvings)
    yield value_ns, 100.0, through


def _buckets(max_ns: int, sub_buckets: int) -> int:
    """Return how many doublings of the first bucket it takes to hold the largest value."""
    count, reach = 1, sub_buckets
    while reach <= min(max_ns, _LARGEST):
        count, reach = count + 1, reach * 2
    return count
