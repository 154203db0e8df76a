"""Viewers that are pages: a headless Chromium shows the session, and what it painted when is read from it.

The page reports its paints to the server; the same reports are kept in the page and read at the end, so that
measuring adds nothing to what is measured. Its clock is set against ours by the exchange of the shortest
round trip.
"""

import contextlib
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, Page, async_playwright
from seen import Seen
from viewer import seen_of

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

KEEP = """
window.__kept = {messages: [], paints: []};
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (text) {
  if (text.startsWith('{"type":"painted"')) window.__kept.paints.push(text);
  return send.call(this, text);
};
const Plain = WebSocket;
window.WebSocket = class extends Plain {
  constructor(...given) {
    super(...given);
    this.addEventListener("message", (event) => {
      if (event.data.startsWith('{"type":"messages"')) window.__kept.messages.push(event.data);
    });
  }
};
"""

EXCHANGES = 40


@dataclass
class WatchedPage:
    """A page that watches one session."""

    session: str
    page: Page

    async def seen(self) -> list[Seen]:
        """Return what it painted so far, on our clock; to be asked when nothing is measured any more."""
        offset_ns = await self._offset_ns()
        kept: dict[str, list[Any]] = await self.page.evaluate(
            "({messages: __kept.messages.map(JSON.parse), paints: __kept.paints.map(JSON.parse)})"
        )
        messages = {one["seq"]: one for frame in kept["messages"] for one in frame["messages"]}
        seen = []
        for report in kept["paints"]:
            if report["hidden"]:
                continue
            for painted in report["messages"]:
                if (message := messages.get(painted["seq"])) is not None:
                    received_ns = round(painted["received_ms"] * 1e6) + offset_ns
                    painted_ns = round(report["painted_ms"] * 1e6) + offset_ns
                    seen.append(
                        seen_of(self.session, message, received_ns=received_ns, painted_ns=painted_ns)
                    )
        return seen

    async def _offset_ns(self) -> int:
        """Return our clock minus the page's."""
        best: tuple[int, int] | None = None
        for _ in range(EXCHANGES):
            asked_ns = time.perf_counter_ns()
            page_ms: float = await self.page.evaluate("performance.now()")
            answered_ns = time.perf_counter_ns()
            offset_ns = (asked_ns + answered_ns) // 2 - round(page_ms * 1e6)
            best = min(best or (answered_ns - asked_ns, offset_ns), (answered_ns - asked_ns, offset_ns))
        assert best is not None
        return best[1]


@contextlib.asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """A running Chromium.

    Raises:
        SystemExit: None is installed.
    """
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise SystemExit("no Chromium is installed; install it with: apt-get install chromium")
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        try:
            yield running
        finally:
            await running.close()


async def watch(running: Browser, url: str, session: str) -> WatchedPage:
    """Open a page on a session of the server at `url`, in a window of its own so that it is in sight."""
    context = await running.new_context()
    page = await context.new_page()
    await page.add_init_script(KEEP)
    await page.goto(f"http://{urlsplit(url).netloc}/?session={session}")
    await page.wait_for_selector('#state[data-state="live"]')
    return WatchedPage(session=session, page=page)
