"""Which functions were seen to keep an event loop, and for how long at a stretch."""

from collections.abc import Mapping
from types import MappingProxyType

from latency_kit.profiling.stacks import kept_loop_in

__all__ = ["KeptLoops"]

MAX_NAMES = 100
"""Functions that are remembered; a program that blocks in more places has no culprit."""


class KeptLoops:
    """Follows what the event loops of threads run, from one look to the next.

    * A function counts from the first look that found it to the last one after which it had not changed.
    """

    __slots__ = ("_longest_ns", "_since")

    def __init__(self) -> None:
        self._since: dict[int, tuple[str, int]] = {}
        self._longest_ns: dict[str, int] = {}

    def saw(self, thread_id: int, now_ns: int) -> None:
        """Look at what the event loop of a thread runs now."""
        frame = kept_loop_in(thread_id)
        if frame is None:
            self._since.pop(thread_id, None)
            return
        name, since_ns = self._since.get(thread_id, (frame.name, now_ns))
        if name != frame.name:
            since_ns = now_ns
        self._since[thread_id] = (frame.name, since_ns)
        seen_ns = now_ns - since_ns
        if seen_ns > 0 and (frame.name in self._longest_ns or len(self._longest_ns) < MAX_NAMES):
            self._longest_ns[frame.name] = max(seen_ns, self._longest_ns.get(frame.name, 0))

    def longest_ns(self) -> Mapping[str, int]:
        """Return the longest stretch of each function, the longest first, in nanoseconds."""
        longest = sorted(self._longest_ns.items(), key=lambda item: -item[1])
        return MappingProxyType(dict(longest))
