"""A long run with faults: memory stays flat, no turn is lost silently, and the end is clean.

`nox -s soak` takes thirty minutes; with `-- --minutes 0.6` it is what CI does. Exit codes: 0 all checks
passed, 1 one failed, 2 wrong use.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from accounting import Heard, UtteranceOutcome, account
from faults import Churn, environment_of, events_of, happen, surroundings
from memory import resident_bytes, slope_of
from served import Served, serving
from speaker import Speaker
from spoken_script import lines_for
from spoken_sound import LEAD_IN_S, RATE, Stream, silence, streams_of
from viewer import Viewer, join

EVERY_S = 5.0
SPEAKERS = 2
LOSS_AT = 0.5
REFUSED_AT = 0.8
WARM_UP = 0.3
"""Share of the run before memory is judged: models, caches and histories fill in it."""

MOST_GROWTH = 20e6 / 3600
"""Bytes a second that memory may be shown to grow: 20 MB an hour. Histories of turns that are bounded, but
not full after half an hour, take a few of them."""

SHORTEST_SLOPE_S = 120.0
MOST_GROWN = 400e6
"""What three sessions may take that begin in the course of a short run, each with an engine's models."""

MEMORY_EVERY_S = 1.0
QUIET_S = 3.0
SHORTEST_MINUTES = 0.5
MOST_TRIES = 60

TRY_LATER = 1013
NEEDS_A_REASON = frozenset({"dropped", "cancelled", "timed-out", "failed", "no-speech", "duplicate"})


