"""The web application: the page's files and one WebSocket per viewer. The only module that knows Starlette.

What viewers say and get is the channel's business; who may come in is the access rules'.
"""

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

import latency_kit
from latency_kit.errors import MissingExtraError
from reference_pipeline.display.access import Access
from reference_pipeline.display.channel import Channel
from reference_pipeline.display.page_files import FILES, HEADERS, PAGE
from reference_pipeline.display.sessions import MAIN_SESSION, Sessions
from reference_pipeline.display.speaker_door import Speakers
from reference_pipeline.display.viewers import Viewer
from reference_pipeline.display.wire import SUBPROTOCOL, sessions_frame, token_of

try:
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.requests import Request
    from starlette.responses import FileResponse, Response
    from starlette.routing import Route, WebSocketRoute
    from starlette.websockets import WebSocket, WebSocketDisconnect
except ImportError as missing:
    raise MissingExtraError("starlette", "assistant") from missing

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["CLOSE_NO_SESSION", "CLOSE_NO_TOKEN", "SOCKET_PATH", "SPEAKER_PATH", "web_app"]

SOCKET_PATH = "/viewer"

SPEAKER_PATH = "/speaker"

CLOSE_NO_TOKEN = 4401
"""Close code for a viewer without the token (a private code, after HTTP's 401)."""

CLOSE_NO_SESSION = 4404
"""Close code for a session that does not run (after HTTP's 404)."""

CLOSE_FULL = 1013
"""The standard's "try again later": the channel has all the viewers that it takes."""

_CLOSE_BOUND_S = 1.0
"""A stalled socket cannot take its close frame either; no longer than this is waited for it."""

_log = logging.getLogger(__name__)


def web_app(sessions: Sessions, access: Access, *, speakers: Speakers | None = None) -> "ASGIApp":
    """Return the ASGI application that shows `sessions`, and hears `speakers`, for whom `access` lets in."""

    async def page_file(request: Request) -> Response:
        if not access.host_allowed(request.headers.get("host")):
            raise HTTPException(421, "this server does not go by that name")
        name, media_type = FILES[request.url.path]
        return FileResponse(PAGE / name, media_type=media_type)

    async def viewer_socket(websocket: WebSocket) -> None:
        try:
            if await _accepted(websocket, access):
                await _admit(websocket, sessions, access)
        except WebSocketDisconnect:
            return

    async def speaker_socket(websocket: WebSocket) -> None:
        if speakers is not None and await _accepted(websocket, access):
            await speakers.attend(_SpeakerSocket(websocket), token_allowed=access.token_allowed)

    routes = [WebSocketRoute(SOCKET_PATH, viewer_socket), *(Route(path, page_file) for path in FILES)]
    if speakers is not None:
        routes.append(WebSocketRoute(SPEAKER_PATH, speaker_socket))
    return _with_headers(Starlette(routes=routes))


def _with_headers(app: "ASGIApp") -> "ASGIApp":
    """Give every response the security headers, refusals and absent pages included."""
    added = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]

    async def answering(scope: "Scope", receive: "Receive", send: "Send") -> None:
        async def sending(message: "Message") -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        await app(scope, receive, sending if scope["type"] == "http" else send)

    return answering


async def _accepted(websocket: WebSocket, access: Access) -> bool:
    host = websocket.headers.get("host")
    origin = websocket.headers.get("origin")
    if access.host_allowed(host) and access.origin_allowed(origin, host):
        offered = websocket.scope.get("subprotocols", ())
        await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        return True
    await websocket.close()  # before accepting: the browser sees 403 and tells its page nothing
    return False


async def _admit(websocket: WebSocket, sessions: Sessions, access: Access) -> None:
    asked = websocket.query_params
    if not access.token_allowed(token_of(websocket.scope.get("subprotocols", ()))):
        await websocket.close(CLOSE_NO_TOKEN, "a token is needed: open the address as it was printed")
        return
    session = asked.get("session", MAIN_SESSION)
    channel = sessions.find(session)
    if channel is None:
        await websocket.send_text(sessions_frame(sessions.names()))
        await websocket.close(CLOSE_NO_SESSION, "no such session is running")
        return
    after = asked.get("after", "")
    viewer = channel.join(
        websocket.send_text,
        # Sixteen digits are more messages than were ever sent, and no longer number is worth reading.
        after=int(after) if after.isascii() and after.isdigit() and len(after) <= 16 else 0,  # noqa: PLR2004
        identity=asked.get("channel", ""),
    )
    if viewer is None:
        await websocket.close(CLOSE_FULL, "all places are taken")
        return
    await _attend(websocket, viewer, channel)


async def _attend(websocket: WebSocket, viewer: Viewer, channel: Channel) -> None:
    tasks = [
        asyncio.create_task(_listen(websocket, viewer, channel), name=f"viewer {viewer.number}: listen"),
        asyncio.create_task(viewer.write(), name=f"viewer {viewer.number}: write"),
        asyncio.create_task(viewer.ping(), name=f"viewer {viewer.number}: ping"),
        asyncio.create_task(viewer.until_sent_away(), name=f"viewer {viewer.number}: until sent away"),
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        channel.leave(viewer)
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception) and not isinstance(outcome, WebSocketDisconnect):
            _log.error("viewer %d of session %s failed", viewer.number, channel.session, exc_info=outcome)
    if viewer.farewell is not None:
        try:
            async with asyncio.timeout(_CLOSE_BOUND_S):
                await websocket.close(viewer.farewell.code, viewer.farewell.reason)
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            return  # stalled or gone already; the server ends the connection with us


async def _listen(websocket: WebSocket, viewer: Viewer, channel: Channel) -> None:
    while True:
        said = await websocket.receive()
        arrived_ns = latency_kit.now_ns()
        if said["type"] == "websocket.disconnect":
            return
        channel.take(viewer, said.get("text") or "", arrived_ns=arrived_ns)


class _SpeakerSocket:
    """A `SpeakerConnection` over a WebSocket."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._gone = False

    async def receive(self) -> str | bytes | None:
        said = await self._websocket.receive()
        if said["type"] == "websocket.disconnect":
            self._gone = True
            return None
        content: str | bytes | None = said.get("bytes")
        return content if content is not None else str(said.get("text") or "")

    async def send(self, text: str) -> None:
        if not self._gone:
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await self._websocket.send_text(text)

    async def close(self, code: int, reason: str) -> None:
        if not self._gone:
            self._gone = True
            # A stalled socket cannot take its close frame; the server ends the connection with us.
            with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
                async with asyncio.timeout(_CLOSE_BOUND_S):
                    await self._websocket.close(code, reason)
