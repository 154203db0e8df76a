"""The two profiles of the bars: E, what needs no model, and W, a Whisper of base size and a cloud model."""

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bars import Bar
from spoken_sound import Stream

from latency_kit.histogram import decode_base64

Prepare = Callable[[contextlib.AsyncExitStack, Sequence[Stream], Path], Awaitable[Mapping[str, str]]]


async def _nothing(
    stack: contextlib.AsyncExitStack, streams: Sequence[Stream], folder: Path
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
        series: By row, which of the server's series it tells.
        prepare: Starts what the server needs and returns more of its environment.
    """

    title: str
    speakers: int
    idle: int
    every_s: float
    arguments: Sequence[str]
    limits: Mapping[str, Mapping[int, float]]
    series: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Prepare = _nothing

    def rows_of(self, result: Mapping[str, Any]) -> list[Bar]:
        """Return the rows that the server's own histograms tell."""
        rows = []
        for name, series in self.series.items():
            told = result.get("series", {}).get(series)
            if told is not None:
                values = decode_base64(told["histogram"])
                rows.append(Bar(name=name, values=values, limits_ms=self.limits.get(name, {})))
        return rows


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
            "question decision": {99: 3},
            "WebSocket send to paint": {95: 50},
        },
        series={"question decision": "questions.detect", "(event loop lag)": "event_loop.lag"},
    ),
}
