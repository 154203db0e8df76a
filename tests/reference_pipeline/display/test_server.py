"""The server over real sockets: the page's files, viewers of several sessions, and a clean end."""

import asyncio
import json
import socket
from collections.abc import Callable
from http.client import HTTPConnection
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from reference_pipeline.display.server import DisplayServer
from reference_pipeline.display.sessions import Sessions
from reference_pipeline.display.wire import LARGEST_PAGE_MESSAGE
from reference_pipeline.events import DisplayMessage
from reference_pipeline.ports import PipelineError

Run = Callable[..., Any]
Make = Callable[..., DisplayMessage]
TOKEN = "a-token-of-enough-length"  # noqa: S105  # opens nothing but this test


def fetch(port: int, path: str, host: str | None = None) -> tuple[int, dict[str, str], bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers={"Host": host} if host else {})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def test_the_page_and_its_parts_are_served_and_refer_to_nothing_elsewhere(
    run: Run, theatre: SimpleNamespace
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage:
            status, headers, page = await asyncio.to_thread(fetch, stage.server.port, "/?session=main")
            assert status == 200
            assert headers["content-type"].startswith("text/html")
            assert "default-src 'none'" in headers["content-security-policy"]
            assert b"http://" not in page
            assert b"https://" not in page
            for part in ("style.css", "app.js", "connection.js", "painter.js", "icon.svg"):
                status, headers, content = await asyncio.to_thread(fetch, stage.server.port, f"/{part}")
                assert (status, bool(content)) == (200, True)
                assert headers["x-content-type-options"] == "nosniff"

    run(scenario())


@pytest.mark.parametrize(
    "path", ["/server.py", "/../server.py", "/page/index.html", "/%2e%2e/server.py", "/x"]
)
def test_nothing_but_the_page_is_served(run: Run, theatre: SimpleNamespace, path: str) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage:
            assert (await asyncio.to_thread(fetch, stage.server.port, path))[0] == 404

    run(scenario())


def test_a_strangers_name_for_this_machine_is_not_answered_to(run: Run, theatre: SimpleNamespace) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage:
            assert (await asyncio.to_thread(fetch, stage.server.port, "/", "evil.example"))[0] == 421

    run(scenario())


@pytest.mark.parametrize(
    ("name", "origin"),
    [("127.0.0.1", "http://evil.example"), ("evil.example", None), ("evil.example", "http://evil.example")],
    ids=["another site's page", "another name for us", "another site that points its name at us"],
)
def test_a_websocket_opened_by_another_site_is_refused(
    run: Run, theatre: SimpleNamespace, name: str, origin: str | None
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage:
            port = stage.server.port
            address = f"ws://{name}:{port}/viewer"
            with pytest.raises(InvalidStatus) as refused:
                await connect(
                    address, host="127.0.0.1", port=port, origin=f"{origin}:{port}" if origin else None
                )
            assert refused.value.response.status_code == 403
            assert stage.channel.viewers == 0

    run(scenario())


def test_messages_of_one_session_never_reach_viewers_of_another(
    run: Run, theatre: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage:
            other = stage.sessions.open("other")
            async with (
                theatre.open_page(stage.server) as ours,
                theatre.open_page(stage.server, "other") as theirs,
            ):
                for number in range(10):
                    stage.channel.publish(message(text=f"ours {number}"), sent_ns=0)
                    other.publish(message(text=f"theirs {number}"), sent_ns=0)
                await ours.until(lambda page: len(page.messages) == 10)
                await theirs.until(lambda page: len(page.messages) == 10)
                assert ours.texts == [f"ours {number}" for number in range(10)]
                assert theirs.texts == [f"theirs {number}" for number in range(10)]

    run(scenario())


def test_a_page_that_loses_its_connection_resumes_without_loss_or_repetition(
    run: Run, theatre: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage:
            async with theatre.open_page(stage.server) as page:
                for text in "abc":
                    stage.channel.publish(message(text=text), sent_ns=0)
                await page.until(lambda it: len(it.messages) == 3)
            for text in "de":
                stage.channel.publish(message(text=text), sent_ns=0)
            identity = page.hello["channel"]
            async with theatre.open_page(stage.server, after=page.last_seq, channel=identity) as again:
                stage.channel.publish(message(text="f"), sent_ns=0)
                await again.until(lambda it: len(it.messages) == 3)
                assert not again.hello["reset"]
                assert page.texts + again.texts == list("abcdef")

    run(scenario())


@pytest.mark.parametrize("after", ["-1", "x", "\u0663", "9" * 400, ""])
def test_a_senseless_place_to_resume_from_means_the_beginning(
    run: Run, theatre: SimpleNamespace, message: Make, after: str
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage:
            stage.channel.publish(message(text="a"), sent_ns=0)
            async with theatre.open_page(stage.server, after=after, channel=stage.channel.identity) as page:
                await page.until(lambda it: it.texts == ["a"])
                assert page.hello["reset"]

    run(scenario())


def test_a_session_that_does_not_run_is_refused_with_its_reason_and_not_made(
    run: Run, theatre: SimpleNamespace
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage:
            async with theatre.open_page(stage.server, "nowhere") as page:
                assert page.closed == (4404, "no such session is running")
            assert stage.sessions.find("nowhere") is None

    run(scenario())


def test_with_a_token_only_those_who_bring_it_come_in(run: Run, theatre: SimpleNamespace) -> None:
    async def scenario() -> None:
        async with theatre.open_stage(token=TOKEN) as stage:
            async with theatre.open_page(stage.server) as stranger:
                assert stranger.closed is not None
                assert stranger.closed[0] == 4401
            async with theatre.open_page(stage.server, token=TOKEN) as guest:
                assert guest.hello["session"] == "main"
            assert stage.server.url().endswith(f"/#token={TOKEN}")

    run(scenario())


def test_nothing_that_a_page_says_ends_the_server_or_its_own_visit(
    run: Run, theatre: SimpleNamespace, message: Make
) -> None:
    nonsense = [
        "",
        "{",
        "[" * 30_000,
        '{"type":"painted","messages":[{}]}',
        '{"type":"pong","number":1e9}',
        "\x00",
    ]

    async def scenario() -> None:
        async with theatre.open_stage() as stage:
            async with theatre.open_page(stage.server) as page:
                for text in nonsense:
                    await page.say(text)
                await page.socket.send(b"\xff\xfe bytes")
                stage.channel.publish(message(text="still here"), sent_ns=0)
                await page.until(lambda it: it.texts == ["still here"])
                assert stage.channel.counts.malformed >= len(nonsense)
            async with theatre.open_page(stage.server) as flooding:
                await flooding.say("x" * (LARGEST_PAGE_MESSAGE + 1))
                await flooding.until(lambda it: it.closed is not None)
                assert flooding.closed[0] == 1009
            async with theatre.open_page(stage.server) as page:
                await page.until(lambda it: it.texts == ["still here"])

    run(scenario())


def test_a_viewer_that_stops_reading_is_dropped_while_others_get_everything(
    run: Run, theatre: SimpleNamespace, message: Make
) -> None:
    big = "x" * 60_000

    async def scenario() -> None:
        async with theatre.open_stage() as stage, theatre.open_page(stage.server) as quick:
            stalled = socket.create_connection(("127.0.0.1", stage.server.port))
            stalled.sendall(
                b"GET /viewer?session=main HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                b"Sec-WebSocket-Version: 13\r\n\r\n"
            )
            while stage.channel.viewers < 2:  # noqa: ASYNC110  # the channel tells nobody who comes
                await asyncio.sleep(0.005)
            published = 0
            while stage.channel.counts.dropped_viewers == 0:
                stage.channel.settle(stage.channel.publish(message(text=big), sent_ns=0))
                published += 1
                await quick.until(lambda it, seen=published: len(it.messages) == seen)  # type: ignore[misc]
            assert quick.closed is None
            assert stage.channel.viewers == 1
            stalled.close()

    run(scenario())


def test_a_port_in_use_is_told_in_one_line_that_says_what_to_do(run: Run, theatre: SimpleNamespace) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage:
            port = stage.server.port
            second = DisplayServer(Sessions(), port=port)
            with pytest.raises(PipelineError) as refused:
                await second.start()
            said = str(refused.value)
            assert (
                said == f"port {port} on 127.0.0.1 is in use; choose another one, or 0 for any that is free"
            )
            await second.stop()

    run(scenario())


def test_an_address_that_is_none_of_ours_is_told_in_one_line(run: Run) -> None:
    async def scenario() -> None:
        server = DisplayServer(Sessions(), host="192.0.2.1", port=0, token=TOKEN)
        with pytest.raises(PipelineError, match=r"cannot listen on 192\.0\.2\.1:0 \(.+\); choose another"):
            await server.start()

    run(scenario())


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_that_is_none_is_refused(port: int) -> None:
    with pytest.raises(PipelineError, match="is no port"):
        DisplayServer(Sessions(), port=port)


def test_opening_wider_than_loopback_needs_a_token() -> None:
    with pytest.raises(PipelineError, match="needs a token"):
        DisplayServer(Sessions(), host="0.0.0.0")  # noqa: S104  # refused, which is the point


def test_the_address_names_session_and_port_and_brackets_ipv6() -> None:
    assert DisplayServer(Sessions(), port=99).url() == "http://127.0.0.1:99/"
    assert DisplayServer(Sessions(), port=99).url("b") == "http://127.0.0.1:99/?session=b"
    assert DisplayServer(Sessions(), host="::1", port=99).url() == "http://[::1]:99/"


def test_the_server_stops_with_viewers_present_and_can_start_again_on_its_port(
    run: Run, theatre: SimpleNamespace
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage:
            port = stage.server.port
            async with theatre.open_page(stage.server) as page:
                await stage.server.stop()
                await stage.server.stop()
                await page.until(lambda it: it.closed is not None)
                assert page.closed[0] == 1001
        sessions = Sessions()
        sessions.open()
        async with DisplayServer(sessions, port=port) as again, theatre.open_page(again) as page:
            assert page.hello["session"] == "main"

    run(scenario())


def test_the_server_stops_though_a_viewer_takes_nothing_any_more(
    run: Run, theatre: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage:
            address = f"ws://127.0.0.1:{stage.server.port}/viewer"
            async with connect(address, ping_interval=None, max_queue=1, close_timeout=0.1) as stalled:
                for _ in range(200):
                    stage.channel.settle(stage.channel.publish(message(text="x" * 60_000), sent_ns=0))
                    await asyncio.sleep(0)
                began = asyncio.get_running_loop().time()
                await stage.server.stop()
                assert asyncio.get_running_loop().time() - began < 10
                stalled.transport.abort()

    run(scenario())


def test_uvicorn_leaves_signals_to_the_program(run: Run, theatre: SimpleNamespace) -> None:
    import signal  # noqa: PLC0415  # only this test looks at them

    async def scenario() -> None:
        before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
        async with theatre.open_stage():
            assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before

    run(scenario())


def test_a_hello_is_the_first_thing_a_viewer_gets(run: Run, theatre: SimpleNamespace, message: Make) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage:
            stage.channel.publish(message(), sent_ns=0)
            async with connect(f"ws://127.0.0.1:{stage.server.port}/viewer") as viewer:
                assert json.loads(await viewer.recv())["type"] == "hello"

    run(scenario())
