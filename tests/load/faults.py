"""The faults of a soak, each at its share of the run: made, and made good again."""

import asyncio
import contextlib
import os
import random
import resource
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from collector import Collector
from viewer import Viewer, join

sys.path.append(str(Path(__file__).parents[1] / "reference_pipeline"))

from ollama_simulator import Fault, OllamaSimulator

CHURN_EVERY_S = 0.5
VIEWERS = 12


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happens at a share of the run."""

    at: float
    name: str
    do: Callable[[], Awaitable[None]]


def events_of(provider: OllamaSimulator, collector: Collector, pid: int, jsonl: Path) -> Sequence[Event]:
    """Return the faults of a run in order."""

    def provider_becomes(fault: Fault) -> Callable[[], Awaitable[None]]:
        return lambda: provider.become(fault)

    async def fill_disk() -> None:
        # What a full disk does to this one process: no file of its can grow beyond what the log has now.
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (_size(jsonl), hard))

    async def free_disk() -> None:
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))

    return (
        Event(at=0.15, name="provider refuses connections", do=provider_becomes(Fault.REFUSE)),
        Event(at=0.25, name="provider is back", do=provider_becomes(Fault.NONE)),
        Event(at=0.30, name="collector is gone", do=collector.go),
        Event(at=0.35, name="provider hangs", do=provider_becomes(Fault.HANG)),
        Event(at=0.42, name="provider is back", do=provider_becomes(Fault.NONE)),
        Event(at=0.45, name="disk is full", do=fill_disk),
        Event(at=0.50, name="collector is back", do=collector.come),
        Event(at=0.55, name="disk has room", do=free_disk),
        Event(at=0.60, name="provider dies half-way", do=provider_becomes(Fault.DIE_HALF_WAY)),
        Event(at=0.68, name="provider fails", do=provider_becomes(Fault.STATUS_500)),
        Event(at=0.72, name="provider is back", do=provider_becomes(Fault.NONE)),
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


async def happen(events: Sequence[Event], *, duration_s: float, tell: Callable[[str], None]) -> None:
    """Let the events happen, each at its share of `duration_s` from now."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    for event in events:
        await asyncio.sleep(max(0.0, began_s + event.at * duration_s - loop.time()))
        await event.do()
        tell(f"{event.at * duration_s:6.0f} s  {event.name}")


@dataclass
class Churn:
    """Viewers that come and go all the time.

    Attributes:
        joined: How many came.
        sent_away: With which code and reason the server closed on some.
    """

    joined: int = 0
    sent_away: list[tuple[int, str]] = field(default_factory=list)

    async def run(self, url: str, sessions: Callable[[], Sequence[str]], *, seed: int) -> None:
        """Have viewers come to the sessions that run and leave again, until cancelled."""
        draw = random.Random(seed)  # noqa: S311  # a load, not a secret
        here: list[Viewer] = []
        try:
            while True:
                await asyncio.sleep(draw.uniform(0, 2 * CHURN_EVERY_S))
                self.sent_away += [one.closed for one in here if one.gone.done() and one.closed is not None]
                here = [one for one in here if not one.gone.done()]
                if len(here) >= VIEWERS:
                    draw.choice(here).leave()
                elif names := sessions():
                    with contextlib.suppress(OSError):
                        here.append(await join(url, draw.choice(names)))
                        self.joined += 1
        finally:
            for one in here:
                one.leave()


@contextlib.asynccontextmanager
async def surroundings() -> AsyncIterator[tuple[OllamaSimulator, Collector]]:
    """A provider and a collector on this machine, for as long as the block."""
    collector = Collector()
    async with OllamaSimulator(seed=1) as provider:
        await collector.come()
        try:
            yield provider, collector
        finally:
            await collector.go()
            await provider.become(Fault.NONE)


def environment_of(provider: OllamaSimulator, collector: Collector) -> dict[str, str]:
    """Return what a server must be told to find both."""
    return {
        "OLLAMA_API_KEY": "simulated",
        "OLLAMA_CLOUD_HOST": provider.host,
        "OLLAMA_HOST": "http://127.0.0.1:9",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]),
    }
