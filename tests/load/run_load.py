"""Put a load on the server and hold it to the bars: `nox -s load -- --profile E`.

The load is an open loop: everything is sent when it is due, whatever the server makes of it. With `--times`
above one it is held to the bars of overload alone. Exit codes: 0 all bars met, 1 one breached, 2 wrong use.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import page
from accounting import Heard, account, unspoken
from bars import Bar, ShareBar, all_met, bars_of, recorded, refusals_of, table
from profiles import PROFILES, Profile
from seen import Seen
from served import Served, busy_share, machine_ticks, processor_ticks, serving
from speaker import Speaker
from spoken_script import lines_for
from spoken_sound import Stream, silence, streams_of
from viewer import Viewer, join

from latency_kit.histogram import Histogram, HistogramSnapshot
from reference_pipeline.questions.learned_detector import LearnedQuestionDetector

JOIN_BOUND_S = 60
ARRIVAL_GAP_NS = 25_000_000
"""From one speaker's arrival to the next: forty a second come, however long those before them take."""


@dataclass
class Load:
    """A load while it runs: who speaks, who watches."""

    speakers: list[Speaker]
    viewers: list[Viewer]
    pages: list[page.WatchedPage]


async def put(
    profile: Profile, options: argparse.Namespace, folder: Path
) -> tuple[list[Any], dict[str, Any]]:
    """Run the load; return the rows of the table and what else is to be said."""
    told = lines_for(profile.speakers * options.times, options.turns, seed=options.seed)
    streams = streams_of(told, every_s=profile.every_s, seed=options.seed)
    longest_s = max(stream.duration_s for stream in streams)
    streams += [silence(longest_s, seed=number) for number in range(profile.idle * options.times)]
    named = {f"speaker-{number}": stream for number, stream in enumerate(streams, start=1)}
    decisions = decisions_alone([line.text for lines in told for line in lines])
    async with contextlib.AsyncExitStack() as stack:
        environment = await profile.prepare(stack, named, folder)
        served = await stack.enter_async_context(
            serving(
                profile.arguments,
                folder,
                environment={**profile.environment, **environment},
                program=profile.program,
            )
        )
        running = await stack.enter_async_context(page.browser()) if options.pages else None
        before, ticks = machine_ticks(), processor_ticks(served.process.pid)
        began_s = time.monotonic()
        first_ns = time.perf_counter_ns()
        speakers = [
            Speaker(
                url=served.url,
                sound=stream.samples,
                session=name,
                arrives_ns=first_ns + number * ARRIVAL_GAP_NS,
            )
            for number, (name, stream) in enumerate(named.items())
        ]
        speaking = [asyncio.create_task(speaker.run()) for speaker in speakers]
        load = await _surrounded(
            speakers=speakers,
            speaking=speaking,
            url=served.url,
            talking=profile.speakers * options.times,
            options=options,
            running=running,
        )
        await asyncio.gather(*speaking)
        took_s = time.monotonic() - began_s
        facts = {
            "machine busy": f"{100 * busy_share(before, machine_ticks()):.0f} % of {os.cpu_count()} cores",
            "server's own processor time": _share(processor_ticks(served.process.pid) - ticks, took_s),
        }
        shown = [one for watched in load.pages for one in await watched.seen()]
        for viewer in load.viewers:
            viewer.leave()
        await served.stop()
    rows, facts = _judged(
        profile=profile, load=load, streams=streams, shown=shown, served=served, facts=facts
    )
    name = "question decision, by itself"
    return [*rows, Bar(name=name, values=decisions, limits_ms=profile.limits.get(name, {}))], facts


def decisions_alone(texts: Sequence[str]) -> HistogramSnapshot:
    """Return how long it takes to decide whether each text asks something, before anything else runs."""
    detector, durations = LearnedQuestionDetector(), Histogram()
    for text in texts:
        start_ns = time.perf_counter_ns()
        detector.detect(text)
        durations.record(time.perf_counter_ns() - start_ns)
    return durations.snapshot()


async def _surrounded(
    *,
    speakers: list[Speaker],
    speaking: Sequence["asyncio.Task[None]"],
    url: str,
    talking: int,
    options: argparse.Namespace,
    running: Any,
) -> Load:
    """Wait until all speakers are in or refused, then bring the viewers of those that speak."""
    async with asyncio.timeout(JOIN_BOUND_S):
        for one, task in zip(speakers, speaking, strict=True):
            welcome = asyncio.create_task(one.welcome.wait())
            await asyncio.wait({welcome, task}, return_when=asyncio.FIRST_COMPLETED)
            welcome.cancel()
    heard = [one for one in speakers[:talking] if one.welcome.is_set()]
    pages = [await page.watch(running, url, one.session) for one in heard[: options.pages]]
    viewers = [
        await join(url, heard[number % len(heard)].session, keeps=number < len(heard))
        for number in range(max(len(heard), options.viewers - len(pages)))
    ]
    return Load(speakers=speakers, viewers=viewers, pages=pages)


