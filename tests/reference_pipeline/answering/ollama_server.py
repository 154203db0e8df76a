"""A real HTTP server on loopback that speaks the protocol of Ollama (NDJSON, /api/chat) as scripted."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

MODEL = "test-model:1b"


class Stall:
    """Send nothing more until the server closes."""


class Drop:
    """Close the connection in the middle of the body."""


@dataclass(frozen=True)
class Until:
    """Send nothing more until the event is set."""

    event: asyncio.Event


Step = Mapping[str, Any] | bytes | Stall | Drop | Until


@dataclass(frozen=True, kw_only=True)
class Script:
    """How the server answers /api/chat."""

    steps: Sequence[Step] = ()
    status: int = 200
    body: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def piece(
    content: str = "", *, thinking: str | None = None, done: bool = False, reason: str = "stop"
) -> Step:
    """One line of a streamed chat response."""
    message = {"role": "assistant", "content": content}
    if thinking is not None:
        message["thinking"] = thinking
    line: dict[str, Any] = {
        "model": MODEL,
        "created_at": "2026-01-01T00:00:00Z",
        "message": message,
        "done": done,
    }
    if done:
        line |= {"done_reason": reason, "eval_count": 3, "total_duration": 1_000_000}
    return line


def saying(*words: str) -> Script:
    """A successful answer, piece by piece, with the empty last line that Ollama sends."""
    return Script(steps=[*map(piece, words), piece(done=True)])


@dataclass
class OllamaServer:
    """Serves until its `async with` block ends; every connection is closed by then."""

    script: Script = field(default_factory=lambda: saying("All ", "is ", "well."))
    models: Sequence[str] = (MODEL,)
    tags_script: Script | None = None
    requests: list[Request] = field(default_factory=list)
    aborted: asyncio.Event = field(default_factory=asyncio.Event)
    _connections: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def host(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while request := await _read_request(reader):
                self.requests.append(request)
                if not await self._respond(request, reader, writer):
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _respond(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        if request.path == "/api/tags":
            listed = {"models": [{"model": name, "name": name} for name in self.models]}
            script = self.tags_script or Script(body=json.dumps(listed).encode())
        else:
            script = self.script
        if script.body is not None:
            _send_whole(writer, script)
            await writer.drain()
            return True
        writer.write(
            f"HTTP/1.1 {script.status} X\r\nContent-Type: application/x-ndjson\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
        )
        for step in script.steps:
            if isinstance(step, Drop):
                await writer.drain()
                return False
            if isinstance(step, Stall | Until):
                await writer.drain()
                await self._wait(step, reader)
                continue
            line = step if isinstance(step, bytes) else json.dumps(step).encode()
            writer.write(b"%x\r\n%b\n\r\n" % (len(line) + 1, line))
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    async def _wait(self, step: Stall | Until, reader: asyncio.StreamReader) -> None:
        """Wait as told, and notice when the client goes away meanwhile."""
        if isinstance(step, Until):
            await step.event.wait()
            return
        if await reader.read(1) == b"":
            self.aborted.set()
        raise ConnectionResetError


def _send_whole(writer: asyncio.StreamWriter, script: Script) -> None:
    assert script.body is not None
    length = len(script.body)
    head = f"HTTP/1.1 {script.status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    writer.write(head.encode() + script.body)


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode().strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method=method, path=path, headers=headers, body=body)


@contextlib.asynccontextmanager
async def silent_port() -> AsyncIterator[str]:
    """The address of a port on which nobody listens."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    yield f"http://127.0.0.1:{port}"
