"""A bucket as readers of a histogram see it. Where its ends lie is decided in `layout`."""

__all__ = ["Bucket"]


class Bucket:
    """A range of neighbouring values that share a counter, and their count.

    Attributes:
        lowest_ns: The smallest value of the range.
        highest_ns: The largest value of the range, included.
        count: How many values fell into it.
    """

    # Written out because importing dataclasses would cost more than the whole floor.
    __slots__ = ("count", "highest_ns", "lowest_ns")

    def __init__(self, *, lowest_ns: int, highest_ns: int, count: int) -> None:
        self.lowest_ns = lowest_ns
        self.highest_ns = highest_ns
        self.count = count

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Bucket):
            return NotImplemented
        return (self.lowest_ns, self.highest_ns, self.count) == (
            other.lowest_ns,
            other.highest_ns,
            other.count,
        )

    def __hash__(self) -> int:
        return hash((self.lowest_ns, self.highest_ns, self.count))

    def __repr__(self) -> str:
        return f"Bucket(lowest_ns={self.lowest_ns}, highest_ns={self.highest_ns}, count={self.count})"
