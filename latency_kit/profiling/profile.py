"""A profile as data: what took the time or the memory, and which measured calls ran meanwhile.

One shape for all profilers, so that two of a kind can be compared. How each is taken lives in its module.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Profile", "ProfileEntry", "ProfileKind", "ProfiledCall"]


class ProfileKind(StrEnum):
    """Which profiler looked."""

    FUNCTIONS = "functions"
    ASYNC = "async"
    PROCESS = "process"
    MEMORY = "memory"


UNITS: Mapping[ProfileKind, str] = {
    ProfileKind.FUNCTIONS: "ns",
    ProfileKind.ASYNC: "ns",
    ProfileKind.PROCESS: "ns",
    ProfileKind.MEMORY: "By",
}
"""Of `own` and `total`, in UCUM."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileEntry:
    """One function or line.

    Attributes:
        name: Module and qualified name as far as the profiler knows them.
        file: Its source file; empty for built-in functions.
        line: Of the function, or the one that waits or allocates; 0 where there is none.
        category: What it did: "computes", "waits", "kept" (other tasks kept the event loop),
            "allocates", or "seen" where a profiler does not tell computing from waiting.
        count: Calls, waits, samples or allocations.
        own: Time (ns) or memory (bytes) of itself alone.
        total: The same with everything that it called.
    """

    name: str
    file: str
    line: int
    category: str
    count: int
    own: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfiledCall:
    """A measured call that ended while the profiler looked.

    Attributes:
        name: `component.operation`.
        start_unix_nano: Its start.
        duration_ns: How long it took.
        outcome: How it ended.
        trace_id: 32 hexadecimal digits; empty without a span.
        span_id: 16 hexadecimal digits; empty without a span.
    """

    name: str
    start_unix_nano: int
    duration_ns: int
    outcome: str
    trace_id: str = ""
    span_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What one profiler saw.

    Attributes:
        kind: Which profiler.
        title: What was profiled.
        start_unix_nano: When it began.
        duration_ns: How long it looked.
        entries: The greatest first, by `own`.
        calls: Measured calls that ended meanwhile, oldest first; the last 1000 at most.
        facts: What else is worth knowing, for people: versions, totals, what is missing and why.
    """

    kind: ProfileKind
    title: str
    start_unix_nano: int
    duration_ns: int
    entries: tuple[ProfileEntry, ...]
    calls: tuple[ProfiledCall, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """Of `own` and `total`: "ns" or "By" (bytes)."""
        return UNITS[self.kind]

    def top(self, number: int, *, category: str | None = None) -> tuple[ProfileEntry, ...]:
        """Return the greatest entries, of one category where it is given."""
        chosen = (entry for entry in self.entries if category is None or entry.category == category)
        return tuple(sorted(chosen, key=lambda entry: -entry.own))[:number]
