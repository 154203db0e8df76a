"""The display's benchmark: from the send to the paint in a real browser, and what many viewers cost.

    python tests/performance/showing.py            # all parts, about a minute (`nox -s showing`)
    python tests/performance/showing.py paint      # the browser alone
    python tests/performance/showing.py fan-out    # fifty viewers alone
    python tests/performance/showing.py long       # a long session alone
    python tests/performance/showing.py --grace=4  # with all limits times four, for a busy machine

It ends with exit code 1 where a bar is missed. The messages are those of a talk: interim text ten times a
second, questions, and answers that stream sixty tokens a second. Every message counts, superseded ones too.
"""

import argparse
import asyncio
import io
import shutil
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count, pairwise
from typing import Any

from long_session import growth
from overhead import Bar
from viewer_crowd import crowd

from latency_kit.histogram import Histogram, HistogramSnapshot
from reference_pipeline.display.browser_display import BrowserDisplay
from reference_pipeline.display.channel import Channel
from reference_pipeline.display.server import DisplayServer
from reference_pipeline.display.sessions import Sessions
from reference_pipeline.display.terminal_display import TerminalDisplay
from reference_pipeline.events import DisplayMessage, DisplayReceipt, MessageKind

TURNS = 6
TOKENS = 60
TOKEN_GAP_S = 1 / 60
INTERIM_GAP_S = 0.1
VIEWERS = 50
QUESTION = "what would you do if a lock were held for too long by a thread that nobody knows"
FAN_OUT_MESSAGES = 300
PARTS = ("send to socket", "socket to page", "page to document", "document to paint", "send to paint")
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


def talk(turns: int) -> Iterator[tuple[float, DisplayMessage]]:
    """Yield the messages of a talk, each with the seconds to wait before it."""
    words = QUESTION.split()
    numbers = count(1)
    for turn in range(1, turns + 1):
        for told in range(4, len(words) + 1, 2):
            yield INTERIM_GAP_S, _message(MessageKind.INTERIM, turn, " ".join(words[:told]))
        yield INTERIM_GAP_S, _message(MessageKind.TRANSCRIPT, turn, " ".join(words), question=True)
        yield 0.0, _message(MessageKind.QUESTION, turn, " ".join(words))
        for token in range(TOKENS):
            last = token == TOKENS - 1
            yield TOKEN_GAP_S, _message(MessageKind.ANSWER, turn, f"word {next(numbers)} ", last=last)


def _message(
    kind: MessageKind, turn: int, text: str, *, last: bool = False, question: bool = False
) -> DisplayMessage:
    data: dict[str, object] = {"provider": "ollama-local", "source": "llama3.2:3b", "question": question}
    return DisplayMessage(kind=kind, turn=turn, text=text, data=data, traceparent="", last=last)


@asynccontextmanager
async def stage() -> AsyncIterator[tuple[DisplayServer, Channel, BrowserDisplay]]:
    """Serve one session whose terminal prints into memory."""
    sessions = Sessions()
    channel = sessions.open()
    async with DisplayServer(sessions, port=0) as server:
        terminal = TerminalDisplay(io.StringIO(), width=80)
        # Long enough that a slow paint counts with all its time instead of as none.
        yield server, channel, BrowserDisplay(channel, terminal, paint_bound_s=30)


@asynccontextmanager
async def live_page(server: DisplayServer) -> AsyncIterator[Any]:
    """A page in headless Chromium that has connected."""
    from playwright.async_api import async_playwright  # noqa: PLC0415  # a part needs none

    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        page = await browser.new_page()
        await page.goto(server.url())
        await page.wait_for_selector('#state[data-state="live"]')
        await asyncio.sleep(1)  # the page's own start is not what is measured
        yield page
        await browser.close()


async def long_session() -> Bar:
    """Hold the growth of the page's work over a long session to its bar."""
    async with stage() as (server, _, display), live_page(server) as page:
        return await growth(page, display)


