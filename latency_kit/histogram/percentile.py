"""From a percentile to the rank of a value, by the ceil rule. What the values are lives elsewhere."""

from latency_kit.errors import UsageError

__all__ = ["ceil_rank"]

_NOISE_DECIMALS = 12
"""Doubles around 100 are 1.4e-14 apart, so noise of arithmetic such as `100 * 0.07` (7.000000000000001) is
gone after 12 decimals, and a percentile of as many nines as a count of 10**12 can tell apart is kept."""


def ceil_rank(percentile: float, count: int) -> int:
    """Return the rank, from 1, of the smallest value with at least `percentile` percent at or below it.

    The percentile is taken as the decimal that was written: 99.9 is 999/1000, although the double nearest to
    it is a little more. Java's `getValueAtPercentile` reaches the same by going one double down before
    it rounds the rank up.

    Raises:
        UsageError: `percentile` is not a number from 0 to 100.
    """
    numerator, denominator = _exact_ratio(percentile)
    return max(1, -(-numerator * count // (100 * denominator)))


def _exact_ratio(percentile: float) -> tuple[int, int]:
    if not isinstance(percentile, int | float) or not 0 <= percentile <= 100:  # noqa: PLR2004  # per cent
        raise UsageError(f"a percentile must be a number from 0 to 100, got {percentile!r}")
    scaled = f"{percentile:.{_NOISE_DECIMALS}f}".replace(".", "")
    return int(scaled), 10**_NOISE_DECIMALS
