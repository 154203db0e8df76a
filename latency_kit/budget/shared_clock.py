"""Which monotonic clock this process reads: what two processes compare before they trade its readings.

`time.perf_counter_ns` counts from the start of the machine on Linux (CLOCK_MONOTONIC), macOS
(mach_absolute_time) and Windows (QueryPerformanceCounter), the same for all processes. Only Linux says
which start that was; elsewhere readings are never traded.
"""

import time
from functools import cache
from pathlib import Path

from latency_kit.measurement.active import active

__all__ = ["clock_identity"]


def clock_identity() -> str:
    """Return what names the monotonic clock; empty where it cannot be told from another machine's.

    Linux: the boot (proc(5), `random/boot_id`) and the time namespace, which shifts CLOCK_MONOTONIC
    (time_namespaces(7)). A clock that is not the system's, such as a fake one, has no identity.
    """
    return _system_clock_identity() if active.clock is time.perf_counter_ns else ""


@cache
def _system_clock_identity() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = str(Path("/proc/self/ns/time").readlink())
    except (OSError, ValueError):
        return ""
    return f"{boot}/{namespace}" if boot else ""
