"""The listening side: one thread that sleeps until somebody asks. What it answers is given to it."""

import contextlib
import json
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from latency_kit.errors import ConfigurationError

__all__ = ["MAX_WATCHERS", "LiveServer"]

MAX_WATCHERS = 4
"""Those who ask for frames; each is a reader with a copy of every series."""

MAX_CONNECTIONS = 16
"""Those who only ask who this is among them."""

_MAX_REQUEST_BYTES = 4096
_SEND_TIMEOUT_S = 1.0
_LEAST_REST = 19
"""The thread rests so many times as long as it worked: it takes a twentieth of one core at most."""

Answer = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]


class LiveServer:
    """Answers lines of JSON with lines of JSON over a socket that only this user can open.

    * It does nothing while nobody asks, and takes a twentieth of one core at most while somebody does.
    * At most `MAX_WATCHERS` get frames; one beyond them is told so. One that does not read is let go.
    * What a watcher sends never ends it; what answering raises is told to the watcher.
    * It may be stopped and started again with its watchers, as around a fork; the child listens at a path
      of its own and leaves its parent's alone.

    Args:
        path: Of the socket of a process, by its process id.
        answer: Gets the name of the reader and its request; returns what JSON can hold.
        forget: Told the name of a reader that is gone.
    """

    def __init__(self, path: Callable[[int], Path], *, answer: Answer, forget: Callable[[str], None]) -> None:
        self._path_of = path
        self._answer = answer
        self._forget = forget
        self._rests_until_s = 0.0
        self._thread: threading.Thread | None = None
        self._listen()

    @property
    def path(self) -> Path:
        """Of this process's socket."""
        return self._path

    def start(self) -> None:
        """Start the thread; it must not be running."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="latency_kit-live", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Ask the thread to end and wait for it at most `timeout_s` seconds; idempotent."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._waker.send(b"\0")
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(max(timeout_s, 0.0))
        self._thread = None

    def close(self) -> None:
        """Let go of watchers and socket; the thread must have been stopped. Idempotent."""
        self._drop_sockets()
        self._path.unlink(missing_ok=True)

    def renew_after_fork(self) -> None:
        """Listen at a path of this process's own.

        Raises:
            ConfigurationError: That cannot be done.
        """
        self._drop_sockets()  # the parent's stay open there, and its path is the parent's
        self._listen()

    def _listen(self) -> None:
        self._path = self._path_of(os.getpid())
        self._thread = None
        self._stopping = threading.Event()
        self._watchers: dict[socket.socket, _Watcher] = {}
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._path.unlink(missing_ok=True)
            self._listener.bind(os.fspath(self._path))
            self._path.chmod(0o600)
            self._listener.listen(MAX_WATCHERS)
        except OSError as error:
            self._listener.close()
            raise ConfigurationError(
                f"live: nothing can listen at {self._path}: {error.strerror or error}; "
                "give another path, or leave `live` off"
            ) from error
        self._listener.setblocking(False)
        self._waker, self._woken = socket.socketpair()
        self._woken.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)

    def _drop_sockets(self) -> None:
        for watcher in list(self._watchers):
            with contextlib.suppress(OSError):
                watcher.close()
        self._watchers.clear()
        with contextlib.suppress(OSError):
            self._selector.close()
        for one in (self._listener, self._waker, self._woken):
            with contextlib.suppress(OSError):
                one.close()

    def _run(self) -> None:
        stopping = self._stopping
        while not stopping.is_set():
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    with contextlib.suppress(OSError):
                        self._woken.recv(_MAX_REQUEST_BYTES)
                elif key.fileobj is self._listener:
                    self._admit()
                elif isinstance(key.fileobj, socket.socket):
                    self._hear(key.fileobj, stopping)

    def _admit(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._listener.accept()
            connection.settimeout(_SEND_TIMEOUT_S)
            if len(self._watchers) >= MAX_CONNECTIONS:
                _send(connection, {"error": f"{MAX_CONNECTIONS} others are connected already; try later"})
                connection.close()
                return
            self._watchers[connection] = _Watcher()
            self._selector.register(connection, selectors.EVENT_READ)

    def _hear(self, connection: socket.socket, stopping: threading.Event) -> None:
        watcher = self._watchers[connection]
        try:
            received = connection.recv(_MAX_REQUEST_BYTES)
        except OSError:
            received = b""
        watcher.waiting += received
        if not received or len(watcher.waiting) > _MAX_REQUEST_BYTES:
            self._let_go(connection)
            return
        while b"\n" in watcher.waiting:
            line, _, watcher.waiting = watcher.waiting.partition(b"\n")
            stopping.wait(max(self._rests_until_s - time.monotonic(), 0.0))
            began_s = time.thread_time()
            sent = _send(connection, self._answered(watcher, line))
            # By processor time: where the program is busy, waiting for the interpreter is no work.
            self._rests_until_s = time.monotonic() + _LEAST_REST * (time.thread_time() - began_s)
            if not sent:
                self._let_go(connection)
                return

    def _answered(self, watcher: "_Watcher", line: bytes) -> Mapping[str, Any]:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                return {"error": f"a request is a JSON object, got {type(request).__name__}"}
            if request.get("ask") == "frame" and not watcher.reader:
                taken = {other.reader for other in self._watchers.values()}
                names = (f"latency_kit.live.{number}" for number in range(MAX_WATCHERS))
                watcher.reader = next((name for name in names if name not in taken), "")
                if not watcher.reader:
                    return {"error": f"{MAX_WATCHERS} others watch this process already; try later"}
            return self._answer(watcher.reader, request)
        except Exception as error:  # noqa: BLE001  # told to the one who asked; the process goes on
            return {"error": f"{type(error).__name__}: {error}"}

    def _let_go(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, KeyError, ValueError):
            self._selector.unregister(connection)
        watcher = self._watchers.pop(connection)
        with contextlib.suppress(OSError):
            connection.close()
        if watcher.reader:
            self._forget(watcher.reader)


class _Watcher:
    """One who is connected: its name as a reader once it is one, and what it has sent of a line."""

    __slots__ = ("reader", "waiting")

    def __init__(self) -> None:
        self.reader = ""
        self.waiting = b""


def _send(connection: socket.socket, answer: Mapping[str, Any]) -> bool:
    try:
        connection.sendall(json.dumps(answer, ensure_ascii=False, default=str).encode() + b"\n")
    except OSError:
        return False
    return True
