"""A simulated Ollama on loopback for load tests and studies: times of a real service, and its faults.

In a test or a program of one's own:

    async with OllamaSimulator(model=PROFILE_W, seed=7) as server:
        await server.become(Fault.HANG)    # from the next request on; Fault.NONE ends it
        ... ask server.host ...
        server.answered, server.requests   # how many were answered in whole, and how many came

As a process of its own, so that its work is not on the event loop that is measured; it prints its address as
the first line and ends with its standard input, or after `--seconds`:

    python tests/reference_pipeline/ollama_simulator.py --first-token-ms 600 --p95-ms 1100 --seconds 120

A line on standard input changes the fault: `hang`, `none` ... The time to first token is log-normal, the
tokens after it come at a steady rate. `options.num_predict` is honoured, and a client that leaves ends the
generation. It says whole sentences about nothing, as many as fit where the prompt says "at most 30 words",
with a `TERMS:` tail unless it says "No terms.".
"""

import argparse
import asyncio
import contextlib
import json
import math
import random
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

__all__ = ["LOCAL", "PROFILE_W", "Fault", "ModelTimes", "OllamaSimulator", "first_token_s"]

MODEL = "simulated:1b"

_SENTENCE = "I look at what changed first , then I measure before I touch anything ."
_TOKENS = len(_SENTENCE.split(" "))
_WORDS = _TOKENS - 2
_MOST_WORDS = re.compile(r"at most (\d+) words")
_TAIL = "\nTERMS:\n- profiler: a program that tells where time goes.\n"
_Z95 = 1.6448536269514722


class Fault(StrEnum):
    """What may be wrong with the server."""

    NONE = "none"
    REFUSE = "refuse"
    HANG = "hang"
    STATUS_500 = "status-500"
    ERROR_LINE = "error-line"
    TRICKLE = "trickle"
    EMPTY = "empty"
    THINKING_ONLY = "thinking-only"
    DIE_HALF_WAY = "die-half-way"
    SLOW_FIRST_TOKEN = "slow-first-token"  # noqa: S105  # a token of a language model


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTimes:
    """How fast a simulated model is.

    Attributes:
        first_token_ms: Median time to first token.
        first_token_p95_ms: Its 95th percentile; the distribution is log-normal.
        tokens_per_s: Rate after the first token.
        answer_tokens: Fewest and most tokens of an answer (uniform); the tail comes on top.
    """

    first_token_ms: float = 600.0
    first_token_p95_ms: float = 1100.0
    tokens_per_s: float = 60.0
    answer_tokens: tuple[int, int] = (40, 75)


PROFILE_W = ModelTimes()
"""The simulated Ollama Cloud of the bars."""

LOCAL = ModelTimes(first_token_ms=250, first_token_p95_ms=400, tokens_per_s=30)
"""A small model on the user's own machine, already loaded."""


def first_token_s(times: ModelTimes, draw: random.Random) -> float:
    """Draw one time to first token, in seconds."""
    sigma = math.log(times.first_token_p95_ms / times.first_token_ms) / _Z95
    return draw.lognormvariate(math.log(times.first_token_ms), sigma) / 1000


