"""The words of the viewers' WebSocket: what we send as JSON, and what a page may say. No sockets, no state.

A page is a stranger: whatever it sends is checked here before anything else sees it.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reference_pipeline.display.paint_times import PagePaint
from reference_pipeline.events import DisplayMessage
from reference_pipeline.ports import PipelineError

__all__ = [
    "LARGEST_PAGE_MESSAGE",
    "SUBPROTOCOL",
    "MalformedMessageError",
    "PagePong",
    "PageVisibility",
    "figures_frame",
    "hello_frame",
    "message_body",
    "messages_frame",
    "parse_page_message",
    "ping_frame",
    "sessions_frame",
    "token_of",
]

SUBPROTOCOL = "latency-kit.viewer"
"""What viewers speak. A page offers it beside the token, the one header that a page may set: in the address
the token would stand in the logs of every proxy."""

_TOKEN_PREFIX = "token."  # noqa: S105  # where the token begins, not the token

LARGEST_PAGE_MESSAGE = 64 * 1024
"""Bytes that a page may send at once; a report of a hundred paints takes a tenth of it."""

_LARGEST_PAGE_MS = 1e12
"""Thirty years of `performance.now()`; more is nonsense and would only make integers grow."""


class MalformedMessageError(ValueError):
    """A page sent something that is not a message of ours; it is counted and otherwise ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PagePong:
    """A page's answer to a ping, in nanoseconds of the page's clock."""

    number: int
    received_ns: int
    replied_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PageVisibility:
    """A page has been hidden or shown."""

    hidden: bool


PageMessage = PagePong | PageVisibility | tuple[PagePaint, ...]


def message_body(message: DisplayMessage, *, seq: int, sent_ns: int) -> str:
    """Return one message as the JSON object that goes into frames and history.

    Raises:
        PipelineError: `data` is not JSON.
    """
    content = {
        "seq": seq,
        "kind": message.kind.value,
        "turn": message.turn,
        "text": message.text,
        "data": message.data,
        "traceparent": message.traceparent,
        "sent_ns": sent_ns,
        "last": message.last,
    }
    try:
        return json.dumps(content, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise PipelineError(
            f"the data of a {message.kind} message of turn {message.turn} is not JSON ({error}); "
            "give numbers, strings, lists and dicts only"
        ) from error


def messages_frame(bodies: Iterable[str], *, awaited: Iterable[int], replay: bool) -> str:
    """Return the frame of some messages; `awaited` are those whose paint is to be reported."""
    told = "true" if replay else "false"
    return (
        f'{{"type":"messages","replay":{told},"awaited":{json.dumps(list(awaited))},'
        f'"messages":[{",".join(bodies)}]}}'
    )


def hello_frame(*, session: str, channel: str, reset: bool, lost: bool) -> str:
    """Return the first frame that a viewer gets.

    Args:
        session: The session joined.
        channel: Identity of the channel, to be given back when reconnecting.
        reset: The page must forget what it shows: it comes from another channel, or brings nothing.
        lost: Messages between what the page has and what is kept are gone.
    """
    return json.dumps(
        {"type": "hello", "session": session, "channel": channel, "reset": reset, "lost": lost},
        separators=(",", ":"),
    )


def sessions_frame(sessions: Sequence[str]) -> str:
    """Return the frame that tells which sessions run, for a viewer that asked for one that does not."""
    return json.dumps({"type": "sessions", "sessions": list(sessions)}, separators=(",", ":"))


def figures_frame(figures: Mapping[str, object]) -> str:
    """Return the frame of the process's live figures."""
    return json.dumps({"type": "figures", "figures": figures}, separators=(",", ":"), allow_nan=False)


def token_of(subprotocols: Iterable[str]) -> str | None:
    """Return the token among the subprotocols that a viewer offered, None where there is none to be read.

    It comes as `token.` and URL-safe base64 without padding, since subprotocols take few characters.
    """
    for offered in subprotocols:
        if offered.startswith(_TOKEN_PREFIX):
            encoded = offered.removeprefix(_TOKEN_PREFIX)
            try:
                padded = encoded + "=" * (-len(encoded) % 4)
                return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
            except (binascii.Error, ValueError):  # UnicodeDecodeError is one
                return None
    return None


def ping_frame(number: int) -> str:
    """Return a ping of the clock synchronisation."""
    return f'{{"type":"ping","number":{number}}}'


def parse_page_message(text: str) -> PageMessage:
    """Return what a page said.

    Raises:
        MalformedMessageError: It is none of a pong, a report of paints, or a change of visibility.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedMessageError("not JSON") from error
    if not isinstance(content, dict):
        raise MalformedMessageError("not an object")
    match content.get("type"):
        case "painted":
            return _paints(content)
        case "pong":
            return PagePong(
                number=_whole(content, "number"),
                received_ns=_moment_ns(content.get("received_ms")),
                replied_ns=_moment_ns(content.get("replied_ms")),
            )
        case "visibility":
            return PageVisibility(hidden=_flag(content, "hidden"))
        case _:
            raise MalformedMessageError("unknown type")


def _paints(content: dict[str, object]) -> tuple[PagePaint, ...]:
    messages = content.get("messages")
    if not isinstance(messages, list) or not messages:
        raise MalformedMessageError("messages is not a list with something in it")
    dom_updated_ns = _moment_ns(content.get("dom_updated_ms"))
    painted_ns = _moment_ns(content.get("painted_ms"))
    replied_ns = _moment_ns(content.get("replied_ms"))
    hidden = _flag(content, "hidden")
    paints: list[PagePaint] = []
    for message in messages:
        if not isinstance(message, dict):
            raise MalformedMessageError("a painted message is not an object")
        paints.append(
            PagePaint(
                seq=_whole(message, "seq"),
                received_ns=_moment_ns(message.get("received_ms")),
                dom_updated_ns=dom_updated_ns,
                painted_ns=painted_ns,
                replied_ns=replied_ns,
                hidden=hidden,
            )
        )
    return tuple(paints)


def _whole(content: dict[str, object], key: str) -> int:
    value = content.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise MalformedMessageError(f"{key} is not a whole number")
    return value


def _flag(content: dict[str, object], key: str) -> bool:
    value = content.get(key)
    if not isinstance(value, bool):
        raise MalformedMessageError(f"{key} is neither true nor false")
    return value


def _moment_ns(value: object) -> int:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise MalformedMessageError("a time is not a number")
    if not 0 <= value <= _LARGEST_PAGE_MS:  # neither is true of NaN
        raise MalformedMessageError("a time is out of range")
    return round(value * 1_000_000)
