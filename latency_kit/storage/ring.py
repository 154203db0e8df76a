"""The last measurements, in memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar, cast, overload

from latency_kit.errors import UsageError
from latency_kit.measurement.measurement import Measurement

__all__ = ["DEFAULT_CAPACITY", "RecentRing"]

DEFAULT_CAPACITY = 1000

ItemT = TypeVar("ItemT")


class RecentRing(Generic[ItemT]):
    """Keeps the last `capacity` items that were put in, and forgets the older ones.

    * There are never more than `capacity`.
    * `recent` lists what is there oldest first, as it stood at one moment, while other threads go on
      putting in.

    Items are measurements, or anything from which `materialise` makes one when somebody asks: what
    nobody looks at then costs nothing but its place.
    """

    __slots__ = ("_items", "_materialise")

    @overload
    def __init__(self: "RecentRing[Measurement]", capacity: int = ...) -> None: ...

    @overload
    def __init__(self, capacity: int = ..., *, materialise: Callable[[ItemT], Measurement]) -> None: ...

    def __init__(
        self, capacity: int = DEFAULT_CAPACITY, *, materialise: Callable[[ItemT], Measurement] | None = None
    ) -> None:
        """Begin empty.

        Raises:
            UsageError: `capacity` is not a whole number of at least 1.
        """
        if not isinstance(capacity, int) or isinstance(capacity, bool) or capacity < 1:
            raise UsageError(f"the capacity of a ring must be a whole number of at least 1, got {capacity!r}")
        self._items: deque[ItemT] = deque(maxlen=capacity)
        self._materialise = materialise

    def __call__(self, items: Iterable[ItemT], /) -> None:
        """Put in a batch, oldest first."""
        self._items.extend(items)

    def __len__(self) -> int:
        return len(self._items)

    @property
    def capacity(self) -> int:
        """How many items are kept at most."""
        return cast("int", self._items.maxlen)

    def append(self, item: ItemT) -> None:
        """Put in one item."""
        self._items.append(item)

    def recent(self, limit: int | None = None) -> tuple[Measurement, ...]:
        """Return the last measurements, oldest first; at most `limit` of them where it is given.

        Raises:
            UsageError: `limit` is below 0.
        """
        if limit is not None and limit < 0:
            raise UsageError(f"limit must be at least 0, got {limit!r}")
        return tuple(self._as_measurements(limit))

    def clear(self) -> None:
        """Forget all items."""
        self._items.clear()

    def _as_measurements(self, limit: int | None) -> Iterator[Measurement]:
        items = self._copied()
        if limit is not None:
            items = items[len(items) - min(limit, len(items)) :]
        if self._materialise is None:
            return iter(cast("list[Measurement]", items))
        return map(self._materialise, items)

    def _copied(self) -> list[ItemT]:
        while True:
            try:
                return list(self._items)
            except RuntimeError:
                # A deque that grows while it is read says so. Copying takes microseconds, so the next try
                # or the one after it falls between two batches.
                continue
