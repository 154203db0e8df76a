"""The asking side: finding running processes, and looking into one."""

import contextlib
import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from latency_kit.errors import CorruptDataError, UsageError
from latency_kit.live.frame import LiveFrame, frame_from_data
from latency_kit.live.place import SUFFIX, is_stale, live_folder

__all__ = [
    "FoundProcesses",
    "LiveConnection",
    "ProcessEndedError",
    "ProcessSilentError",
    "RunningProcess",
    "connect",
    "find_processes",
    "running_processes",
]

_TIMEOUT_S = 10.0
_LOOK_TIMEOUT_S = 1.0
"""Of each process, where all are asked who they are."""

_MAX_ANSWER_BYTES = 16 << 20

_STOPPED = "is it stopped (kill -CONT lets it go on), or too busy?"
_HOW = "start it with latency_kit.configure(live=True), or with LATENCY_KIT_LIVE=1 in its environment"


class ProcessEndedError(UsageError, ConnectionError):
    """The process that was watched has ended, or has stopped recording."""


class ProcessSilentError(UsageError, TimeoutError):
    """The process is there, and does not answer: it is stopped, or has too much to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningProcess:
    """A process that can be watched.

    Attributes:
        process_id: As the operating system has it.
        service_name: As telemetry has it.
        command: How it was started.
        path: Of its socket.
    """

    process_id: int
    service_name: str
    command: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundProcesses:
    """The processes of this user that have a socket.

    Attributes:
        running: Those that can be watched, by process id.
        silent: The sockets of those that do not answer.
    """

    running: tuple[RunningProcess, ...]
    silent: tuple[Path, ...]

    def describe_silent(self) -> str:
        """Say in one line which processes do not answer."""
        names = ", ".join(path.stem for path in self.silent)
        one = len(self.silent) == 1
        return f"{'process' if one else 'processes'} {names} {'does' if one else 'do'} not answer; {_STOPPED}"


class LiveConnection:
    """A connection to one process; each has intervals of its own.

    Raises:
        ProcessSilentError: It takes no connection in time.
        UsageError: Nobody listens at `path`, or it cannot be opened.
    """

    def __init__(self, path: Path, *, timeout_s: float = _TIMEOUT_S) -> None:
        self._path = path
        self._waiting = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(os.fspath(path))
        except (TimeoutError, BlockingIOError) as error:
            self._socket.close()
            raise ProcessSilentError(_unanswered(path)) from error
        except OSError as error:
            self._socket.close()
            raise UsageError(
                f"no process can be watched at {path} ({error.strerror or error}); {_HOW}"
            ) from error

    def process(self) -> Mapping[str, Any]:
        """Return who this is: "process_id", "service_name", "command", "python", "started_unix_nano".

        Raises:
            ProcessEndedError: It is no longer there.
            CorruptDataError: It answers something else.
        """
        return self._ask({"ask": "process"})

    def frame(self) -> LiveFrame:
        """Return what was recorded since the last look over this connection, at first since the start.

        Raises:
            ProcessEndedError: It is no longer there.
            CorruptDataError: It answers something else, or in another version of the protocol.
        """
        return frame_from_data(self.frame_data())

    def frame_data(self) -> Mapping[str, Any]:
        """Return the same as the JSON that came.

        Raises:
            ProcessEndedError: It is no longer there.
            CorruptDataError: It answers something else.
        """
        return self._ask({"ask": "frame"})

    def calls(self, since_unix_nano: int) -> Sequence[Mapping[str, Any]]:
        """Return the recent calls that ended after a moment, oldest first.

        Each has "name", "start_unix_nano", "duration_ns", "outcome" and, where it made a span, "trace_id" and
        "span_id".

        Raises:
            ProcessEndedError: It is no longer there.
            CorruptDataError: It answers something else.
        """
        listed: Sequence[Mapping[str, Any]] = self._ask({"ask": "calls", "since_unix_nano": since_unix_nano})[
            "calls"
        ]
        return listed

    def close(self) -> None:
        """End the connection; idempotent."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            # One who is refused has been told why before he asked.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._socket.sendall(json.dumps(request).encode() + b"\n")
            line = self._line()
        except TimeoutError as error:
            raise ProcessSilentError(_unanswered(self._path)) from error
        except OSError as error:
            raise ProcessEndedError(f"the process at {self._path} has ended") from error
        try:
            answer = json.loads(line)
        except ValueError as error:
            raise CorruptDataError(f"{self._path} does not speak latency-kit's protocol: {error}") from error
        if not isinstance(answer, dict):
            raise CorruptDataError(f"{self._path} does not speak latency-kit's protocol")
        if "error" in answer:
            raise UsageError(f"the process refuses: {answer['error']}")
        return answer

    def _line(self) -> bytes:
        while b"\n" not in self._waiting:
            received = self._socket.recv(1 << 16)
            if not received:
                raise ConnectionResetError("closed by the process")
            self._waiting += received
            if len(self._waiting) > _MAX_ANSWER_BYTES:
                raise CorruptDataError(f"{self._path} sends more than a frame")
        line, _, self._waiting = self._waiting.partition(b"\n")
        return line


def _unanswered(path: Path) -> str:
    return f"the process at {path} does not answer; {_STOPPED}"


def running_processes() -> tuple[RunningProcess, ...]:
    """Return the processes of this user that can be watched, by process id."""
    return find_processes().running


def find_processes() -> FoundProcesses:
    """Ask at every socket of this user who is there."""
    if not hasattr(socket, "AF_UNIX"):
        return FoundProcesses(running=(), silent=())
    found, silent = [], []
    for path in live_folder().glob(f"*{SUFFIX}"):
        if is_stale(path):
            continue
        try:
            with LiveConnection(path, timeout_s=_LOOK_TIMEOUT_S) as connection:
                about = connection.process()
        except ProcessSilentError:
            silent.append(path)
            continue
        except (UsageError, CorruptDataError):
            continue
        found.append(
            RunningProcess(
                process_id=int(about["process_id"]),
                service_name=str(about["service_name"]),
                command=str(about["command"]),
                path=path,
            )
        )
    return FoundProcesses(
        running=tuple(sorted(found, key=lambda process: process.process_id)), silent=tuple(sorted(silent))
    )


def connect(target: str | None = None) -> LiveConnection:
    """Connect to a process by its process id, its service's name or the path of its socket.

    Without a target, to the only one that can be watched.

    Raises:
        ProcessSilentError: It is there and does not answer.
        UsageError: There is none such, or more than one.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise UsageError(
            "this Python has no sockets of the local machine (AF_UNIX), so nothing can be watched"
        )
    if target is not None and (os.sep in target or target.endswith(SUFFIX)):
        return LiveConnection(Path(target))
    found = find_processes()
    running = found.running
    chosen = [
        process
        for process in running
        if target is None or target in {str(process.process_id), process.service_name}
    ]
    if len(chosen) == 1:
        return LiveConnection(chosen[0].path)
    listed = ", ".join(f"{one.process_id} {one.service_name}" for one in chosen or running)
    if chosen:
        raise UsageError(f"{len(chosen)} processes can be watched, name one by its process id: {listed}")
    # A silent one does not tell its service: it may be the one that is meant.
    may_be_meant = target is None or not target.isdecimal() or target in {path.stem for path in found.silent}
    if found.silent and may_be_meant:
        raise ProcessSilentError(found.describe_silent())
    if target is None or not running:
        raise UsageError(f"no process can be watched; {_HOW}")
    raise UsageError(f"no process {target!r} can be watched; there are: {listed}")
