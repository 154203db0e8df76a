"""Who watches is kept safe: headers on every response, no token in logs, small frames at once."""

import asyncio
import base64
import http.client
import logging
import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from reference_pipeline.display.page_files import HEADERS
from reference_pipeline.display.web_app import CLOSE_NO_SESSION, CLOSE_NO_TOKEN
from reference_pipeline.display.wire import token_of

Run = Callable[..., Any]
TOKEN = "a-token-of-enough-length"  # noqa: S105  # opens nothing but this test


def test_small_frames_leave_at_once(run: Run, theatre: SimpleNamespace) -> None:
    """Each would otherwise wait for the one before to be acknowledged, up to 40 ms (Nagle's algorithm)."""

    async def scenario() -> None:
        async with theatre.open_stage() as stage, theatre.open_page(stage.server):
            (connection,) = stage.server._server.server_state.connections
            accepted = connection.transport.get_extra_info("socket")
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    run(scenario())


@pytest.mark.parametrize(("path", "host"), [("/", ""), ("/absent", ""), ("/", "evil.example")])
def test_every_response_bears_the_security_headers(
    run: Run, theatre: SimpleNamespace, path: str, host: str
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage:
            headers = await asyncio.to_thread(headers_of, stage.server.port, path, host)
            for name, value in HEADERS.items():
                assert headers.get_all(name) == [value]

    run(scenario())


def headers_of(port: int, path: str, host: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers={"Host": host or f"127.0.0.1:{port}"})
        return connection.getresponse().headers
    finally:
        connection.close()


def test_no_token_is_ever_logged(
    run: Run, theatre: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def scenario() -> None:
        async with theatre.open_stage(token=TOKEN) as stage:
            async with theatre.open_page(stage.server, token=TOKEN) as page:
                assert page.socket.subprotocol == "latency-kit.viewer"
            async with theatre.open_page(stage.server, token="x" * 20) as stranger:
                assert stranger.closed[0] == CLOSE_NO_TOKEN

    run(scenario())
    ours = [record for record in caplog.records if not record.name.startswith("websockets.client")]
    encoded = base64.urlsafe_b64encode(TOKEN.encode()).decode().rstrip("=")
    assert not [record for record in ours if TOKEN in record.getMessage() or encoded in record.getMessage()]


@pytest.mark.parametrize("offered", [[], ["token"], ["token.%%%"], ["token._w"], ["latency-kit.viewer"]])
def test_what_is_no_token_is_none(offered: list[str]) -> None:
    assert token_of(offered) is None


def test_a_viewer_of_a_session_that_does_not_run_is_told_which_do(run: Run, theatre: SimpleNamespace) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage:
            stage.sessions.open("other")
            async with theatre.open_page(stage.server, "absent") as page:
                assert page.sessions == ["main", "other"]
                assert page.closed[0] == CLOSE_NO_SESSION

    run(scenario())