async def paint(turns: int) -> list[Bar]:
    """Show a talk to headless Chromium and hold the time from each send to its paint to the bar."""
    async with stage() as (server, channel, display), live_page(server):
        shows = []
        for gap_s, message in talk(turns):
            await asyncio.sleep(gap_s)
            shows.append(asyncio.create_task(display.show(message)))
        receipts = await asyncio.gather(*shows)
    painted = [receipt for receipt in receipts if receipt.display == "browser"]
    for name, durations in _parts(painted).items():
        print(f"{_percentiles(durations)}  {name}")  # noqa: T201  # a script
    print(f"{len(painted)} of {len(receipts)} messages painted, clamped {channel.counts.clamped}")  # noqa: T201
    return [
        Bar(
            name="send to paint, p95",
            measured=_parts(painted)["send to paint"].value_at_percentile(95) / 1e6,
            limit=50,
            unit="ms",
        ),
        Bar(name="messages not painted", measured=len(receipts) - len(painted), limit=0, unit=""),
    ]


def _parts(receipts: list[DisplayReceipt]) -> dict[str, HistogramSnapshot]:
    parts = {name: Histogram() for name in PARTS}
    for each in receipts:
        times = (each.sent_ns, each.broadcast_ns, each.received_ns, each.dom_updated_ns, each.painted_ns)
        spans = [after - before for before, after in pairwise(times)]
        for name, spent_ns in zip(PARTS, [*spans, times[-1] - times[0]], strict=True):
            parts[name].record(spent_ns)
    return {name: histogram.snapshot() for name, histogram in parts.items()}


def _percentiles(durations: HistogramSnapshot) -> str:
    figures = [durations.value_at_percentile(at) / 1e6 for at in (50, 95, 99)]
    return "p50 {:7.2f}  p95 {:7.2f}  p99 {:7.2f} ms".format(*figures)


async def fan_out(messages: int) -> list[Bar]:
    """Send to fifty viewers, of whom one never reads, and hold the cost on our event loop to its bar."""
    async with stage() as (server, channel, display):
        address = f"ws://127.0.0.1:{server.port}/viewer"
        async with crowd(address, reading=VIEWERS - 1, stalled=1):
            while channel.viewers < VIEWERS:  # noqa: ASYNC110  # they come from another process
                await asyncio.sleep(0.01)
            await asyncio.sleep(1)
            wall = Histogram()
            began_s = time.process_time()
            for number in range(messages):
                receipt = await display.show(_message(MessageKind.ANSWER, 1, f"word {number} " * 20))
                wall.record(receipt.painted_ns - receipt.sent_ns)
                await asyncio.sleep(TOKEN_GAP_S)
            spent_ms = 1000 * (time.process_time() - began_s) / messages
    print(f"{_percentiles(wall.snapshot())}  send to the first of {VIEWERS} viewers' receipts")  # noqa: T201
    print(f"CPU time of the server a message and viewer: {1000 * spent_ms / VIEWERS:.0f} us")  # noqa: T201
    return [Bar(name=f"CPU time a message to {VIEWERS} viewers", measured=spent_ms, limit=7.5, unit="ms")]


def main() -> int:
    """Measure, print the figures, and tell by the exit code whether every bar is met."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument(
        "part", nargs="?", choices=("paint", "fan-out", "long"), help="one part instead of all"
    )
    options.add_argument("--turns", type=int, default=TURNS, help="questions of the talk")
    options.add_argument("--messages", type=int, default=FAN_OUT_MESSAGES, help="to fifty viewers")
    options.add_argument("--grace", type=float, default=1.0, help="multiply every limit by this")
    chosen = options.parse_args()
    bars: list[Bar] = []
    if chosen.part in (None, "paint"):
        bars += asyncio.run(paint(chosen.turns))
    if chosen.part in (None, "fan-out"):
        bars += asyncio.run(fan_out(chosen.messages))
    if chosen.part in (None, "long"):
        bars.append(asyncio.run(long_session()))
    for bar in [replace(bar, limit=bar.limit * chosen.grace) for bar in bars]:
        print(bar)  # noqa: T201  # a script
    return 0 if all(bar.measured <= bar.limit * chosen.grace for bar in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
