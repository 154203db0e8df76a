"""The server of the page, inside the running event loop. The only module that knows uvicorn."""

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlencode

from latency_kit.errors import MissingExtraError
from reference_pipeline.display.access import Access
from reference_pipeline.display.sessions import MAIN_SESSION, Sessions
from reference_pipeline.display.speaker_door import Speakers
from reference_pipeline.display.web_app import SPEAKER_PATH, web_app
from reference_pipeline.display.wire import LARGEST_PAGE_MESSAGE
from reference_pipeline.ports import PipelineError

try:
    import uvicorn
except ImportError as missing:
    raise MissingExtraError("uvicorn", "assistant") from missing

__all__ = ["DEFAULT_HOST", "DEFAULT_PORT", "DisplayServer"]

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8765

_LARGEST_PORT = 65_535

_CONNECTIONS = 256
"""Connections at a time, stalled ones included; further ones get 503."""

_GRACE_S = 1
"""Seconds that viewers get to close in when the server stops."""


class DisplayServer:
    """Shows the sessions of one process on one address.

    * It starts inside the running event loop, takes no signals, and `stop` leaves no task behind.
    * `async with` starts and stops it.
    """

    def __init__(
        self,
        sessions: Sessions,
        *,
        host: str = DEFAULT_HOST,
        port: int = DEFAULT_PORT,
        token: str | None = None,
        speakers: Speakers | None = None,
    ) -> None:
        """Prepare to listen on `host`; port 0 takes any free one; hear `speakers` there, too.

        Raises:
            PipelineError: The port is none, or `host` is wider than loopback and there is no token.
        """
        if not 0 <= port <= _LARGEST_PORT:
            raise PipelineError(f"{port} is no port; give 1 to {_LARGEST_PORT}, or 0 for any free one")
        self._access = Access(host, token=token)
        self._sessions = sessions
        self._speakers = speakers
        self._host = host
        self._port = port
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port listened on, once started."""
        return self._port

    def url(self, session: str = MAIN_SESSION) -> str:
        """Return the page's address; the token, where there is one, stays out of what browsers send."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        query = f"?{urlencode({'session': session})}" if session != MAIN_SESSION else ""
        fragment = f"#token={quote(self._access.token, safe='')}" if self._access.token else ""
        return f"http://{host}:{self._port}/{query}{fragment}"

    def speaker_url(self) -> str:
        """Return where speakers connect to; the token goes into what they say first."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"ws://{host}:{self._port}{SPEAKER_PATH}"

    async def start(self) -> None:
        """Listen; returns when viewers can come.

        Raises:
            PipelineError: The address cannot be listened on, such as a port in use.
        """
        listener = _listen(self._host, self._port)
        self._port = listener.getsockname()[1]
        self._server = _Server(
            uvicorn.Config(
                web_app(self._sessions, self._access, speakers=self._speakers),
                http="h11",
                # The other implementation over the same package is deprecated and warns.
                ws="websockets-sansio",
                ws_max_size=LARGEST_PAGE_MESSAGE,
                # Messages are small and must leave at once; compressing them costs more than it saves.
                ws_per_message_deflate=False,
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                limit_concurrency=_CONNECTIONS,
                timeout_graceful_shutdown=_GRACE_S,
            )
        )
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]), name="display server")
        up = asyncio.create_task(self._server.up.wait())
        await asyncio.wait({self._serving, up}, return_when=asyncio.FIRST_COMPLETED)
        if not self._server.up.is_set():
            up.cancel()
            listener.close()
            await self._serving
            raise PipelineError(f"the page's server ended before it listened on {self._host}:{self._port}")

    async def stop(self) -> None:
        """End all sessions' viewers and the server; idempotent."""
        self._sessions.end_all()
        server, self._server = self._server, None
        serving, self._serving = self._serving, None
        if server is None or serving is None:
            return
        server.should_exit = True
        await serving
        server.abort_stalled()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


class _Server(uvicorn.Server):
    """Uvicorn as a guest: it tells when it listens, and signals stay with the host."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def abort_stalled(self) -> None:
        """Cut connections whose peer takes nothing any more; closing them would wait for it for ever."""
        for connection in list(self.server_state.connections):
            transport = connection.transport
            if transport is not None:
                transport.abort()


def _listen(host: str, port: int) -> socket.socket:
    # Listening at once, not only binding, is what makes a port in use fail here and not later.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, since asyncio sends small frames at once (TCP_NODELAY) only where the socket says so; else
    # each waits for the viewer's acknowledgement of the one before, up to 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)  # Windows shares otherwise
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # not to wait out TIME_WAIT
        listener.bind((host, port))
        listener.listen()
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PipelineError(
                f"port {port} on {host} is in use; choose another one, or 0 for any that is free"
            ) from error
        raise PipelineError(
            f"cannot listen on {host}:{port} ({error.strerror or error}); choose another address or port"
        ) from error
    return listener