@dataclass
class Soak:
    """What a soak saw."""

    outcomes: list[UtteranceOutcome] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)
    refused: tuple[int, str] | None = None
    came_back: bool = False
    tries: int = 0
    churn: Churn = field(default_factory=Churn)
    left: dict[str, list[str]] = field(default_factory=dict)
    answered_after: int = 0
    exported: int = 0
    ports: str = ""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that must hold."""

    name: str
    holds: bool
    seen: object


async def run(minutes: float, folder: Path, *, seed: int) -> tuple[list[Check], dict[str, Any]]:
    """Soak for `minutes`; return the checks and what else is to be said."""
    duration_s = minutes * 60
    turns = max(3, int((duration_s - LEAD_IN_S) / EVERY_S))
    streams = streams_of(lines_for(SPEAKERS, turns, seed=seed), every_s=EVERY_S, seed=seed)
    soak = Soak()
    jsonl = folder / "performance.jsonl"
    async with surroundings() as (provider, collector):
        arguments = ("--engine", "pocketsphinx", "--sessions", str(SPEAKERS + 1), "--jsonl", str(jsonl))
        environment = environment_of(provider, collector)
        async with serving(arguments, folder, environment=environment) as served:
            events = events_of(provider, collector, served.process.pid, jsonl)
            heard, seen = await _hear(soak, served, streams, events, duration_s)
        soak.exported = collector.taken
        soak.ports = f"provider {provider.port:04X}, collector {collector.port:04X}"
    with contextlib.suppress(OSError):
        soak.left = json.loads((folder / "left.json").read_text())
    soak.outcomes = account(
        heard, served.result.get("turns", []), [one for viewer in seen for one in viewer.seen]
    )
    last = [one for one in soak.outcomes[-turns:] if one.question][-max(1, turns // 5) :]
    soak.answered_after = sum("ollama-cloud" in one.providers for one in last)
    return _checks(soak, served), _facts(soak, served)


async def _hear(
    soak: Soak, served: Served, streams: Sequence[Stream], events: Sequence[Any], duration_s: float
) -> tuple[list[Heard], list[Viewer]]:
    """Have the speakers speak while the faults happen; return who was heard and what was seen."""
    steady, losing = streams
    before, after = _parted(losing, LOSS_AT)
    visits = [(Speaker(url=served.url, sound=steady.samples), steady)]
    visits.append((Speaker(url=served.url, sound=before.samples, bye=False), before))
    speaking = [asyncio.create_task(speaker.run()) for speaker, _ in visits]
    watched: list[Viewer] = []
    for speaker, _ in visits:
        await asyncio.wait_for(speaker.welcome.wait(), 60)
        watched.append(await join(served.url, speaker.session, keeps=True))

    def sessions() -> list[str]:
        return [one.session for one, _ in visits if one.welcome.is_set() and one.ended is None]

    beside = [
        asyncio.create_task(happen(events, duration_s=duration_s, tell=_tell)),
        asyncio.create_task(soak.churn.run(served.url, sessions, seed=1)),
        asyncio.create_task(_watch_memory(soak, served.process.pid)),
        asyncio.create_task(_be_refused(soak, served.url, REFUSED_AT * duration_s)),
    ]
    await speaking[1]
    _tell("        speaker 2 is lost in the middle of a word, and comes back")
    again, returning = await _come_back(soak, served.url, after)
    if soak.came_back:
        visits.append((again, after))
        watched.append(await join(served.url, again.session, keeps=True))
    await asyncio.gather(speaking[0], returning)
    await asyncio.wait_for(beside[0], duration_s)
    for task in beside[1:]:
        task.cancel()
    await asyncio.gather(*beside, return_exceptions=True)
    heard = [
        Heard(session=speaker.session, stream=stream, began_ns=speaker.began_ns) for speaker, stream in visits
    ]
    return heard, watched


def _parted(stream: Stream, share: float) -> tuple[Stream, Stream]:
    """Part a stream in the middle of the utterance at `share` of them; it is said in neither part."""
    at = int(len(stream.utterances) * share)
    broken = stream.utterances[at]
    cut = (broken.start + broken.end) // 2
    resume = broken.end + RATE // 2
    rest = [
        replace(one, start=one.start - resume, end=one.end - resume) for one in stream.utterances[at + 1 :]
    ]
    return (
        Stream(samples=stream.samples[:cut], utterances=stream.utterances[:at]),
        Stream(samples=stream.samples[resume:], utterances=rest),
    )


async def _come_back(soak: Soak, url: str, stream: Stream) -> tuple[Speaker, "asyncio.Task[None]"]:
    """Try to be let in until it works; a place may still be held by the last answer, or the load press."""
    while True:
        soak.tries += 1
        speaker = Speaker(url=url, sound=stream.samples)
        speaking = asyncio.create_task(speaker.run())
        await _until_in(speaker, speaking)
        soak.came_back = speaker.welcome.is_set()
        if soak.came_back or soak.tries >= MOST_TRIES:
            return speaker, speaking
        await asyncio.sleep(1.0)


async def _until_in(speaker: Speaker, speaking: "asyncio.Task[None]") -> None:
    """Wait until the speaker is welcome, or has been refused."""
    welcome = asyncio.create_task(speaker.welcome.wait())
    await asyncio.wait({welcome, speaking}, return_when=asyncio.FIRST_COMPLETED)
    welcome.cancel()


async def _be_refused(soak: Soak, url: str, after_s: float) -> None:
    """Take the last place with somebody who says nothing, and have one more refused."""
    await asyncio.sleep(after_s)
    quiet = Speaker(url=url, sound=silence(QUIET_S, seed=1).samples)
    visiting = asyncio.create_task(quiet.run())
    await _until_in(quiet, visiting)
    extra = Speaker(url=url, sound=silence(QUIET_S, seed=2).samples)
    await extra.run()
    soak.refused = extra.refused
    await visiting


async def _watch_memory(soak: Soak, pid: int) -> None:
    began_s = time.monotonic()
    while True:
        soak.memory.append((time.monotonic() - began_s, float(await asyncio.to_thread(resident_bytes, pid))))
        await asyncio.sleep(MEMORY_EVERY_S)


def _is_flat(memory: Sequence[tuple[float, float]]) -> tuple[bool, str]:
    """Judge the memory after the warm-up: its slope, or in a run too short for one, what it has grown by."""
    judged = memory[int(len(memory) * WARM_UP) :]
    slope = slope_of(judged)
    if judged[-1][0] - judged[0][0] >= SHORTEST_SLOPE_S:
        return slope.low <= MOST_GROWTH, slope.describe()
    grown = max(size for _, size in judged) - judged[0][1]
    return grown <= MOST_GROWN, f"{grown / 1e6:+.0f} MB, too short for a slope"


def _checks(soak: Soak, served: Served) -> list[Check]:
    flat, growth = _is_flat(soak.memory)
    unheard = [f"{one.session}: {one.text}" for one in soak.outcomes if one.pieces == 0]
    turns = served.result.get("turns", [])
    unexplained = [
        turn["text"] for turn in turns if turn["status"] in NEEDS_A_REASON and not turn.get("detail")
    ]
    unanswered = [turn["text"] for turn in turns if turn["status"] == "answered" and not turn["answer"]]
    failed = [line for line in served.errors if "Traceback" in line]
    losses = served.result.get("losses", {})
    refused_later = soak.refused is not None and soak.refused[0] == TRY_LATER
    return [
        Check(name="every utterance became a turn", holds=bool(soak.outcomes) and not unheard, seen=unheard),
        Check(name="a turn that did not end well says why", holds=not unexplained, seen=unexplained),
        Check(name="an answered turn has an answer", holds=not unanswered, seen=unanswered),
        Check(name="the lost speaker was let in again", holds=soak.came_back, seen=f"{soak.tries} tries"),
        Check(
            name="the model answers again at the end", holds=soak.answered_after > 0, seen=soak.answered_after
        ),
        Check(name="a speaker too many was refused", holds=refused_later, seen=soak.refused),
        Check(name="the full disk and the lost collector were counted", holds=bool(losses), seen=losses),
        Check(name="memory stays flat", holds=flat, seen=growth),
        Check(name="nothing raised out of its place", holds=not failed, seen=failed),
        Check(name="the server ended by itself", holds=served.exit_code in {0, 1}, seen=served.exit_code),
        Check(
            name="no thread, child or socket is left",
            holds=bool(soak.left) and not any(soak.left.values()),
            seen=soak.left,
        ),
    ]


def _facts(soak: Soak, served: Served) -> dict[str, Any]:
    asked = [one for one in soak.outcomes if one.question]
    return {
        "utterances": len(soak.outcomes),
        "statuses": dict(Counter(status for one in soak.outcomes for status in one.statuses)),
        "answered by": dict(Counter(name for one in asked for name in one.providers)),
        "questions without a whole answer": sum(one.whole_answer is None for one in asked),
        "viewers that came": soak.churn.joined,
        "viewers sent away": dict(Counter(map(str, soak.churn.sent_away))),
        "memory": " ".join(f"{size / 1e6:.0f}" for _, size in soak.memory[:: max(1, len(soak.memory) // 12)])
        + " MB",
        "exports taken": soak.exported,
        "ports": soak.ports,
        "server": served.result.get("facts", {}),
        "last lines of its log": served.errors[-5:],
    }


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Soak as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for the server's report, data and log")
    options = parser.parse_args()
    if options.minutes < SHORTEST_MINUTES:
        parser.error(
            f"--minutes {options.minutes:g} is too short for the faults; give {SHORTEST_MINUTES} or more"
        )
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.keep or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        checks, facts = asyncio.run(run(options.minutes, folder, seed=options.seed))
    for check in checks:
        _tell(f"{'ok    ' if check.holds else 'FAILED'} {check.name}: {check.seen}")
    for name, fact in facts.items():
        _tell(f"  {name}: {fact}")
    return 0 if all(check.holds for check in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
