"""The two profiles of the bars: E, what needs no model, and W, a Whisper of base size and a cloud model."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from bars import Bar
from spoken_sound import Stream

from latency_kit.histogram import decode_base64

Prepare = Callable[[contextlib.AsyncExitStack, Mapping[str, Stream], Path], Awaitable[Mapping[str, str]]]
"""Given a stack to close, what each session will say and the server's folder; returns its environment."""


OVERLOAD_MS: Mapping[str, Mapping[int, float]] = {
    "whole answer painted": {95: 4000},
    "refusal of a speaker": {100: 100},
}
"""What holds at several times the load: for those who are let in, and for those who are not."""


async def _nothing(
    stack: contextlib.AsyncExitStack, streams: Mapping[str, Stream], folder: Path
) -> dict[str, str]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A load and its bars.

    Attributes:
        speakers: Who speak.
        idle: Who are connected and say nothing.
        every_s: From one beginning of an utterance to the next, of one speaker.
        limits: By row, then by percentile, in milliseconds.
        most_cuts: The share of utterances that may be ended before their end; None where there is no limit.
        is_overload: Whether more speak than can be let in, so that some must have been refused.
        series: By row, which of the server's series it tells.
        alone: The row that the server measures by itself before it serves, if any.
        program: What serves.
        prepare: Starts what the server needs and returns more of its environment.
    """

    title: str
    speakers: int
    idle: int
    every_s: float
    arguments: Sequence[str]
    limits: Mapping[str, Mapping[int, float]]
    series: Mapping[str, str]
    most_cuts: float | None = 0.03
    is_overload: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    alone: str = ""
    program: str = "server_program.py"
    prepare: Prepare = _nothing

    def at_times(self, times: int) -> Self:
        """Return the profile as it is judged at `times` its load: above one by the bars of overload alone."""
        if times == 1:
            return self
        return replace(self, limits=OVERLOAD_MS, most_cuts=None, is_overload=True)

    def rows_of(self, result: Mapping[str, Any], folder: Path) -> list[Bar]:
        """Return the rows that the server's own histograms tell."""
        rows = []
        for name, series in self.series.items():
            told = result.get("series", {}).get(series)
            if told is not None:
                values = decode_base64(told["histogram"])
                rows.append(Bar(name=name, values=values, limits_ms=self.limits.get(name, {})))
        if self.alone:
            told = json.loads((folder / "inference.json").read_text(encoding="utf-8"))
            values = decode_base64(told["histogram"])
            rows.append(Bar(name=self.alone, values=values, limits_ms=self.limits.get(self.alone, {})))
        return rows


async def _simulated_cloud(
    stack: contextlib.AsyncExitStack, streams: Mapping[str, Stream], folder: Path
) -> dict[str, str]:
    """Start a simulated Ollama Cloud as a process of its own, and write down what will be said."""
    script = {
        name: [[said.start, said.end, said.text] for said in stream.utterances]
        for name, stream in streams.items()
    }
    (folder / "script.json").write_text(json.dumps(script), encoding="utf-8")
    simulator = Path(__file__).parents[1] / "reference_pipeline" / "ollama_simulator.py"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(simulator),
        "--seconds",
        "3600",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None

    async def end() -> None:
        process.terminate()
        await process.wait()

    stack.push_async_callback(end)
    host = (await process.stdout.readline()).decode().strip()
    return {"OLLAMA_API_KEY": "simulated", "OLLAMA_CLOUD_HOST": host, "OLLAMA_HOST": "http://127.0.0.1:9"}


PROFILES: Mapping[str, Profile] = {
    "E": Profile(
        title="pocketsphinx and notes",
        speakers=4,
        idle=0,
        every_s=6.0,
        arguments=("--offline", "--engine", "pocketsphinx", "--sessions", "4"),
        limits={
            "endpoint decision": {50: 220, 95: 350},
            "final transcript": {95: 450},
            "first answer text painted": {95: 600},
            "whole answer painted": {95: 900},
            "question decision, by itself": {99: 3},
            "WebSocket send to paint": {95: 50},
            "refusal of a speaker": {100: 100},
        },
        series={"(question decision under load)": "questions.detect", "(event loop lag)": "event_loop.lag"},
    ),
    "W": Profile(
        title="a Whisper of base size that knows its lines, and a simulated Ollama Cloud",
        speakers=2,
        idle=10,
        every_s=4.5,
        arguments=("--sessions", "12", "--model", "model"),
        limits={
            "endpoint decision": {50: 220, 95: 350},
            "final transcript": {95: 750},
            "first answer text painted": {95: 1500},
            "whole answer painted": {95: 2800},
            "inference of a 5 s utterance": {50: 350, 95: 500},
            "question decision, by itself": {99: 3},
            "WebSocket send to paint": {95: 50},
            "refusal of a speaker": {100: 100},
        },
        series={
            "(question decision under load)": "questions.detect",
            "(inference under load)": "transcription.whisper_inference",
            "(wait for the engine)": "transcription.inference_wait",
            "(event loop lag)": "event_loop.lag",
        },
        alone="inference of a 5 s utterance",
        program="rehearsed_server.py",
        prepare=_simulated_cloud,
    ),
}
