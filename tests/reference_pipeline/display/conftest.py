"""Shared by the display's tests: messages to show, and a page simulated over a real WebSocket."""

import asyncio
import base64
import io
import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from reference_pipeline.display.browser_display import BrowserDisplay
from reference_pipeline.display.channel import Channel
from reference_pipeline.display.server import DisplayServer
from reference_pipeline.display.sessions import Sessions
from reference_pipeline.display.terminal_display import TerminalDisplay
from reference_pipeline.display.wire import SUBPROTOCOL
from reference_pipeline.events import DisplayMessage, MessageKind

TEST_BOUND_S = 120
"""Tests wait for events; this ends one whose event never comes, on the busiest machine not before."""


@pytest.fixture
def run() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a coroutine to its end in a loop of its own, within a bound, leaving no task behind."""

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
def message() -> Callable[..., DisplayMessage]:
    """Make a message; what is not given does not matter to the test."""

    def make(
        kind: MessageKind = MessageKind.ANSWER,
        text: str = "a mutex excludes",
        *,
        turn: int = 1,
        traceparent: str = "",
        last: bool = False,
        **data: object,
    ) -> DisplayMessage:
        return DisplayMessage(kind=kind, turn=turn, text=text, data=data, traceparent=traceparent, last=last)

    return make


class Page:
    """A page simulated over a real WebSocket: it answers pings and reports paints on a clock of its own.

    `offset_ms` is its clock minus ours. It paints 2 ms after it has received, on paper: nothing waits.
    """

    def __init__(self, socket: ClientConnection, *, offset_ms: float, paints: bool, hidden: bool) -> None:
        self.socket = socket
        self.offset_ms = offset_ms
        self.paints = paints
        self.hidden = hidden
        self.hello: dict[str, Any] = {}
        self.messages: list[dict[str, Any]] = []
        self.figures: dict[str, Any] = {}
        self.sessions: list[str] = []
        self.closed: tuple[int, str] | None = None
        self._news = asyncio.Condition()

    @property
    def texts(self) -> list[str]:
        return [shown["text"] for shown in self.messages]

    @property
    def last_seq(self) -> int:
        return max((shown["seq"] for shown in self.messages), default=0)

    async def until(self, satisfied: Callable[["Page"], bool]) -> None:
        async with self._news:
            await self._news.wait_for(lambda: satisfied(self))

    async def say(self, content: object) -> None:
        await self.socket.send(content if isinstance(content, str) else json.dumps(content))

    def now_ms(self) -> float:
        return time.perf_counter_ns() / 1e6 + self.offset_ms

    async def attend(self) -> None:
        try:
            while True:
                await self._take(json.loads(await self.socket.recv()))
                async with self._news:
                    self._news.notify_all()
        except ConnectionClosed as closing:
            frame = closing.rcvd
            self.closed = (frame.code, frame.reason) if frame else (1006, "")
            async with self._news:
                self._news.notify_all()

    async def _take(self, frame: dict[str, Any]) -> None:
        received_ms = self.now_ms()
        if frame["type"] == "ping":
            pong = {"type": "pong", "number": frame["number"]}
            await self.say({**pong, "received_ms": received_ms, "replied_ms": self.now_ms()})
        elif frame["type"] == "hello":
            self.hello = frame
            await self.say({"type": "visibility", "hidden": self.hidden})
        elif frame["type"] == "figures":
            self.figures = frame["figures"]
        elif frame["type"] == "sessions":
            self.sessions = frame["sessions"]
        else:
            self.messages += frame["messages"]
            if self.paints and frame["awaited"]:
                painted = [{"seq": seq, "received_ms": received_ms} for seq in frame["awaited"]]
                now_ms = self.now_ms()
                await self.say(
                    {
                        "type": "painted",
                        "messages": painted,
                        "dom_updated_ms": now_ms,
                        "painted_ms": now_ms,
                        "replied_ms": now_ms,
                        "hidden": self.hidden,
                    }
                )


@asynccontextmanager
async def open_page(
    server: DisplayServer,
    session: str = "main",
    *,
    after: int = 0,
    channel: str = "",
    offset_ms: float = 5_000.0,
    paints: bool = True,
    hidden: bool = False,
    token: str = "",
) -> AsyncIterator[Page]:
    """Open a simulated page; it has said hello when the block begins."""
    query = f"session={session}&after={after}&channel={channel}"
    offered = [Subprotocol(SUBPROTOCOL)]
    if token:
        encoded = base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
        offered.append(Subprotocol(f"token.{encoded}"))
    address = f"ws://127.0.0.1:{server.port}/viewer?{query}"
    async with connect(
        address, ping_interval=None, max_size=2**25, max_queue=None, subprotocols=offered
    ) as socket:
        page = Page(socket, offset_ms=offset_ms, paints=paints, hidden=hidden)
        attending = asyncio.create_task(page.attend())
        try:
            await page.until(lambda it: bool(it.hello) or it.closed is not None)
            yield page
        finally:
            await socket.close()
            await attending


class Stage:
    """A running server with one session's display, and what the terminal printed."""

    def __init__(self, server: DisplayServer, sessions: Sessions, channel: Channel) -> None:
        self.server = server
        self.sessions = sessions
        self.channel = channel
        self.printed = io.StringIO()
        self.display = BrowserDisplay(
            channel, TerminalDisplay(self.printed, width=200), paint_bound_s=TEST_BOUND_S
        )


