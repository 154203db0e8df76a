"""Shared by the tests of serving: a connection and a session that the test drives."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import latency_kit
from reference_pipeline.ports import AudioSource, SourceError
from reference_pipeline.serving.speaker_wire import HEADER

TEST_BOUND_S = 20


@dataclass
class FakeConnection:
    """A speaker whose messages are queued ahead; it answers pings by itself on a clock of its own."""

    offset_ms: float = 0.0
    answers_pings: bool = True
    sent: list[dict[str, Any]] = field(default_factory=list)
    closed: tuple[int, str] | None = None
    welcome: asyncio.Event = field(default_factory=asyncio.Event)
    _incoming: "asyncio.Queue[str | bytes | None]" = field(default_factory=asyncio.Queue)

    def say(self, content: object) -> None:
        raw = content if isinstance(content, str | bytes) or content is None else json.dumps(content)
        self._incoming.put_nowait(raw)

    def sound(self, samples: np.ndarray, first: int, captured_ms: float) -> None:
        self.say(HEADER.pack(captured_ms, first) + samples.astype("<i2").tobytes())

    def now_ms(self) -> float:
        return latency_kit.now_ns() / 1e6 + self.offset_ms

    async def receive(self) -> str | bytes | None:
        return await self._incoming.get()

    async def send(self, text: str) -> None:
        said = json.loads(text)
        self.sent.append(said)
        if said["type"] == "ping" and self.answers_pings:
            now_ms = self.now_ms()
            pong = {"type": "pong", "number": said["number"], "received_ms": now_ms, "replied_ms": now_ms}
            self.say(pong)
        if said["type"] == "welcome":
            self.welcome.set()

    async def close(self, code: int, reason: str) -> None:
        if self.closed is None:
            self.closed = (code, reason)


@dataclass
class FakeSession:
    """A session that hears its source and keeps what it got."""

    source: AudioSource
    blocks: list[Any] = field(default_factory=list)
    ended: list[SourceError | None] = field(default_factory=list)
    fails: Exception | None = None
    stopped: bool = False

    def stop(self) -> None:
        self.stopped = True
        self.source.stop()

    async def run(self) -> None:
        if self.fails is not None:
            raise self.fails
        loop = asyncio.get_running_loop()
        over = asyncio.Event()

        def end(error: SourceError | None) -> None:
            self.ended.append(error)
            loop.call_soon_threadsafe(over.set)

        self.source.start(self.blocks.append, end)
        await over.wait()
        if self.ended[0] is not None:
            raise self.ended[0]


@pytest.fixture
def run() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a coroutine to its end within a bound, leaving no task behind."""

    def run_bounded(coroutine: Coroutine[Any, Any, Any]) -> Any:
        async def bounded() -> Any:
            async with asyncio.timeout(TEST_BOUND_S):
                outcome = await coroutine
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, f"tasks left behind: {left}"
            return outcome

        return asyncio.run(bounded())

    return run_bounded


@pytest.fixture
def connection_of() -> type[FakeConnection]:
    return FakeConnection


@pytest.fixture
def session_of() -> type[FakeSession]:
    return FakeSession
