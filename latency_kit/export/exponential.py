"""From the linear-logarithmic buckets of an HDR histogram to the base-2 exponential buckets of OTLP.

Pure arithmetic over `(lowest_ns, highest_ns, count)`; no OpenTelemetry import, no I/O.

An exponential histogram of scale s has the base `2 ** 2 ** -s`; its bucket i holds the values in
`(base ** i, base ** (i + 1)]`. Source: https://opentelemetry.io/docs/specs/otel/metrics/data-model/
#exponentialhistogram. Counts, zero count and ranks cross unchanged, since a source bucket moves as a
whole and their order stays. What is lost is resolution: a percentile estimated from the target bucket
lies within `relative_error(scale)` of the middle of the source bucket, which is within half the source
bucket's width of the value.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from latency_kit.units import NS_PER_S

__all__ = ["FINEST_SCALE", "MOST_BUCKETS", "ExponentialBuckets", "exponential_buckets", "relative_error"]

FINEST_SCALE = 7
"""128 buckets an octave: an error of 0.27 %, and 0.32 % with the half bucket of three-digit sources."""

MOST_BUCKETS = 2560
"""Twenty octaves at the finest scale: a slowest call that is a million times the fastest one keeps it.

Wider series are halved in resolution until they fit (an error of 0.54 % up to forty octaves, which is
1 ns to 18 min in one series). An empty bucket costs one byte on the wire, before compression.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExponentialBuckets:
    """Exponential buckets of durations in seconds.

    * The counts and the zero count add up to the counts of the source.
    * The first and the last count are not 0.
    * There are at most as many counts as were asked for.
    """

    scale: int
    zero_count: int
    offset: int
    counts: tuple[int, ...]


def exponential_buckets(
    buckets: Iterable[tuple[int, int, int]],
    *,
    lowest_ns: int = 0,
    highest_ns: int | None = None,
    finest_scale: int = FINEST_SCALE,
    most_buckets: int = MOST_BUCKETS,
) -> ExponentialBuckets:
    """Convert `(lowest_ns, highest_ns, count)` source buckets into exponential ones in seconds.

    Args:
        buckets: The source; every value of a bucket is taken to be at the bucket's middle.
        lowest_ns: The smallest recorded value, where it is known; no value is taken to be below it.
        highest_ns: The largest recorded value, where it is known; no value is taken to be above it.
        finest_scale: The scale to use where `most_buckets` allows it.
        most_buckets: How many buckets the result may span; the scale is lowered until it does.
    """
    zero_count = 0
    by_index: dict[int, int] = {}
    for low_ns, high_ns, count in buckets:
        if not count:
            continue
        middle_ns = max((low_ns + high_ns) / 2, lowest_ns)
        if highest_ns is not None:
            middle_ns = min(middle_ns, highest_ns)
        if middle_ns <= 0:
            zero_count += count
            continue
        index = bucket_index(middle_ns / NS_PER_S, finest_scale)
        by_index[index] = by_index.get(index, 0) + count
    if not by_index:
        return ExponentialBuckets(scale=finest_scale, zero_count=zero_count, offset=0, counts=())
    coarser = 0
    first, last = min(by_index), max(by_index)
    while (last >> coarser) - (first >> coarser) >= most_buckets:
        coarser += 1
    offset = first >> coarser
    counts = [0] * ((last >> coarser) - offset + 1)
    for index, count in by_index.items():
        # Bucket i of one scale is the union of the buckets 2i and 2i + 1 of the next finer one.
        counts[(index >> coarser) - offset] += count
    return ExponentialBuckets(
        scale=finest_scale - coarser, zero_count=zero_count, offset=offset, counts=tuple(counts)
    )


def bucket_index(value: float, scale: int) -> int:
    """Return the i for which `base ** i < value <= base ** (i + 1)` at `scale`; `value` is positive.

    Powers of two are bucket borders at every scale from 0 up and are told by their mantissa, since a
    logarithm may be off by its last bit there. Between two powers of two, a value that close to a border
    may land on either side of it, which is far within the error bound.
    """
    mantissa, exponent = math.frexp(value)
    if mantissa == 0.5:  # noqa: PLR2004  # the mantissa of a power of two
        return ((exponent - 1) << scale) - 1
    return math.ceil(math.log2(value) * (1 << scale)) - 1


def relative_error(scale: int) -> float:
    """Return the largest relative error of a value estimated from its bucket at `scale`.

    The estimate with the least worst-case error is `2 * low * high / (low + high)`, its error
    `(base - 1) / (base + 1)`.
    """
    base = math.exp2(2.0**-scale)
    return (base - 1) / (base + 1)