@asynccontextmanager
async def open_stage(**options: Any) -> AsyncIterator[Stage]:
    """Open a server on any free port, with the session "main"."""
    sessions = Sessions()
    channel = sessions.open()
    async with DisplayServer(sessions, port=0, **options) as server:
        yield Stage(server, sessions, channel)


@pytest.fixture
def theatre() -> SimpleNamespace:
    """Everything to play with: `open_stage` and `open_page`."""
    return SimpleNamespace(open_stage=open_stage, open_page=open_page)


def find_chromium() -> str | None:
    """Find the browser of the system."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next(filter(None, map(shutil.which, names)), None)


CHROMIUM_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
]


@pytest.fixture(scope="session")
def browser_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start one browser for all tests, which takes longer than most of them."""
    pytest.importorskip("playwright.async_api", reason="playwright comes with the extra 'dev'")
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium is installed on this machine")
    home = tmp_path_factory.mktemp("chromium")
    command = [program, *CHROMIUM_ARGUMENTS, f"--user-data-dir={home}", "about:blank"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as browser:
        assert browser.stderr is not None  # piped
        found = None
        for line in browser.stderr:
            found = re.search(r"DevTools listening on (ws://\S+)", line)
            if found:
                break
        # What it says later must not fill the pipe.
        threading.Thread(target=browser.stderr.read, daemon=True).start()
        assert found is not None, "the browser ended before it could be driven"
        try:
            yield found[1]
        finally:
            browser.terminate()


@asynccontextmanager
async def open_browser(address: str, **options: Any) -> AsyncIterator[Any]:
    """Open one empty context; errors on its pages fail the test at the end."""
    from playwright.async_api import async_playwright  # noqa: PLC0415  # most tests need none

    troubles: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(address)
        context = await browser.new_context(**options)
        context.set_default_timeout(1_000 * TEST_BOUND_S)
        context.on("weberror", lambda error: troubles.append(str(error.error)))
        try:
            yield context
        finally:
            await context.close()
    assert not troubles


async def open_live(context: Any, address: str) -> Any:
    """Open the page and wait until it is live."""
    page = await context.new_page()
    await page.goto(address)
    await page.wait_for_selector('#state[data-state="live"]')
    return page


async def told(page: Any, selector: str) -> str:
    """Return the visible text of an element, with single spaces."""
    return " ".join((await page.inner_text(selector)).split())


@pytest.fixture
def chromium(browser_address: str) -> SimpleNamespace:
    """The real browser: `open_browser`, `open_live`, `told`; without one the test is skipped."""

    def open_here(**options: Any) -> Any:
        return open_browser(browser_address, **options)

    return SimpleNamespace(open_browser=open_here, open_live=open_live, told=told)
