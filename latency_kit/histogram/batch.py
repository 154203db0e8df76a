"""Page numbers and slots of a batch of values at C speed. Only for the default layout; `layout` is the rule.

The leading bits of an IEEE 754 double are those that name an HdrHistogram counter: exponent, then mantissa.
So one `struct.pack` does the work of `bit_length` and shifts for the whole batch, and one shift of the bytes
as a single integer brings the 16 bits that matter to the low end of each 64-bit lane.
"""

import struct

from latency_kit.histogram.layout import DEFAULT_LAYOUT

__all__ = ["LARGEST_FAST_NS", "SMALLEST_FAST_NS", "pages_and_slots"]

SMALLEST_FAST_NS = 1 << DEFAULT_LAYOUT.half_magnitude
"""Below it an octave of doubles is finer than an octave of the layout."""

LARGEST_FAST_NS = 2**53 - 1
"""Above it a double cannot hold every whole number (104 days)."""

_LANE_BYTES = 8
_BELOW_SLOT = 52 - DEFAULT_LAYOUT.half_magnitude
"""Mantissa bits that do not matter: a double has 52."""

_EXPONENT_BIAS = 1023
_FIRST_PAGE = 4
"""Page of `SMALLEST_FAST_NS`: index 1024, 256 counters a page."""

_FIRST_TOP_BYTE = ((_EXPONENT_BIAS + DEFAULT_LAYOUT.half_magnitude) << 2) & 0xFF
_PAGE_OF_TOP_BYTE = bytes((top_byte - _FIRST_TOP_BYTE + _FIRST_PAGE) & 0xFF for top_byte in range(256))


def pages_and_slots(values: list[int]) -> tuple[bytes, bytes]:
    """Return page number and slot of each value, which must be in `SMALLEST_FAST_NS` to `LARGEST_FAST_NS`."""
    packed = struct.pack(f"<{len(values)}d", *values)
    lanes = (int.from_bytes(packed, "little") >> _BELOW_SLOT).to_bytes(len(packed), "little")
    return lanes[1::_LANE_BYTES].translate(_PAGE_OF_TOP_BYTE), lanes[::_LANE_BYTES]
