"""How many calls may be hedged: a share of all, so that an overload is not doubled by its own cure."""

import math
import threading
from typing import Final

from latency_kit.errors import UsageError

__all__ = ["DEFAULT_SHARE", "HedgeLimit"]

DEFAULT_SHARE: Final = 0.05
"""Share of the calls that may be hedged.

Source: J. Dean, L. A. Barroso, The Tail at Scale, Communications of the ACM 56 (2013): waiting for the
95th percentile before the second request "limits the additional load to approximately 5%".
"""

_BURST: Final = 10
"""Hedges that may be saved up in quiet times."""


class HedgeLimit:
    """Gives out hedges: each call earns a share of one, each hedge costs one.

    * At every moment at most `share` of the calls so far were hedged.
    * At most `burst` hedges are saved up.

    Args:
        share: Of the calls, from 0 (never) to 1 (every call).
        burst: Hedges that may follow each other at once.

    Raises:
        UsageError: A number is out of its range.
    """

    __slots__ = ("_burst", "_lock", "_saved", "_share")

    def __init__(self, *, share: float = DEFAULT_SHARE, burst: int = _BURST) -> None:
        if math.isnan(share) or not 0 <= share <= 1:
            raise UsageError(f"share is a share of the calls from 0 to 1, got {share!r}")
        if burst < 1:
            raise UsageError(f"burst must be at least 1 hedge, got {burst!r}")
        self._share = share
        self._burst = burst
        self._saved = 0.0
        self._lock = threading.Lock()

    def note_call(self) -> None:
        """Earn a share of a hedge by a call."""
        with self._lock:
            self._saved = min(self._saved + self._share, float(self._burst))

    def take(self) -> bool:
        """Take a hedge where one is saved up."""
        with self._lock:
            # A share such as 0.05 summed up twenty times misses 1 by less than this, and never reaches
            # as far as a call too many.
            if self._saved < 1 - 1e-9:
                return False
            self._saved = max(0.0, self._saved - 1)
            return True
