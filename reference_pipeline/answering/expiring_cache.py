"""A bounded memory whose entries expire: the least recently used is forgotten first.

Knows nothing of answers and terms.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

import latency_kit
from reference_pipeline.ports import SettingsError

__all__ = ["ExpiringCache"]

V = TypeVar("V")


class ExpiringCache(Generic[V]):
    """Values by text.

    * It may be used from several threads.
    * It holds at most `most_entries`.
    * A value is returned for `lives_ns` after it was put in, however often it was asked for.

    Args:
        most_entries: How many it holds.
        lives_ns: How long, in nanoseconds.
        now_ns: Monotonic nanoseconds.

    Raises:
        SettingsError: One of the two is not above zero.
    """

    def __init__(
        self, *, most_entries: int, lives_ns: int, now_ns: Callable[[], int] = latency_kit.now_ns
    ) -> None:
        if most_entries <= 0 or lives_ns <= 0:
            raise SettingsError(
                f"a cache needs room and time above zero, got {most_entries} entries and {lives_ns} ns"
            )
        self._most_entries = most_entries
        self._lives_ns = lives_ns
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, tuple[int, V]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: str) -> bool:
        return self.find(key) is not None

    def find(self, key: str) -> V | None:
        """Return what is kept under `key`; None where there is nothing, or no longer."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            until_ns, value = entry
            if self._now_ns() >= until_ns:
                del self._entries[key]
                return None
            self._entries.move_to_end(key)
            return value

    def put(self, key: str, value: V) -> None:
        """Keep `value` under `key` from now on."""
        with self._lock:
            self._entries[key] = (self._now_ns() + self._lives_ns, value)
            self._entries.move_to_end(key)
            while len(self._entries) > self._most_entries:
                self._entries.popitem(last=False)
