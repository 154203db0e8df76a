"""The real page comes back after a loss with nothing lost or repeated, and gets in with the token alone."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from reference_pipeline.display.browser_display import BrowserDisplay
from reference_pipeline.display.server import DisplayServer
from reference_pipeline.display.sessions import Sessions
from reference_pipeline.display.terminal_display import TerminalDisplay
from reference_pipeline.events import DisplayMessage, MessageKind

Run = Callable[..., Any]
Make = Callable[..., DisplayMessage]
TOKEN = "a-token-of enough/length+\u00e9"  # noqa: S105  # opens nothing but this test


def cut_all_sockets(server: DisplayServer) -> None:
    assert server._server is not None
    server._server.abort_stalled()


def test_an_answer_whose_socket_is_cut_in_its_middle_is_shown_whole_and_once(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace, message: Make
) -> None:
    pieces = [f"{number} " for number in range(40)]

    async def scenario() -> None:
        async with theatre.open_stage() as stage, chromium.open_browser() as context:
            page = await chromium.open_live(context, stage.server.url())
            await stage.display.show(message(MessageKind.QUESTION, "count"))
            for number, piece in enumerate(pieces):
                last = number == len(pieces) - 1
                stage.channel.settle(stage.channel.publish(message(text=piece, last=last), sent_ns=0))
                if number in {10, 25}:
                    cut_all_sockets(stage.server)
                    await page.wait_for_selector('#state:not([data-state="live"])')
                if number in {13, 30}:
                    await page.wait_for_selector('#state[data-state="live"]')
            await page.wait_for_selector(".answer:not(.writing)")
            assert await page.text_content(".answer") == "".join(pieces)
            assert await page.locator(".answer").count() == 1
            assert stage.channel.viewers == 1

    run(scenario())


def test_after_a_restart_of_the_assistant_its_earlier_answers_stay_beside_the_new_ones(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with chromium.open_browser() as context:
            async with theatre.open_stage() as stage:
                port = stage.server.port
                page = await chromium.open_live(context, stage.server.url())
                await stage.display.show(message(MessageKind.QUESTION, "what is a mutex"))
                await stage.display.show(message(text="a lock", last=True))
                await stage.display.show(message(MessageKind.QUESTION, "what is a thread", turn=2))
                await stage.display.show(message(text="a line of", turn=2))
            await page.wait_for_selector('#state[data-state="ended"]')
            sessions = Sessions()
            display = BrowserDisplay(sessions.open(), TerminalDisplay(stage.printed), paint_bound_s=30)
            async with DisplayServer(sessions, port=port):
                await page.wait_for_selector('#state[data-state="live"]')
                await display.show(message(MessageKind.QUESTION, "what is a race"))
                receipt = await display.show(message(text="two at once", last=True))
            assert receipt.display == "browser"
            assert await page.text_content("#current .answer") == "two at once"
            earlier = await page.eval_on_selector_all(
                "#turns .is-before .answer", "them => them.map((it) => [it.textContent, it.className])"
            )
            assert earlier == [["a line of", "answer cut"], ["a lock", "answer"]]

    run(scenario())


def test_a_hidden_page_holds_what_was_sent_and_is_counted_apart(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, chromium.open_browser() as context:
            page = await chromium.open_live(context, stage.server.url())
            assert (await stage.display.show(message(MessageKind.QUESTION, "seen"))).display == "browser"
            await page.evaluate(HIDE)
            while stage.channel.visible_viewers:  # noqa: ASYNC110  # the channel tells nobody of it
                await asyncio.sleep(0.01)
            paints = stage.channel.counts.paints
            hidden = await stage.display.show(message(text="while hidden", last=True))
            assert hidden.display == "terminal"
            await page.wait_for_selector(".answer:has-text('while hidden')", state="attached")
            while not stage.channel.counts.hidden:  # noqa: ASYNC110  # nor of this
                await asyncio.sleep(0.01)
            assert stage.channel.counts.paints == paints
            await page.evaluate(SHOW)
            while not stage.channel.visible_viewers:  # noqa: ASYNC110  # nor of this
                await asyncio.sleep(0.01)
            shown = await stage.display.show(message(MessageKind.QUESTION, "seen again", turn=2))
            assert shown.display == "browser"

    run(scenario())


HIDE = """() => {
  Object.defineProperty(document, "hidden", {value: true, configurable: true});
  document.dispatchEvent(new Event("visibilitychange"));
}"""
SHOW = """() => {
  delete document.hidden;
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_the_token_opens_the_page_and_stands_in_no_address(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage(token=TOKEN) as stage, chromium.open_browser() as context:
            asked: list[str] = []
            context.on("request", lambda request: asked.append(request.url))
            page = await context.new_page()
            page.on("websocket", lambda socket: asked.append(socket.url))
            await page.goto(stage.server.url())
            await page.wait_for_selector('#state[data-state="live"]')
            await stage.display.show(message(MessageKind.QUESTION, "let in"))
            assert asked[-1].startswith("ws://") or any(url.startswith("ws://") for url in asked)
            assert not [url for url in [*asked, page.url] if "token" in url or "enough" in url]
            assert await page.evaluate("history.length") == 2  # the empty page that it began with, and this

    run(scenario())


def test_without_the_token_the_page_asks_for_it_and_a_wrong_one_is_told(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage(token=TOKEN) as stage, chromium.open_browser() as context:
            page = await context.new_page()
            await page.goto(stage.server.url().partition("#")[0])
            await page.wait_for_selector("#token-form")
            await page.fill("#token", "not the token at all")
            await page.keyboard.press("Enter")
            await page.wait_for_selector("#state:has-text('That is not the token')")
            await page.fill("#token", TOKEN)
            await page.keyboard.press("Enter")
            await page.wait_for_selector('#state[data-state="live"]')
            assert not await page.is_visible("#token-form")

    run(scenario())


def test_a_session_that_does_not_run_leads_to_those_that_do(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, chromium.open_browser() as context:
            stage.sessions.open("other")
            page = await context.new_page()
            await page.goto(stage.server.url("absent"))
            await page.click("#sessions a:has-text('other')")
            await page.wait_for_selector('#state[data-state="live"]')
            assert await chromium.told(page, "#session") == "Session other"
            assert not await page.is_visible("#sessions")

    run(scenario())
