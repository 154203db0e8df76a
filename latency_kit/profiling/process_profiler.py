"""The profile of a running process from outside, by py-spy: nothing in the process need be prepared."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latency_kit.errors import CorruptDataError, MissingExtraError, UsageError
from latency_kit.live import connect
from latency_kit.profiling.profile import Profile, ProfiledCall, ProfileKind
from latency_kit.profiling.profile_file import save_files
from latency_kit.profiling.stack_entries import entries_of
from latency_kit.profiling.stacks import Frame, Stack
from latency_kit.units import NS_PER_S

__all__ = ["ProcessProfile", "profile_process"]

DEFAULT_RATE_HZ = 100

_LONGEST_S = 86_400

_GRACE_S = 30.0
"""What py-spy may take beyond the time that it samples."""

_PTRACE_SCOPE = Path("/proc/sys/kernel/yama/ptrace_scope")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessProfile:
    """A profile and the speedscope file that py-spy wrote.

    Attributes:
        profile: What was seen.
        speedscope: The contents of the file.
    """

    profile: Profile
    speedscope: bytes

    def save(self, folder: Path | str) -> tuple[Path, ...]:
        """Write `NAME.profile.json` and `NAME.speedscope.json`; return their paths.

        Raises:
            UsageError: The folder cannot be written to.
        """
        return save_files(self.profile, folder, {".speedscope.json": self.speedscope})


def profile_process(
    process_id: int,
    *,
    duration_s: float = 10.0,
    rate_hz: int = DEFAULT_RATE_HZ,
    idle: bool = False,
    native: bool = False,
) -> ProcessProfile:
    """Sample the stacks of all threads of a running Python process.

    The calls that ended meanwhile are asked of the process itself, where it can be watched
    (`configure(live=True)`).

    Args:
        process_id: Of the process.
        duration_s: How long to look: whole seconds, up to a day, as py-spy takes them.
        rate_hz: Samples a second.
        idle: Whether threads that wait are sampled too.
        native: Whether native frames are shown.

    Raises:
        UsageError: Duration or rate are unfit, there is no such process, or it may not be looked into; the
            message says what to do.
        MissingExtraError: py-spy is not installed.
        CorruptDataError: py-spy wrote something else than expected.
    """
    if not 1 <= duration_s <= _LONGEST_S or duration_s != int(duration_s):
        raise UsageError(
            f"the duration must be a whole number of seconds from 1 to {_LONGEST_S}, got {duration_s!r}"
        )
    if rate_hz < 1:
        raise UsageError(f"the rate must be a whole number of samples a second from 1, got {rate_hz!r}")
    command = [
        _program(),
        "record",
        f"--pid={process_id}",
        f"--duration={int(duration_s)}",
        f"--rate={rate_hz}",
        "--format=speedscope",
        *(["--idle"] if idle else []),
        *(["--native"] if native else []),
    ]
    start_unix_nano, start_ns = time.time_ns(), time.perf_counter_ns()
    with tempfile.TemporaryDirectory(prefix="latency-kit-") as folder:
        written = Path(folder, "py-spy.json")
        # By a pipe, and in a session of its own: Ctrl-C ends our waiting, and what was seen is written still.
        with subprocess.Popen(  # noqa: S603  # a program of our own choice, without a shell
            [*command, f"--output={written}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as spying:
            said = _wait(spying, duration_s)
        if spying.returncode != 0 or not written.exists():
            raise UsageError(_advice(process_id, said))
        content = written.read_bytes()
    calls, why_none = _calls_of(process_id, start_unix_nano)
    stacks = list(_weighted(content))
    facts = {"profiler": f"py-spy, {rate_hz} samples a second", "process": str(process_id)}
    if why_none:
        facts["calls"] = why_none
    profile = Profile(
        kind=ProfileKind.PROCESS,
        title=str(process_id),
        start_unix_nano=start_unix_nano,
        duration_ns=time.perf_counter_ns() - start_ns,
        entries=tuple(
            sorted(
                entries_of(stacks, category="seen" if idle else "computes", by_line=False),
                key=lambda entry: -entry.own,
            )
        ),
        calls=calls,
        facts=facts,
    )
    return ProcessProfile(profile=profile, speedscope=content)


def _program() -> str:
    beside = Path(sys.executable).with_name("py-spy.exe" if os.name == "nt" else "py-spy")
    found = str(beside) if beside.exists() else shutil.which("py-spy")
    if found is None:
        raise MissingExtraError("py-spy", "profile")
    return found


def _wait(spying: "subprocess.Popen[str]", duration_s: float) -> str:
    try:
        return spying.communicate(timeout=duration_s + _GRACE_S)[0]
    except KeyboardInterrupt:
        spying.send_signal(signal.SIGINT)
        return spying.communicate(timeout=_GRACE_S)[0]
    except subprocess.TimeoutExpired:
        spying.kill()
        return spying.communicate()[0]


def _advice(process_id: int, said: str) -> str:
    """Say in one line why a process cannot be looked into, and what to do."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    # Its error may be followed by a backtrace of its own.
    told = [line for line in lines if line.lower().startswith("error:")]
    reason = (told or lines or ["no reason given"])[-1].rstrip(".")
    lowered = said.lower()
    if not _exists(process_id):
        return f"there is no process {process_id}; `latency-kit watch --list` lists those that can be watched"
    if "permission denied" in lowered or "operation not permitted" in lowered or "eperm" in lowered:
        return f"process {process_id} may not be looked into: {_permission()}"
    return f"py-spy cannot look into process {process_id}: {reason}; is it a Python process?"


def _permission() -> str:
    if sys.platform == "darwin":
        return "macOS wants root for that; run the command with sudo"
    ways = ["run the command as the process's user or with sudo"]
    with contextlib.suppress(OSError, ValueError):
        if int(_PTRACE_SCOPE.read_text()) > 0:
            ways.append("let processes of one user look into each other: sysctl kernel.yama.ptrace_scope=0")
    ways.append("in a container, start it with --cap-add SYS_PTRACE")
    return "; or ".join(ways)


def _exists(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def _calls_of(process_id: int, since_unix_nano: int) -> tuple[tuple[ProfiledCall, ...], str]:
    try:
        with connect(str(process_id)) as connection:
            listed: Sequence[Mapping[str, Any]] = connection.calls(since_unix_nano)
    except (UsageError, CorruptDataError):
        return (), "not known: the process cannot be watched; start it with LATENCY_KIT_LIVE=1"
    return tuple(ProfiledCall(**call) for call in listed), ""


def _weighted(content: bytes) -> Iterator[tuple[Stack, int, int]]:
    try:
        data = json.loads(content)
        frames = [
            Frame(str(one["name"]), str(one.get("file") or ""), int(one.get("line") or 0))
            for one in data["shared"]["frames"]
        ]
        for profile in data["profiles"]:
            to_ns = {"seconds": NS_PER_S, "milliseconds": NS_PER_S // 1000}[profile["unit"]]
            for sample, weight in zip(profile["samples"], profile["weights"], strict=True):
                yield tuple(frames[at] for at in sample), round(weight * to_ns), 1
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise CorruptDataError(f"py-spy wrote something else than expected: {error!r}") from error
