"""Counts of what telemetry lost, by kind. A kind is logged once; after that only its count grows."""

import contextlib
import logging
import threading
from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["Losses"]

_log = logging.getLogger("latency_kit")


class Losses:
    """Thread-safe counters by kind, such as "spans_failed" or "entries_dropped".

    * A count never goes back.
    * The first loss of a kind is logged as a warning, later ones are only counted.
    * `count` never raises.
    """

    __slots__ = ("_counts", "_lock")

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()

    def count(self, kind: str, number: int = 1, *, why: object = "") -> None:
        """Add `number` to the losses of `kind`; `why` goes to the log at the first one."""
        with self._lock:
            known = kind in self._counts
            self._counts[kind] = self._counts.get(kind, 0) + number
        if not known:
            # A broken log handler must not reach the measured code.
            with contextlib.suppress(Exception):
                _log.warning("telemetry loss: %s (%s); further ones are counted, not logged", kind, why)

    def counts(self) -> Mapping[str, int]:
        """Return the counts so far, by kind; kinds without a loss are absent."""
        with self._lock:
            return MappingProxyType(dict(self._counts))

    def renew_after_fork(self) -> None:
        """Replace the lock (the parent may have held it) and start again from nothing."""
        self._lock = threading.Lock()
        self._counts = {}
