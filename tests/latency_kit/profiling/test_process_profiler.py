"""A running process is profiled from outside; where that is not permitted, a line says what to do."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from latency_kit import CorruptDataError, MissingExtraError, UsageError
from latency_kit.profiling import process_profiler, profile_process

BUSY = """
import latency_kit

telemetry = latency_kit.configure(service_name="busy", live=True, spans=True)

def crunch():
    with latency_kit.measure_latency("busy", "crunch"):
        return sum(number * number for number in range(20_000))

print("ready", flush=True)
while True:
    crunch()
"""

SCOPE = (
    '{"shared": {"frames": [{"name": "main", "file": "a.py", "line": 1}, {"name": "work", "file": "a.py"}]},'
    ' "profiles": [{"unit": "seconds", "samples": [[0, 1], [0]], "weights": [0.5, 0.25]}]}'
)


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Iterator["subprocess.Popen[str]"]:
    with tempfile.TemporaryDirectory(prefix="lk") as folder:
        monkeypatch.setenv("LATENCY_KIT_LIVE_FOLDER", f"{folder}/live")
        with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE, text=True) as program:
            assert program.stdout is not None
            assert program.stdout.readline() == "ready\n"
            yield program
            program.send_signal(signal.SIGKILL)


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "type[Player]":
    """Let a script stand for py-spy."""
    Player.path = tmp_path / "py-spy"
    monkeypatch.setattr(process_profiler, "_program", lambda: str(Player.path))
    return Player


class Player:
    """Writes the script that stands for py-spy."""

    path: Path

    @classmethod
    def says(cls, *, output: str = "", writes: str | None = None, code: int = 0) -> None:
        """Have it print, write its file, and end with a code."""
        lines = ["#!/bin/sh", 'for one; do case $one in --output=*) file="${one#--output=}";; esac; done']
        lines += [f"cat <<'END'\n{output}\nEND"]
        if writes is not None:
            lines.append(f"cat > \"$file\" <<'END'\n{writes}\nEND")
        cls.path.write_text("\n".join([*lines, f"exit {code}\n"]))
        cls.path.chmod(cls.path.stat().st_mode | stat.S_IXUSR)


@pytest.mark.skipif(
    find_spec("memray") is None or find_spec("opentelemetry.sdk") is None,
    reason="py-spy comes with the extra 'profile', as memray does; spans take the extra 'otlp'",
)
def test_a_running_process_is_profiled_and_tells_its_calls(
    busy: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    seen = profile_process(busy.pid, duration_s=1)
    profile = seen.profile
    ours = {
        entry.name.rpartition(".")[2]: entry for entry in profile.entries if not entry.file.startswith("/")
    }
    assert 0 < ours["<genexpr>"].own <= ours["crunch"].total <= ours["<module>"].total
    assert {call.name for call in profile.calls} == {"busy.crunch"}
    assert len(profile.calls[0].trace_id) == 32
    assert busy.poll() is None
    assert all(path.exists() for path in seen.save(tmp_path))


def test_weights_of_py_spy_become_nanoseconds(play: "type[Player]") -> None:
    play.says(writes=SCOPE)
    profile = profile_process(os.getpid(), duration_s=1).profile
    assert {entry.name: (entry.own, entry.total) for entry in profile.entries} == {
        "work": (500_000_000, 500_000_000),
        "main": (250_000_000, 750_000_000),
    }
    assert "LATENCY_KIT_LIVE=1" in profile.facts["calls"]


@pytest.mark.parametrize("scope", ["1", "0"])
def test_missing_permission_is_met_with_advice(
    scope: str, play: "type[Player]", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(process_profiler, "_PTRACE_SCOPE", tmp_path / "ptrace_scope")
    (tmp_path / "ptrace_scope").write_text(scope)
    play.says(output="Error: Permission Denied: Try running again with elevated permissions", code=1)
    with pytest.raises(UsageError) as refused:
        profile_process(os.getpid(), duration_s=1)
    message = str(refused.value)
    assert "SYS_PTRACE" in message
    assert ("ptrace_scope=0" in message) is (scope == "1")
    assert "\n" not in message


def test_on_macos_the_advice_is_sudo(play: "type[Player]", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    play.says(output="Error: Operation not permitted (os error 1)", code=1)
    with pytest.raises(UsageError, match="sudo"):
        profile_process(os.getpid(), duration_s=1)


def test_a_process_that_is_not_there_is_one_line(play: "type[Player]") -> None:
    play.says(output="Error: No such file or directory", code=1)
    with pytest.raises(UsageError, match="there is no process 99999999"):
        profile_process(99_999_999, duration_s=1)


def test_any_other_reason_is_told_as_py_spy_tells_it(play: "type[Player]") -> None:
    play.says(output="Error: Failed to find python version from target process", code=1)
    with pytest.raises(UsageError, match="Failed to find python version"):
        profile_process(os.getpid(), duration_s=1)


def test_a_file_that_is_no_profile_is_refused(play: "type[Player]") -> None:
    play.says(writes='{"profiles": 3}')
    with pytest.raises(CorruptDataError, match="something else than expected"):
        profile_process(os.getpid(), duration_s=1)


def test_a_backtrace_of_py_spy_is_not_its_reason(play: "type[Player]") -> None:
    play.says(output="Error: Failed to find python\n\nStack backtrace:\n   0: std::sys::thread_start", code=1)
    with pytest.raises(UsageError, match=r"Error: Failed to find python; is it a Python process\?$"):
        profile_process(os.getpid(), duration_s=1)


@pytest.mark.parametrize(
    "wrong",
    [{"rate_hz": 0}, *({"duration_s": given} for given in (0, 0.4, 2.5, 1e9, float("nan"), float("inf")))],
)
def test_a_duration_or_rate_that_py_spy_cannot_keep_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=r"must be a whole number of .* from 1"):
        profile_process(os.getpid(), **wrong)  # type: ignore[arg-type]  # what a command line may bring


def test_without_py_spy_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingExtraError, match=r"latency-kit\[profile\]"):
        profile_process(os.getpid(), duration_s=1)
