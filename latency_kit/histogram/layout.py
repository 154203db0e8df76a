"""The bucket arithmetic of HdrHistogram: which values share a counter. Counters and figures live elsewhere.

A value falls into an octave by its highest set bit, and every octave is cut into equally wide slots, so
that a slot is never wider than one part in `10 ** significant_figures` of the values in it. The arithmetic
is that of `getBucketIndex`, `getSubBucketIndex`, `countsArrayIndex` and `valueFromIndex` in HdrHistogram's
AbstractHistogram.java, reduced to one counter index a value.
"""

from latency_kit.errors import UsageError

__all__ = ["DEFAULT_LAYOUT", "MAX_VALUE_NS", "BucketLayout"]

MAX_VALUE_NS = 2**63 - 1
"""The largest value that any layout takes: a Java `long`, 292 years of nanoseconds."""

_MOST_FIGURES = 5
"""AbstractHistogram.java's upper limit; more would need over a million counters an octave."""

_LARGEST_EXPONENT = 61
"""AbstractHistogram.java: a larger sum of both magnitudes cannot hold values beyond the lowest."""


class BucketLayout:
    """Maps values in nanoseconds to counter indices and back.

    - Indices ascend with values, without a gap: the ranges of neighbouring indices touch.
    - A range is never wider than `10 ** -significant_figures` of its lowest value, or than one unit (the
      largest power of two up to `lowest_ns`).
    - With `lowest_ns` of 1 and three figures every value below 2048 has an index of its own.
    - There is no upper end below `MAX_VALUE_NS`: no value is ever clamped.
    - Layouts are immutable, and equal when their arguments are.

    Attributes:
        significant_figures: Decimal digits to which values are told apart, 1 to 5.
        lowest_ns: The smallest value that is told apart from 0.
        unit_magnitude: Power of two of the smallest step between values.
        half_magnitude: Power of two of the number of slots in an octave.
    """

    __slots__ = ("_mask", "half_magnitude", "lowest_ns", "significant_figures", "unit_magnitude")

    def __init__(self, significant_figures: int = 3, lowest_ns: int = 1) -> None:
        if type(significant_figures) is not int or not 1 <= significant_figures <= _MOST_FIGURES:
            raise UsageError(
                f"significant_figures must be a whole number from 1 to {_MOST_FIGURES}, "
                f"got {significant_figures!r}"
            )
        if type(lowest_ns) is not int or lowest_ns < 1:
            raise UsageError(f"lowest_ns must be a whole number of nanoseconds from 1, got {lowest_ns!r}")
        self.significant_figures = significant_figures
        self.lowest_ns = lowest_ns
        self.unit_magnitude: int = lowest_ns.bit_length() - 1
        # Twice ten to the figures slots are told apart at the top of an octave, rounded up to a power of two;
        # the lower half of them is already covered by the octave below.
        self.half_magnitude: int = (2 * 10**significant_figures - 1).bit_length() - 1
        if self.unit_magnitude + self.half_magnitude > _LARGEST_EXPONENT:
            raise UsageError(
                f"lowest_ns={lowest_ns} is too large for {significant_figures} significant figures; "
                f"it must be below 2**{_LARGEST_EXPONENT + 1 - self.half_magnitude}"
            )
        self._mask: int = (1 << (self.half_magnitude + 1 + self.unit_magnitude)) - 1

    def index_of(self, value_ns: int) -> int:
        """Return the index of the counter that counts `value_ns`, which must not be negative."""
        octave = (value_ns | self._mask).bit_length() - self._mask.bit_length()
        return (octave << self.half_magnitude) + (value_ns >> (octave + self.unit_magnitude))

    def indices_of(self, values: list[int]) -> list[int]:
        """Return the indices of many values at a time, at a third less than one call a value."""
        mask, half, unit = self._mask, self.half_magnitude, self.unit_magnitude
        mask_bits = mask.bit_length()
        return [
            ((octave := (value | mask).bit_length() - mask_bits) << half) + (value >> (octave + unit))
            for value in values
        ]

    def lowest_at(self, index: int) -> int:
        """Return the smallest value, in nanoseconds, that counter `index` counts."""
        octave = max((index >> self.half_magnitude) - 1, 0)
        return (index - (octave << self.half_magnitude)) << (octave + self.unit_magnitude)

    def width_at(self, index: int) -> int:
        """Return how many neighbouring values counter `index` counts."""
        octave = max((index >> self.half_magnitude) - 1, 0)
        return 1 << (octave + self.unit_magnitude)

    def highest_at(self, index: int) -> int:
        """Return the largest value, in nanoseconds, that counter `index` counts."""
        return self.lowest_at(index) + self.width_at(index) - 1

    def median_at(self, index: int) -> int:
        """Return the middle of the values of counter `index` (`medianEquivalentValue` in Java)."""
        return self.lowest_at(index) + (self.width_at(index) >> 1)

    def lowest_equivalent(self, value_ns: int) -> int:
        """Return the smallest value that shares a counter with `value_ns`."""
        return self.lowest_at(self.index_of(value_ns))

    def highest_equivalent(self, value_ns: int) -> int:
        """Return the largest value that shares a counter with `value_ns`."""
        return self.highest_at(self.index_of(value_ns))

    @property
    def index_limit(self) -> int:
        """How many counters the layout has up to `MAX_VALUE_NS`; all indices are below."""
        return self.index_of(MAX_VALUE_NS) + 1

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BucketLayout):
            return NotImplemented
        return self.significant_figures == other.significant_figures and self.lowest_ns == other.lowest_ns

    def __hash__(self) -> int:
        return hash((self.significant_figures, self.lowest_ns))

    def __repr__(self) -> str:
        return f"BucketLayout(significant_figures={self.significant_figures}, lowest_ns={self.lowest_ns})"


DEFAULT_LAYOUT = BucketLayout()
"""1 ns upwards at three significant figures."""
