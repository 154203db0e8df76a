"""Numbers that are read, not recorded: depths, totals and ages of things that are alive.

A queue, a pool or a probe registers itself; whoever reports (an export, a report, a person) asks
`readings()`. Nothing here runs by itself, and nothing is kept alive by being registered.
"""

import threading
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from latency_kit.measurement.active import active
from latency_kit.measurement.measurement import NO_ATTRIBUTES, AttributeValue

__all__ = ["Readable", "Reading", "readings", "register", "unregister"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One number at the moment it was read.

    Attributes:
        name: Of the metric, such as "latency.queue.depth".
        unit: In UCUM, such as "{item}", "By" or "s".
        description: One line for people.
        value: The number.
        is_total: True for a running total that never goes back, False for a level.
        attributes: Whose number it is; readings of one name differ in them.
        together: How two readings of the same name and attributes become one.
    """

    name: str
    unit: str
    description: str
    value: int | float
    is_total: bool = False
    attributes: Mapping[str, AttributeValue] = field(default_factory=lambda: NO_ATTRIBUTES)
    together: Literal["sum", "max"] = "sum"


class Readable(Protocol):
    """Something that can be read; it must be weakly referenceable."""

    def readings(self) -> Iterable[Reading]:
        """Return its numbers now; called from any thread."""
        ...


_lock = threading.Lock()
_registered: "weakref.WeakSet[Readable]" = weakref.WeakSet()


def register(readable: Readable) -> None:
    """Let `readings()` ask `readable` for as long as it lives."""
    with _lock:
        _registered.add(readable)


def unregister(readable: Readable) -> None:
    """Ask `readable` no more."""
    with _lock:
        _registered.discard(readable)


def readings() -> tuple[Reading, ...]:
    """Return the numbers of everything that is registered, by name and attributes.

    Two things of one name (two queues of one component and operation) are read as one. What fails to
    answer is left out and counted as "readings_failed".

        for reading in latency_kit.readings():
            print(reading.name, dict(reading.attributes), reading.value)
    """
    with _lock:
        asked = list(_registered)
    found: dict[tuple[str, tuple[tuple[str, AttributeValue], ...]], Reading] = {}
    for readable in asked:
        try:
            for reading in readable.readings():
                key = (reading.name, tuple(sorted(reading.attributes.items())))
                known = found.get(key)
                found[key] = reading if known is None else _together(known, reading)
        except Exception as error:  # noqa: BLE001  # one broken thing must not hide the others
            active.losses.count("readings_failed", why=repr(error))
    return tuple(found[key] for key in sorted(found, key=repr))


def _together(one: Reading, other: Reading) -> Reading:
    values = (one.value, other.value)
    return replace(one, value=sum(values) if one.together == "sum" else max(values))


def _renew_lock_after_fork() -> None:
    global _lock  # noqa: PLW0603  # another thread of the parent may have held it
    _lock = threading.Lock()


try:
    from os import register_at_fork
except ImportError:  # Windows has no fork
    pass
else:
    register_at_fork(after_in_child=_renew_lock_after_fork)
