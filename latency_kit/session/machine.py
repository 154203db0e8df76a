"""What the operating system tells of the machine: processor, cores, memory. Nothing is guessed.

A figure that the platform does not tell is None here and absent from every report.
"""

import ctypes
import os
import platform
import subprocess
import sys
from pathlib import Path

__all__ = ["memory_bytes", "processor_name", "usable_cores"]

_SYSCTL = "/usr/sbin/sysctl"
_SYSCTL_TIMEOUT_S = 2.0
_WINDOWS_PROCESSOR_KEY = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"


def processor_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str | None:
    """Return the processor's marketing name, such as "AMD EPYC 7B13"; None where it is not told."""
    try:
        if sys.platform == "win32":
            name = _windows_processor_name()
        elif sys.platform == "darwin":
            name = _sysctl("machdep.cpu.brand_string")
        else:
            name = _name_in_cpuinfo(cpuinfo.read_text(encoding="utf-8", errors="replace"))
    except (OSError, subprocess.SubprocessError):
        name = ""
    # platform.processor() repeats the architecture on many systems; that is no name.
    told = name or platform.processor()
    return " ".join(told.split()) if told and told != platform.machine() else None


def usable_cores() -> int | None:
    """Return how many logical processors this process may run on; None where it is not told."""
    affinity = getattr(os, "sched_getaffinity", None)
    if affinity is not None:
        return len(affinity(0))
    return os.cpu_count()


def memory_bytes() -> int | None:
    """Return the installed memory in bytes; None where it is not told."""
    try:
        if sys.platform == "win32":
            return _windows_memory_bytes()
        pages, page_bytes = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None
    return pages * page_bytes if pages > 0 and page_bytes > 0 else None


def _name_in_cpuinfo(text: str) -> str:
    # "model name" on x86, "Model" on the Raspberry Pi, "Processor" on old ARM kernels.
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            fields.setdefault(key.strip(), value.strip())
    return next((fields[key] for key in ("model name", "Model", "Processor") if fields.get(key)), "")


def _sysctl(name: str) -> str:
    finished = subprocess.run(  # noqa: S603  # a fixed program with a fixed argument
        [_SYSCTL, "-n", name], capture_output=True, text=True, timeout=_SYSCTL_TIMEOUT_S, check=True
    )
    return finished.stdout.strip()


if sys.platform == "win32":

    def _windows_processor_name() -> str:
        import winreg  # noqa: PLC0415  # exists on Windows only

        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _WINDOWS_PROCESSOR_KEY) as key:
            return str(winreg.QueryValueEx(key, "ProcessorNameString")[0])

    class _MemoryStatus(ctypes.Structure):
        """MEMORYSTATUSEX.

        Source: https://learn.microsoft.com/windows/win32/api/sysinfoapi/ns-sysinfoapi-memorystatusex
        """

        _fields_ = (
            ("dwLength", ctypes.c_ulong),
            ("dwMemoryLoad", ctypes.c_ulong),
            ("ullTotalPhys", ctypes.c_ulonglong),
            ("ullAvailPhys", ctypes.c_ulonglong),
            ("ullTotalPageFile", ctypes.c_ulonglong),
            ("ullAvailPageFile", ctypes.c_ulonglong),
            ("ullTotalVirtual", ctypes.c_ulonglong),
            ("ullAvailVirtual", ctypes.c_ulonglong),
            ("ullAvailExtendedVirtual", ctypes.c_ulonglong),
        )

    def _windows_memory_bytes() -> int | None:
        status = _MemoryStatus()
        status.dwLength = ctypes.sizeof(status)
        if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
            return None
        return int(status.ullTotalPhys)
