"""An environment tells what the platform tells, and nothing else."""

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from latency_kit.session import Environment
from latency_kit.session.machine import memory_bytes, processor_name, usable_cores

_X86_CPUINFO = "processor\t: 0\nmodel\t\t: 49\nmodel name\t: AMD EPYC  7B13\nprocessor\t: 1\n"
_PI_CPUINFO = (
    "processor\t: 0\nBogoMIPS\t: 108.00\n\nRevision\t: c03112\nModel\t\t: Raspberry Pi 4 Model B Rev 1.2\n"
)


def test_this_environment_names_this_python_and_the_packages_that_are_installed() -> None:
    taken = Environment.take(packages=["pytest", "no-such-distribution"])
    assert taken.python_version == platform.python_version()
    assert taken.packages["pytest"] == metadata.version("pytest")
    assert taken.packages["hdrhistogram"] == metadata.version("hdrhistogram")
    assert "no-such-distribution" not in taken.packages
    assert taken.cores is not None
    assert taken.cores >= 1


def test_what_is_unknown_is_absent_from_the_facts() -> None:
    bare = Environment(python_version="3.12.4", python_implementation="CPython", operating_system="Linux 6.8")
    assert dict(bare.facts()) == {"Python": "3.12.4 (CPython)", "Operating system": "Linux 6.8"}


def test_what_is_known_is_shown_in_the_order_of_the_report() -> None:
    known = Environment(
        python_version="3.12.4",
        python_implementation="CPython",
        operating_system="macOS 15.1",
        machine="arm64",
        processor="Apple M2",
        cores=8,
        memory_bytes=17_179_869_184,
        packages={"latency-kit": "0.1.0", "numpy": "2.1.0"},
    )
    assert list(known.facts().items()) == [
        ("Python", "3.12.4 (CPython)"),
        ("Operating system", "macOS 15.1"),
        ("Processor", "Apple M2 (arm64)"),
        ("Cores", "8"),
        ("Memory", "16.0 GiB"),
        ("Packages", "latency-kit 0.1.0, numpy 2.1.0"),
    ]


def test_the_packages_cannot_be_changed_afterwards() -> None:
    packages = {"numpy": "2.1.0"}
    taken = Environment(
        python_version="3", python_implementation="CPython", operating_system="x", packages=packages
    )
    packages["numpy"] = "1"
    assert taken.packages["numpy"] == "2.1.0"


@pytest.mark.parametrize(
    ("text", "name"), [(_X86_CPUINFO, "AMD EPYC 7B13"), (_PI_CPUINFO, "Raspberry Pi 4 Model B Rev 1.2")]
)
def test_on_linux_the_processor_is_read_from_cpuinfo(
    text: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(text)
    assert processor_name(cpuinfo) == name


def test_a_processor_of_which_only_the_architecture_is_told_has_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "processor", platform.machine)
    assert processor_name(tmp_path / "absent") is None


def test_on_macos_the_processor_is_asked_of_sysctl(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, stdout="Apple M2\n", stderr="")

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", run)
    assert processor_name() == "Apple M2"
    assert asked == [["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]]


def test_a_sysctl_that_hangs_or_is_missing_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(platform, "processor", lambda: "")
    for failure in (subprocess.TimeoutExpired("sysctl", 2), FileNotFoundError("sysctl")):

        def run(*command: object, failure: Exception = failure, **options: object) -> None:
            raise failure

        monkeypatch.setattr(subprocess, "run", run)
        assert processor_name() is None


def test_memory_that_is_not_told_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    def sysconf(name: str) -> int:
        raise ValueError(name)

    monkeypatch.setattr(os, "sysconf", sysconf, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert memory_bytes() is None


def test_memory_is_pages_times_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"SC_PHYS_PAGES": 2_000_000, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", told.__getitem__, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert memory_bytes() == 8_192_000_000


def test_cores_are_those_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 3}, raising=False)
    assert usable_cores() == 2
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    assert usable_cores() == 12
