"""Programs run as processes of their own, with a time limit, and what they recorded."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import latency_kit
from latency_kit.storage import read_jsonl

ROOT = Path(__file__).resolve().parents[3]
LIMIT_S = 60

HEAD = """
import os, signal, sys, threading, time
import latency_kit

def call(operation, times=1):
    for _ in range(times):
        with latency_kit.measure_latency("job", operation):
            pass
"""


class Programs:
    """Runs programs in one directory.

    Each program finds `latency_kit`, `os`, `signal`, `sys`, `threading`, `time` and `call(operation, times)`.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.share = directory / "share"
        self.jsonl = directory / "performance.jsonl"
        self.started: list[subprocess.Popen[str]] = []

    def start(self, program: str) -> "subprocess.Popen[str]":
        """Start a program; it is killed at the end of the test if it still runs."""
        path = self.directory / f"program_{len(self.started)}.py"
        path.write_text(HEAD + program)
        process = subprocess.Popen(
            [sys.executable, str(path)],
            cwd=self.directory,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore::DeprecationWarning"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, program: str, *, returncode: int = 0, stderr: str | None = "") -> str:
        """Run a program to its end, which must be as stated; return what it printed."""
        process = self.start(program)
        output, errors = process.communicate(timeout=LIMIT_S)
        assert process.returncode == returncode, errors
        if stderr is not None:
            assert errors == stderr
        return output

    def ready(self, process: "subprocess.Popen[str]") -> str:
        """Wait for the line by which a program says that it is so far."""
        assert process.stdout is not None
        return process.stdout.readline().strip()

    def shared(self) -> dict[str, int]:
        """Return how many calls of each operation the processes have shared."""
        merged = latency_kit.merge_processes(self.share)
        assert merged.unreadable == {}
        return {series.operation: series.histogram.count for series in merged.series}

    def states(self) -> list[str]:
        """Return the states of the processes that share, sorted."""
        return sorted(process.state.value for process in latency_kit.merge_processes(self.share).processes)

    def logged(self) -> dict[str, int]:
        """Return how many calls of each operation are in the JSONL file."""
        counts: dict[str, int] = {}
        if self.jsonl.exists():
            for record in read_jsonl(self.jsonl).records:
                counts[record.operation] = counts.get(record.operation, 0) + 1
        return counts

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Poll until something is so, within the time limit."""
        until_s = time.monotonic() + LIMIT_S
        while not is_so():
            assert time.monotonic() < until_s, "it never came about"
            time.sleep(0.01)


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    """Programs in a directory of their own."""
    made = Programs(tmp_path)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait(LIMIT_S)
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()
