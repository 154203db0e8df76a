"""Counts as HdrHistogram's V2 format writes them: ZigZag LEB128, runs of zeros. Headers live in `codec`.

Source: ZigZagEncoding.java ("LEB128-64b9B": seven bits a byte, low ones first, and a ninth byte of eight
bits) and `fillBufferFromCountsArray` in AbstractHistogram.java (a negative number stands for so many zeros).
"""

from latency_kit.errors import CorruptDataError
from latency_kit.histogram.counters import MAX_COUNT, SparseCounters

__all__ = ["LARGEST_NUMBER_BYTES", "counts_from_bytes", "counts_to_bytes"]

LARGEST_NUMBER_BYTES = 9
"""No number takes more."""

_MORE = 0x80
_SEVEN_BITS = 0x7F
_BITS_BEFORE_LAST_BYTE = 56
_ONE_BYTE_COUNTS = 64


def counts_to_bytes(counters: SparseCounters) -> bytes:
    """Return all counts up to the last that is not 0, in order of index."""
    out = bytearray()
    following = 0
    for index, count in counters.items():
        zeros = index - following
        if zeros == 1:
            out.append(0)
        elif zeros:
            _append(out, 2 * zeros - 1)
        if count < _ONE_BYTE_COUNTS:  # most counts of most histograms
            out.append(2 * count)
        else:
            _append(out, 2 * count)
        following = index + 1
    # Java writes the counter of 0, which is there in an empty histogram too.
    return bytes(out) or b"\x00"


def _append(out: bytearray, zigzag: int) -> None:
    shift = 0
    while zigzag > _SEVEN_BITS and shift < _BITS_BEFORE_LAST_BYTE:
        out.append(zigzag & _SEVEN_BITS | _MORE)
        zigzag >>= 7
        shift += 7
    out.append(zigzag)


def counts_from_bytes(data: bytes, *, index_limit: int) -> SparseCounters:
    """Return the counters that `counts_to_bytes` wrote.

    Raises:
        CorruptDataError: The data ends within a number, counts beyond `index_limit`, or holds more than
            `MAX_COUNT` values in all.
    """
    counters = SparseCounters()
    index = total = position = 0
    while position < len(data):
        zigzag = data[position]
        if zigzag < _MORE:  # most numbers of most histograms
            position += 1
        else:
            zigzag, position = _number_at(data, position)
        half, is_zeros = zigzag >> 1, zigzag & 1
        if is_zeros:
            index += half + 1
        elif half:
            if index < index_limit:
                counters.add(index, half)
            index += 1
            total += half
        else:
            index += 1
        if index > index_limit:
            raise CorruptDataError(
                f"the encoded histogram has counts beyond index {index_limit - 1}, the last of its layout"
            )
        if total > MAX_COUNT:
            raise CorruptDataError("the encoded histogram holds more than 2**63 - 1 values")
    return counters


def _number_at(data: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    for position_of_byte in range(position, min(position + LARGEST_NUMBER_BYTES, len(data))):
        byte = data[position_of_byte]
        if shift == _BITS_BEFORE_LAST_BYTE:
            return number | byte << shift, position_of_byte + 1
        number |= (byte & _SEVEN_BITS) << shift
        if byte < _MORE:
            return number, position_of_byte + 1
        shift += 7
    raise CorruptDataError(f"the encoded histogram ends within a number, at byte {len(data)} of its counts")
