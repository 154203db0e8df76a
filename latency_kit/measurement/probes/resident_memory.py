"""Resident memory of the process, read when somebody reads; absent where the system does not tell it."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from latency_kit.measurement.readings import Reading, register, unregister

__all__ = ["ResidentMemoryProbe"]

_STATM = Path("/proc/self/statm")


class ResidentMemoryProbe:
    """Gives `process.memory.usage` on Linux, else `process.memory.peak` where the system knows that.

    Sources: proc(5), /proc/self/statm (resident pages); getrusage(2), ru_maxrss: bytes on macOS, else KiB.
    The first name is OpenTelemetry's; a peak is no usage and has a name of its own.
    """

    __slots__ = ("__weakref__", "_platform", "_statm")

    def __init__(self, *, statm: Path = _STATM, platform: str = sys.platform) -> None:
        self._statm = statm
        self._platform = platform

    def start(self) -> None:
        """Be read from now on."""
        register(self)

    def stop(self) -> None:
        """Be read no more."""
        unregister(self)

    def readings(self) -> Iterable[Reading]:
        """Return the memory that the process holds, or the most it has held."""
        used = self._used_bytes()
        if used is not None:
            yield Reading(
                name="process.memory.usage",
                unit="By",
                description="Physical memory in use by the process.",
                value=used,
                together="max",
            )
            return
        peak = self._peak_bytes()
        if peak is not None:
            yield Reading(
                name="process.memory.peak",
                unit="By",
                description="The most physical memory that the process has had in use.",
                value=peak,
                together="max",
            )

    def _used_bytes(self) -> int | None:
        try:
            resident_pages = int(self._statm.read_text(encoding="ascii").split()[1])
            from resource import getpagesize  # noqa: PLC0415  # absent on Windows
        except (OSError, ValueError, IndexError, ImportError):
            return None
        return resident_pages * getpagesize()

    def _peak_bytes(self) -> int | None:
        try:
            import resource  # noqa: PLC0415  # absent on Windows
        except ImportError:
            return None
        usage: Callable[[int], resource.struct_rusage] = resource.getrusage
        return usage(resource.RUSAGE_SELF).ru_maxrss * (1 if self._platform == "darwin" else 1024)
