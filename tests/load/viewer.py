"""Viewers that are programs: each takes what a page would take and reports paints at its next frame.

A page's work is not done here, so that fifty of them fit beside what is measured: frames are parsed by hand,
their content only by a viewer that `keeps` what it saw. The clock that such a viewer tells is ours.
"""

import asyncio
import base64
import json
import os
import re
import struct
import time
from urllib.parse import urlsplit

from seen import Seen

FRAME_S = 1 / 60
_AWAITED = re.compile(rb'^\{"type":"messages","replay":(?:true|false),"awaited":\[([0-9, ]*)\]')
_PING = re.compile(rb'^\{"type":"ping","number":([0-9]+)')
_TEXT, _CLOSE, _PING_FRAME, _PONG_FRAME = 1, 8, 9, 10
_LENGTH_16, _LENGTH_64 = 126, 127


class Viewer(asyncio.Protocol):
    """One viewer of one session, from `join` until it leaves or is sent away."""

    def __init__(self, host: str, session: str, *, keeps: bool) -> None:
        self.session = session
        self.seen: list[Seen] = []
        self.messages = 0
        self.closed: tuple[int, str] | None = None
        self.gone = asyncio.get_running_loop().create_future()
        self._host = host
        self._keeps = keeps
        self._buffer = bytearray()
        self._upgraded = False
        self._unpainted: list[tuple[int, int]] = []
        self._kept: dict[int, tuple[dict[str, object], int]] = {}
        self._transport: asyncio.Transport | None = None

    def leave(self) -> None:
        """Go, as a closed tab does."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /viewer?session={self.session} HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        if not self.gone.done():
            self.gone.set_result(None)

    def data_received(self, data: bytes) -> None:
        received_ns = time.perf_counter_ns()
        self._buffer += data
        if not self._upgraded:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self._buffer.startswith(b"HTTP/1.1 101"):
                self.closed = (int(self._buffer[9:12]), "refused")
                self.leave()
                return
            del self._buffer[: end + 4]
            self._upgraded = True
        while (frame := self._next_frame()) is not None:
            self._take(*frame, received_ns)

    def _next_frame(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        length, at = buffer[1] & 127, 2
        if length == _LENGTH_16:
            if len(buffer) < 4:
                return None
            length, at = int.from_bytes(buffer[2:4], "big"), 4
        elif length == _LENGTH_64:
            if len(buffer) < 10:
                return None
            length, at = int.from_bytes(buffer[2:10], "big"), 10
        if len(buffer) < at + length:
            return None
        opcode, payload = buffer[0] & 15, bytes(buffer[at : at + length])
        del buffer[: at + length]
        return opcode, payload

    def _take(self, opcode: int, payload: bytes, received_ns: int) -> None:
        if opcode == _PING_FRAME:
            self._send(_PONG_FRAME, payload)
        elif opcode == _CLOSE:
            self.closed = (int.from_bytes(payload[:2], "big"), payload[2:].decode())
            self._send(_CLOSE, payload[:2])
            self.leave()
        elif (ping := _PING.match(payload)) is not None:
            now_ms = time.perf_counter_ns() / 1e6
            pong = {"type": "pong", "number": int(ping[1]), "received_ms": received_ns / 1e6}
            self._send(_TEXT, json.dumps(pong | {"replied_ms": now_ms}).encode())
        elif (awaited := _AWAITED.match(payload)) is not None:
            self.messages += 1
            if self._keeps:
                for message in json.loads(payload)["messages"]:
                    self._kept[message["seq"]] = (message, received_ns)
            self._paint_soon([int(seq) for seq in awaited[1].split(b",") if seq.strip()], received_ns)

    def _paint_soon(self, awaited: list[int], received_ns: int) -> None:
        if not self._unpainted and (awaited or self._kept):
            loop = asyncio.get_running_loop()
            now_s = time.perf_counter_ns() / 1e9
            loop.call_later(FRAME_S - now_s % FRAME_S, self._paint)
        self._unpainted += [(seq, received_ns) for seq in awaited]

    def _paint(self) -> None:
        painted_ns = time.perf_counter_ns()
        for message, received_ns in self._kept.values():
            self.seen.append(seen_of(self.session, message, received_ns=received_ns, painted_ns=painted_ns))
        self._kept.clear()
        reported, self._unpainted = self._unpainted, []
        if reported:
            painted_ms = painted_ns / 1e6
            report = {
                "type": "painted",
                "messages": [{"seq": seq, "received_ms": at_ns / 1e6} for seq, at_ns in reported],
                "dom_updated_ms": painted_ms,
                "painted_ms": painted_ms,
                "replied_ms": painted_ms,
                "hidden": False,
            }
            self._send(_TEXT, json.dumps(report).encode())

    def _send(self, opcode: int, payload: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        mask = b"\0\0\0\0"  # a mask of zeros is one, and leaves the payload as it is
        size = len(payload)
        length = bytes((128 | size,)) if size < _LENGTH_16 else struct.pack("!BH", 128 | _LENGTH_16, size)
        self._transport.write(bytes((128 | opcode,)) + length + mask + payload)


def seen_of(session: str, message: dict[str, object], *, received_ns: int, painted_ns: int) -> Seen:
    """Return a message of the wire as it was seen."""
    return Seen(
        session=session,
        seq=int(str(message["seq"])),
        turn=int(str(message["turn"])),
        kind=str(message["kind"]),
        text=len(str(message["text"])),
        last=bool(message["last"]),
        data=dict(message["data"]),  # type: ignore[call-overload]  # JSON of our own server
        sent_ns=int(str(message["sent_ns"])),
        received_ns=received_ns,
        painted_ns=painted_ns,
    )


async def join(url: str, session: str, *, keeps: bool = False) -> Viewer:
    """Have a viewer join the session of the server at `url` (ws://host:port/...)."""
    place = urlsplit(url)
    assert place.hostname is not None
    _, viewer = await asyncio.get_running_loop().create_connection(
        lambda: Viewer(place.netloc, session, keeps=keeps), place.hostname, place.port
    )
    return viewer
