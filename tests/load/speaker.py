"""A speaker over a WebSocket, as an open loop: sound is sent when it is due, whatever comes back.

Pieces carry the time at which their last sample was due, so that a generator that is late itself shows as
latency and never hides any (no coordinated omission). With `clock_offset_ms` the speaker's clock is another
than ours, as a browser's is.
"""

import asyncio
import json
import struct
import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

RATE = 16_000
PIECE = 512
"""Samples a message at 16 kHz, 32 ms: what the voice activity detector takes."""
HEADER = struct.Struct("<dQ")


@dataclass
class Speaker:
    """Says `sound` once it is welcome, or is refused.

    Attributes:
        arrives_ns: When it is to connect; None for at once. One that connects late has waited since then.
        began_ns: When the first sample was due; 0 until then.
        refused: Close code and reason, where it was not let in.
        refused_after_ns: From when it was to connect to the refusal.
        ended: Close code and reason of a visit that was let in.
        lateness_ns: By how much each piece left too late, for the generator's own account.
    """

    url: str
    sound: NDArray[np.int16]
    session: str = ""
    token: str | None = None
    rate: int = RATE
    clock_offset_ms: float = 0.0
    start_ns: int | None = None
    arrives_ns: int | None = None
    bye: bool = True
    began_ns: int = 0
    refused: tuple[int, str] | None = None
    refused_after_ns: int = 0
    ended: tuple[int, str] | None = None
    lateness_ns: list[int] = field(default_factory=list)
    welcome: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Connect, speak to the end, and see the session out."""
        tried_ns = time.perf_counter_ns() if self.arrives_ns is None else self.arrives_ns
        await asyncio.sleep(max(0, tried_ns - time.perf_counter_ns()) / 1e9)
        was_welcome = False
        try:
            async with connect(self.url, compression=None, max_queue=None) as socket:
                hello = {"type": "hello", "rate": self.rate, "format": "s16le", "session": self.session}
                await socket.send(json.dumps(hello | ({"token": self.token} if self.token else {})))
                listening = asyncio.create_task(self._listen(socket))
                await self._until_welcome(listening)
                was_welcome = self.welcome.is_set()
                if was_welcome:
                    await self._speak(socket)
                await listening
                await socket.wait_closed()
                closed = (socket.close_code or 1006, socket.close_reason or "")
        except (OSError, ConnectionClosed) as error:
            closed = _closing(error)
        if was_welcome:
            self.ended = closed
        else:
            self.refused, self.refused_after_ns = closed, time.perf_counter_ns() - tried_ns

    async def _until_welcome(self, listening: "asyncio.Task[None]") -> None:
        welcome = asyncio.create_task(self.welcome.wait())
        await asyncio.wait({welcome, listening}, return_when=asyncio.FIRST_COMPLETED)
        welcome.cancel()

    async def _listen(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                received_ms = self._now_ms()
                said = json.loads(text)
                if said["type"] == "ping":
                    pong = {"type": "pong", "number": said["number"], "received_ms": received_ms}
                    await socket.send(json.dumps(pong | {"replied_ms": self._now_ms()}))
                elif said["type"] == "welcome":
                    self.session = said["session"]
                    self.welcome.set()
        except ConnectionClosed:
            return

    async def _speak(self, socket: ClientConnection) -> None:
        piece = PIECE * self.rate // RATE
        wanted_ns = time.perf_counter_ns() if self.start_ns is None else self.start_ns
        self.began_ns = max(wanted_ns, time.perf_counter_ns())
        for first in range(0, len(self.sound), piece):
            samples = self.sound[first : first + piece]
            due_ns = self.began_ns + (first + len(samples)) * 1_000_000_000 // self.rate
            wait_ns = due_ns - time.perf_counter_ns()
            if wait_ns > 0:
                await asyncio.sleep(wait_ns / 1e9)
            self.lateness_ns.append(max(0, time.perf_counter_ns() - due_ns))
            try:
                await socket.send(HEADER.pack(due_ns / 1e6 + self.clock_offset_ms, first) + samples.tobytes())
            except ConnectionClosed:
                return
        if self.bye:
            await socket.send('{"type":"bye"}')
        else:
            await socket.close()

    def _now_ms(self) -> float:
        return time.perf_counter_ns() / 1e6 + self.clock_offset_ms


def _closing(error: Exception) -> tuple[int, str]:
    frame = error.rcvd if isinstance(error, ConnectionClosed) else None
    return (frame.code, frame.reason) if frame else (1006, str(error))
