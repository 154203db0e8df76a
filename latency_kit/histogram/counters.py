"""Counters in sparse pages as narrow as their counts allow. What an index means lives in the layout."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate, compress
from operator import add, sub
from sys import byteorder

from latency_kit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    Page = bytearray | array[int]  # an array cannot be subscripted at run time before Python 3.12

__all__ = ["MAX_COUNT", "PAGE_BITS", "SparseCounters"]

MAX_COUNT = 2**63 - 1
"""How many values one set of counters takes: what the V2 encoding can carry in a single counter."""

_LARGEST_BYTE = 0xFF
_LARGEST_16_BIT = 0xFFFF
_LARGEST_32_BIT = 0xFFFF_FFFF

PAGE_BITS = 8
"""256 counters a page: a quarter of an octave at three figures, where 1000 log-normal values over two
decades touch some 35 pages; smaller pages pay more in object headers, larger ones more in empty counters."""

_PAGE_SLOTS = 1 << PAGE_BITS
_SLOT_MASK = _PAGE_SLOTS - 1

_TYPE_CODES = {2: "H", 4: "I", 8: "Q"}
"""By bytes of a counter."""

_TOP_BITS = {
    width: int.from_bytes((bytes(width - 1) + b"\x80") * _PAGE_SLOTS, "little") for width in (1, 2, 4, 8)
}
"""By bytes of a counter: the highest bit of every counter of a page."""

_ABSENT: "Page" = bytearray()
"""Stands for every page that counts nothing; writing into it raises IndexError, so it stays empty."""


class SparseCounters:
    """Counters that exist where something was counted.

    - A page appears with its first count; an empty instance holds no page.
    - A page begins with one byte a counter, and widens to 2, 4 and 8 bytes when a count needs it; no count
      is ever clamped.
    - A copy shares nothing with its original.

    Attributes:
        pages: The pages by number, an empty one where nothing was counted; only this class writes to them.
    """

    __slots__ = ("pages",)

    def __init__(self) -> None:
        self.pages: list[Page] = []

    def add(self, index: int, count: int) -> None:
        """Raise counter `index` by `count`, which together must not exceed `MAX_COUNT`."""
        try:
            self.pages[index >> PAGE_BITS][index & _SLOT_MASK] += count
        except (IndexError, ValueError, OverflowError):
            self._add_with_room(index >> PAGE_BITS, index & _SLOT_MASK, count)

    def add_each(self, indices: Iterable[int]) -> None:
        """Raise by one the counter of each index."""
        pages = self.pages
        for index in indices:
            try:
                pages[index >> PAGE_BITS][index & _SLOT_MASK] += 1
            except (IndexError, ValueError, OverflowError):
                self._add_with_room(index >> PAGE_BITS, index & _SLOT_MASK, 1)

    def add_each_split(self, page_numbers: bytes, slots: bytes) -> None:
        """Raise by one the counter of each pair of page number and slot; the fastest way in."""
        pages = self.pages
        for number, slot in zip(page_numbers, slots, strict=True):
            try:
                pages[number][slot] += 1
            except (IndexError, ValueError, OverflowError):
                self._add_with_room(number, slot, 1)

    def _add_with_room(self, number: int, slot: int, count: int) -> None:
        pages = self.pages
        if number >= len(pages):
            pages.extend([_ABSENT] * (number + 1 - len(pages)))
        page = pages[number] or bytearray(_PAGE_SLOTS)
        needed = page[slot] + count
        try:
            page[slot] = needed
        except (ValueError, OverflowError):
            page = _page_of([*page[:slot], needed, *page[slot + 1 :]])
        pages[number] = page

    def merge(self, other: "SparseCounters") -> None:
        """Raise every counter by the same counter of `other`."""
        pages = self.pages
        if len(pages) < len(other.pages):
            pages.extend([_ABSENT] * (len(other.pages) - len(pages)))
        for number, theirs in enumerate(other.pages):
            if theirs:
                mine = pages[number]
                pages[number] = _sum_of(mine, theirs) if mine else theirs[:]

    def minus(self, other: "SparseCounters") -> "SparseCounters":
        """Return the counters lowered by those of `other`.

        Raises:
            UsageError: A counter of `other` is the larger one.
        """
        result = self.copy()
        pages = result.pages
        for number, theirs in enumerate(other.pages):
            if not theirs or not any(theirs):
                continue
            mine = pages[number] if number < len(pages) else _ABSENT
            pages[number] = _ABSENT if mine == theirs else _difference_of(mine, theirs)
        return result

    def copy(self) -> "SparseCounters":
        """Return counters with the same counts that change independently."""
        twin = SparseCounters()
        twin.pages = [page[:] if page else page for page in self.pages]
        return twin

    def items(self) -> Iterator[tuple[int, int]]:
        """Yield index and count of each counter that is not 0, ascending."""
        for number, page in enumerate(self.pages):
            if page:
                indices = range(number << PAGE_BITS, (number + 1) << PAGE_BITS)
                yield from zip(compress(indices, page), filter(None, page), strict=True)

    def counts_through_pages(self) -> list[int]:
        """Return for each page the sum of its counters and of all below it."""
        return list(accumulate(map(sum, self.pages)))

    def index_at_rank(self, rank: int, through_pages: list[int]) -> int:
        """Return the index of the counter that holds the `rank`-th smallest value.

        Args:
            rank: From 1 to the sum of all counters.
            through_pages: What `counts_through_pages` returned.
        """
        number = bisect_left(through_pages, rank)
        before = through_pages[number - 1] if number else 0
        slot = bisect_left(list(accumulate(self.pages[number], initial=before)), rank) - 1
        return (number << PAGE_BITS) + slot

    def count_through(self, index: int) -> int:
        """Return the sum of all counters up to and including `index`."""
        last = index >> PAGE_BITS
        whole = sum(map(sum, self.pages[:last]))
        if last < len(self.pages):
            whole += sum(self.pages[last][: (index & _SLOT_MASK) + 1])
        return whole

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SparseCounters):
            return NotImplemented
        shared = min(len(self.pages), len(other.pages))
        rest = self.pages[shared:] + other.pages[shared:]
        return not any(map(any, rest)) and all(map(_same_counts, self.pages, other.pages))

    __hash__ = None  # type: ignore[assignment]  # counters change


def _sum_of(mine: "Page", theirs: "Page") -> "Page":
    """Add two pages: each as one large integer, where no counter can overflow into the next."""
    width = max(_width_of(mine), _width_of(theirs))
    left, right = _as_integer(mine, width), _as_integer(theirs, width)
    if (left | right) & _TOP_BITS[width]:
        return _page_of(list(map(add, mine, theirs)))
    return _from_integer(left + right, width)


def _difference_of(mine: "Page", theirs: "Page") -> "Page":
    """Subtract two pages in the same way: a top bit set beforehand tells whether it was borrowed."""
    width = max(_width_of(mine), _width_of(theirs))
    top_bits = _TOP_BITS[width]
    left, right = _as_integer(mine, width), _as_integer(theirs, width)
    if not (left | right) & top_bits:
        difference = (left | top_bits) - right
        if difference & top_bits == top_bits:
            return _from_integer(difference ^ top_bits, width)
    counts = list(map(sub, mine, theirs))
    if not counts or min(counts) < 0:
        raise UsageError(
            "cannot subtract: the histogram to subtract counts values that this one does not; "
            "give an earlier snapshot of the same recorder"
        )
    return _page_of(counts)


def _width_of(page: "Page") -> int:
    return page.itemsize if isinstance(page, array) else 1


def _as_integer(page: "Page", width: int) -> int:
    """Return the counters side by side, `width` bytes each, in the machine's order of bytes."""
    own_width = _width_of(page)
    if own_width == width:
        return int.from_bytes(bytes(page), byteorder)
    raw, wide = bytes(page), bytearray(len(page) * width)
    first = width - own_width if byteorder == "big" else 0
    for position in range(own_width):
        wide[first + position :: width] = raw[position::own_width]
    return int.from_bytes(wide, byteorder)


def _from_integer(lanes: int, width: int) -> "Page":
    raw = lanes.to_bytes(_PAGE_SLOTS * width, byteorder)
    return bytearray(raw) if width == 1 else array(_TYPE_CODES[width], raw)


def _page_of(counts: list[int]) -> "Page":
    """Return the narrowest page that holds `counts`."""
    largest = max(counts)
    if largest <= _LARGEST_BYTE:
        return bytearray(counts)
    if largest <= _LARGEST_16_BIT:
        return array("H", counts)
    return array("I" if largest <= _LARGEST_32_BIT else "Q", counts)


def _same_counts(mine: "Page", theirs: "Page") -> bool:
    if mine and theirs:
        return list(mine) == list(theirs)
    return not any(mine) and not any(theirs)