def _judged(
    *,
    profile: Profile,
    load: Load,
    streams: Sequence[Stream],
    shown: Sequence[Seen],
    served: Served,
    facts: dict[str, Any],
) -> tuple[list[Any], dict[str, Any]]:
    heard = [
        Heard(session=speaker.session, stream=stream, began_ns=speaker.began_ns)
        for speaker, stream in zip(load.speakers, streams, strict=True)
        if speaker.began_ns
    ]
    turns = served.result.get("turns", [])
    by_page = {one.session for one in load.pages}
    by_program = [one for viewer in load.viewers for one in viewer.seen if one.session not in by_page]
    outcomes = account(heard, turns, [*shown, *by_program])
    rows: list[Bar | ShareBar] = bars_of(
        outcomes, shown or by_program, limits=profile.limits, most_cuts=profile.most_cuts
    )
    rows += profile.rows_of(served.result, served.folder)
    refused = [(one.refused[1], one.refused_after_ns) for one in load.speakers if one.refused is not None]
    if refused or profile.is_overload:
        rows += refusals_of(refused, limits=profile.limits)
    lateness, _ = recorded(late for one in load.speakers for late in one.lateness_ns)
    rows.append(Bar(name="(generator: sound sent late by)", values=lateness, limits_ms={}))
    answered = [one for one in outcomes if one.question and one.whole_answer is not None]
    facts |= {
        "utterances": len(outcomes),
        "statuses": dict(Counter(status for one in outcomes for status in one.statuses or ["unheard"])),
        "answered by": dict(Counter(name for one in answered for name in one.providers)),
        "cached answers": sum(one.cached for one in outcomes),
        "turns that rest on nothing said": unspoken(heard, turns),
        "speakers refused": dict(Counter(reason for reason, _ in refused)),
        "speakers' ends": dict(Counter(str(one.ended) for one in load.speakers if one.ended)),
        "viewers": f"{len(load.pages)} pages, {len(load.viewers)} programs, "
        f"{sum(viewer.messages for viewer in load.viewers)} frames",
        "server": f"exit code {served.exit_code}, {served.result.get('facts', {})}",
        "losses": served.result.get("losses", {}),
        "last lines of its log": served.errors[-3:],
    }
    return rows, facts


def _share(ticks: int, took_s: float) -> str:
    return f"{100 * ticks / os.sysconf('SC_CLK_TCK') / took_s:.0f} % of a core"


def main() -> int:
    """Put the load that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", choices=sorted(PROFILES), default="E")
    parser.add_argument("--turns", type=int, help="utterances of each speaker; by default 300 in all")
    parser.add_argument("--times", type=int, default=1, help="as many times the profile's speakers")
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--pages", type=int, help="of the viewers, real pages; by default one a speaker")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write rows and facts to this file")
    parser.add_argument("--keep", type=Path, help="folder for the server's report and data")
    options = parser.parse_args()
    if options.times < 1:
        parser.error(f"--times {options.times}: give a whole number from 1 on")
    profile = PROFILES[options.profile].at_times(options.times)
    options.turns = options.turns or 300 // profile.speakers
    options.pages = profile.speakers if options.pages is None else options.pages
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        load_before = os.getloadavg()[0]
        rows, facts = asyncio.run(put(profile, options, folder))
    facts["load average"] = f"{load_before:.1f} before, {os.getloadavg()[0]:.1f} after"
    lines = [f"profile {options.profile}: {profile.title}", table(rows)]
    lines += [f"  {name}: {fact}" for name, fact in facts.items()]
    sys.stdout.write("\n".join([*lines, ""]))
    if options.json:
        options.json.write_text(json.dumps(_as_json(rows, facts), indent=2) + "\n")
    return 0 if all_met(rows) else 1


def _as_json(rows: Sequence[Bar | ShareBar], facts: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for row in rows:
        if isinstance(row, ShareBar):
            told[row.name] = {"count": row.count, "of": row.of, "verdict": row.verdict}
        elif row.values.count:
            figures = {f"p{at}_ms": round(row.at_ms(at), 3) for at in (50, 95, 99, 100)}
            told[row.name] = {
                "count": row.values.count,
                "never": row.missing,
                **figures,
                "verdict": row.verdict,
            }
    return {"rows": told, "facts": facts}


if __name__ == "__main__":
    sys.exit(main())
