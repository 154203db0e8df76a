"""A child process that answers calls over two pipes, one at a time, in bounded time.

Knows frames and processes, no engines. The child ends when its standard input does, so that none is left
behind, however this process ends.
"""

import contextlib
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from reference_pipeline.ports import TranscriberError
from reference_pipeline.transcription.transcriber_wire import Call, Reply, read_frame, write_frame

__all__ = ["ChildEndedError", "ChildProcess"]

_GRACE_S = 2.0
"""How long a child may take to end by itself once its standard input is closed."""

_WATCH_EVERY_S = 0.25


class ChildEndedError(TranscriberError):
    """The child has ended, or was ended because it did not answer in time."""


class ChildProcess:
    """A Python module that runs as a process of its own. Used by one thread at a time, but for `kill`.

    * `ask` returns or raises within its time limit: a child that does not answer is ended.

    Args:
        module: Run as `python -m module`, with this process's import path.
        arguments: Of its command line.

    Raises:
        TranscriberError: No process can be started.
    """

    def __init__(self, module: str, arguments: Sequence[str] = ()) -> None:
        root = str(Path(__file__).parents[2])
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        try:
            self._process = subprocess.Popen(  # noqa: S603  # our own interpreter, and a module of ours
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": path},
            )
        except OSError as error:
            raise TranscriberError(f"no process can be started for {module}: {error}") from error
        self._module = module
        self._watchdog = _Watchdog(self.kill)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def ask(self, call: Call, payload: bytes = b"", *, limit_s: float) -> str | None:
        """Make a call, and return what `reply` returns.

        Raises:
            ChildEndedError: The child ended, or did not answer within `limit_s` seconds and was ended.
            TranscriberError: The call failed.
        """
        try:
            write_frame(cast("BinaryIO", self._process.stdin), call, payload)
        except (OSError, ValueError) as error:  # ValueError: the pipe is closed already
            raise self._ended() from error
        return self.reply(limit_s=limit_s)

    def reply(self, *, limit_s: float) -> str | None:
        """Wait for a reply; return its text, or None where it has none.

        Raises:
            ChildEndedError: The child ended, or did not answer within `limit_s` seconds and was ended.
            TranscriberError: The reply is an error.
        """
        self._watchdog.watch(limit_s)
        if self._watchdog.is_closed:
            raise self._ended()
        try:
            kind, payload = read_frame(cast("BinaryIO", self._process.stdout))
            answer = Reply(kind)
        except (EOFError, OSError) as error:
            raise self._ended() from error
        except ValueError as error:
            self.kill()
            raise ChildEndedError(
                f"{self._module} printed what is no reply ({error}); it was ended"
            ) from error
        finally:
            self._watchdog.rest()
        if answer is Reply.ERROR:
            raise TranscriberError(payload.decode())
        return payload.decode() if answer is Reply.TEXT else None

    def kill(self) -> None:
        """End it at once; whoever waits for a reply gets a `ChildEndedError`. From any thread."""
        self._process.kill()

    def close(self) -> None:
        """Let it end, and end it where it does not; no process is left. Idempotent."""
        self._watchdog.close()
        for pipe in (self._process.stdin, self._process.stdout):
            # What is still in the buffer of a pipe to a dead child cannot be written any more.
            with contextlib.suppress(OSError):
                cast("BinaryIO", pipe).close()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ended(self) -> ChildEndedError:
        self.close()
        late = " because it did not answer in time" if self._watchdog.has_bitten else ""
        return ChildEndedError(f"its process {self.pid} ended with {self._process.returncode}{late}")


class _Watchdog:
    """Bites once a deadline has passed.

    A thread of its own, since a pipe cannot be waited for with a limit on every system.
    """

    def __init__(self, bite: Callable[[], None]) -> None:
        self._bite = bite
        self._deadline_s = math.inf
        self._closed = threading.Event()
        self.has_bitten = False
        threading.Thread(target=self._run, name="transcriber watchdog", daemon=True).start()

    def watch(self, limit_s: float) -> None:
        self._deadline_s = time.monotonic() + limit_s

    def rest(self) -> None:
        self._deadline_s = math.inf

    def close(self) -> None:
        self._closed.set()

    @property
    def is_closed(self) -> bool:
        return self._closed.is_set()

    def _run(self) -> None:
        while not self._closed.wait(_WATCH_EVERY_S):
            if time.monotonic() >= self._deadline_s:
                self.has_bitten = True
                self._bite()
                return
