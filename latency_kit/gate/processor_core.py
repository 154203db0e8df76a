"""Which core the two versions share: the idlest of those that this process may use."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

__all__ = ["allowed_cores", "idlest_core"]

_WATCHED_S = 0.2


def allowed_cores() -> frozenset[int]:
    """Return the cores that this process may use; empty where the system cannot pin a process to one."""
    if not hasattr(os, "sched_getaffinity"):
        return frozenset()
    return frozenset(os.sched_getaffinity(0))


def idlest_core() -> int | None:
    """Return the allowed core that did least in the last fifth of a second; None where none can be chosen.

    Of cores that did the same, the last: interrupts mostly go to the first.
    """
    cores = allowed_cores()
    if len(cores) <= 1:
        return next(iter(cores), None)
    before = _idle_ticks()
    time.sleep(_WATCHED_S)
    after = _idle_ticks()
    return max(cores, key=lambda core: (after.get(core, 0) - before.get(core, 0), core))


def _idle_ticks() -> Mapping[int, int]:
    """Return how long each core was idle since the start, by proc_stat(5); empty on other systems."""
    try:
        lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    cores = [line.split() for line in lines if line.startswith("cpu") and not line.startswith("cpu ")]
    return {int(fields[0].removeprefix("cpu")): int(fields[4]) for fields in cores}
