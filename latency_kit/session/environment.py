"""The environment of a run: Python, operating system, machine, package versions.

Only what makes two runs comparable lives here; no host name, user, path or environment variable does.
"""

import os
import platform
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from types import MappingProxyType

from latency_kit.session.machine import memory_bytes, processor_name, usable_cores

__all__ = ["KEY_PACKAGES", "Environment"]

KEY_PACKAGES = ("latency-kit", "hdrhistogram", "opentelemetry-api", "opentelemetry-sdk")
"""Distributions whose version matters to every measurement of ours."""

_BYTES_PER_GIB = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where a run took place.

    * What the platform does not tell is None, and absent from `facts`.
    * The mapping never changes after construction.

    Attributes:
        python_version: Such as "3.12.4".
        python_implementation: Such as "CPython".
        operating_system: Name and release, such as "Linux 6.8.0".
        machine: Architecture, such as "x86_64".
        processor: The processor's name.
        cores: Logical processors that the process may use.
        memory_bytes: Installed memory.
        packages: Version of each distribution that is installed, by its name.
    """

    python_version: str
    python_implementation: str
    operating_system: str
    machine: str | None = None
    processor: str | None = None
    cores: int | None = None
    memory_bytes: int | None = None
    packages: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "packages", MappingProxyType(dict(self.packages)))

    @classmethod
    def take(cls, *, packages: Iterable[str] = ()) -> "Environment":
        """Return the environment of this process.

        Args:
            packages: Distributions to name besides `KEY_PACKAGES`; those not installed are left out.
        """
        return cls(
            python_version=platform.python_version(),
            python_implementation=_implementation(),
            operating_system=_operating_system(),
            machine=platform.machine() or None,
            processor=processor_name(),
            cores=usable_cores(),
            memory_bytes=memory_bytes(),
            packages=_versions([*KEY_PACKAGES, *packages]),
        )

    def facts(self) -> Mapping[str, str]:
        """Return what is known, for people, in the order in which a report shows it."""
        known = {
            "Python": f"{self.python_version} ({self.python_implementation})",
            "Operating system": self.operating_system,
        }
        if self.processor is not None and self.machine is not None:
            known["Processor"] = f"{self.processor} ({self.machine})"
        elif self.processor is not None or self.machine is not None:
            known["Processor"] = self.processor or self.machine or ""
        if self.cores is not None:
            known["Cores"] = str(self.cores)
        if self.memory_bytes is not None:
            known["Memory"] = f"{self.memory_bytes / _BYTES_PER_GIB:.1f} GiB"
        if self.packages:
            known["Packages"] = ", ".join(f"{name} {version}" for name, version in self.packages.items())
        return MappingProxyType(known)


def _implementation() -> str:
    # A build without the global interpreter lock has other latencies; it must not pass for the usual one.
    gil_enabled = getattr(sys, "_is_gil_enabled", None)
    free_threaded = gil_enabled is not None and not gil_enabled()
    name = platform.python_implementation()
    return f"{name}, free-threaded" if free_threaded else name


def _operating_system() -> str:
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}".strip()
    return " ".join(part for part in (platform.system(), platform.release()) if part) or os.name


def _versions(names: Iterable[str]) -> dict[str, str]:
    versions: dict[str, str] = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