@dataclass
class OllamaSimulator:
    """Serves until its `async with` block ends; all connections are closed by then.

    Attributes:
        model: How fast it is.
        name: The model's name that /api/tags lists.
        seed: Makes the drawn times repeatable.
        fault: What is wrong from the next request on; may be changed at any time.
        requests: Chat requests by the fault under which they came.
        answered: Answers that were sent to their end.
        generated: Tokens sent in all.
        bodies: The last `keep_bodies` request bodies, as bytes.
    """

    model: ModelTimes = PROFILE_W
    name: str = MODEL
    seed: int = 0
    fault: Fault = Fault.NONE
    port: int = 0
    keep_bodies: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    generated: int = 0
    bodies: list[bytes] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _connections: "set[asyncio.Task[None]]" = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._draw = random.Random(self.seed)  # noqa: S311  # a simulation
        await self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    @property
    def host(self) -> str:
        """Its address, as OLLAMA_HOST takes it."""
        return f"http://127.0.0.1:{self.port}"

    async def become(self, fault: Fault) -> None:
        """Change the fault; `Fault.REFUSE` closes the port and all connections, leaving it opens it again."""
        was, self.fault = self.fault, fault
        if fault is Fault.REFUSE and was is not fault:
            await self._close()
        elif was is Fault.REFUSE and fault is not was:
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while (request := await _read_request(reader)) is not None:
                if not await self._respond(*request, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _respond(
        self, path: str, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        if path != "/api/chat":
            listed = {"models": [{"model": self.name, "name": self.name}]}
            _send_whole(writer, 200, json.dumps(listed).encode())
            await writer.drain()
            return True
        fault = self.fault
        self.requests[fault.value] += 1
        if self.keep_bodies:
            self.bodies[:] = [*self.bodies, body][-self.keep_bodies :]
        if fault is Fault.STATUS_500:
            _send_whole(writer, 500, b'{"error": "out of memory"}')
            await writer.drain()
            return True
        left = asyncio.create_task(reader.read(1))
        answer = asyncio.create_task(self._chat(json.loads(body), fault, writer))
        try:
            await asyncio.wait({left, answer}, return_when=asyncio.FIRST_COMPLETED)
            return answer.result() if answer.done() else False
        finally:
            for one in (left, answer):
                one.cancel()
            await asyncio.gather(left, answer, return_exceptions=True)

    async def _chat(self, asked: dict[str, Any], fault: Fault, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether the connection goes on."""
        cap = int(asked.get("options", {}).get("num_predict", 128))
        clock = asyncio.get_running_loop().time
        begun = clock()
        wait_s = first_token_s(self.model, self._draw)
        lines, reason = self._tokens(asked, cap)
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        if fault is Fault.HANG:
            await asyncio.Event().wait()
        if fault is Fault.SLOW_FIRST_TOKEN:
            wait_s += 6.0
        await asyncio.sleep(wait_s)
        if fault is Fault.ERROR_LINE:
            _send_line(writer, {"error": "the model crashed"})
            return await _end(writer)
        if fault is Fault.EMPTY:
            lines = []
        every_s = 1.0 if fault is Fault.TRICKLE else 1 / self.model.tokens_per_s
        for number, text in enumerate(lines):
            await asyncio.sleep(max(0.0, begun + wait_s + number * every_s - clock()))
            if fault is Fault.DIE_HALF_WAY and number >= min(len(lines) // 2, 20):
                return False
            thinking = fault is Fault.THINKING_ONLY
            _send_line(writer, _piece("" if thinking else text, thinking=text if thinking else None))
            self.generated += 1
            await writer.drain()
        counts = {"prompt_eval_count": len(str(asked.get("messages", ""))) // 4, "eval_count": len(lines)}
        _send_line(writer, _piece("") | {"done": True, "done_reason": reason} | counts)
        self.answered += 1
        return await _end(writer)

    def _tokens(self, asked: dict[str, Any], cap: int) -> tuple[Sequence[str], str]:
        words: list[str] = []
        wanted = self._draw.randint(*self.model.answer_tokens)
        prompt = json.dumps(asked.get("messages", ""))
        asked_for = _MOST_WORDS.search(prompt)
        sentences = max(1, int(asked_for[1]) // _WORDS) if asked_for else self.model.answer_tokens[1]
        while len(words) < min(wanted, sentences * _TOKENS):
            words += _SENTENCE.split(" ")
        said = [word if word in {",", "."} or not at else f" {word}" for at, word in enumerate(words)]
        if "TERMS:" in prompt and "No terms." not in prompt:
            said += [f"{word} " if not word.endswith("\n") else word for word in _TAIL.split(" ")]
        return said[:cap], "length" if len(said) > cap else "stop"


def _piece(content: str, *, thinking: str | None = None) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if thinking is not None:
        message["thinking"] = thinking
    return {"model": MODEL, "created_at": "2026-01-01T00:00:00Z", "message": message, "done": False}


def _send_line(writer: asyncio.StreamWriter, line: dict[str, Any]) -> None:
    data = json.dumps(line).encode() + b"\n"
    writer.write(b"%x\r\n%b\r\n" % (len(data), data))


async def _end(writer: asyncio.StreamWriter) -> bool:
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


def _send_whole(writer: asyncio.StreamWriter, status: int, body: bytes) -> None:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)


async def _read_request(reader: asyncio.StreamReader) -> tuple[str, bytes] | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode().strip().split("\r\n")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return first.split(" ")[1], body


async def _serve(options: argparse.Namespace) -> None:
    times = ModelTimes(
        first_token_ms=options.first_token_ms, first_token_p95_ms=options.p95_ms, tokens_per_s=options.rate
    )
    async with OllamaSimulator(
        model=times, seed=options.seed, port=options.port, fault=Fault(options.fault), name=options.name
    ) as server:
        sys.stdout.write(f"{server.host}\n")
        sys.stdout.flush()
        told = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(told), sys.stdin
        )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(options.seconds):
                while line := await told.readline():
                    await server.become(Fault(line.decode().strip()))


def main() -> None:
    """Serve as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--first-token-ms", type=float, default=PROFILE_W.first_token_ms)
    parser.add_argument("--p95-ms", type=float, default=PROFILE_W.first_token_p95_ms)
    parser.add_argument("--rate", type=float, default=PROFILE_W.tokens_per_s, help="tokens a second")
    parser.add_argument("--fault", choices=[fault.value for fault in Fault], default=Fault.NONE.value)
    parser.add_argument("--name", default=MODEL, help="the model that it claims to have")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=300.0, help="when it ends by itself")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
