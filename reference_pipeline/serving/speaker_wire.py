"""The words of the speakers' WebSocket: what a speaker may send, checked. No sockets, no state.

    speaker                                         we
    {"type": "hello", "rate": 48000, ...}     ->
                                              <-    {"type": "ping", "number": 1} ...
    {"type": "pong", ...} ...                 ->
                                              <-    {"type": "welcome", "session": "s1"}
    binary: 16 bytes of header, then PCM      ->    (and pings now and then)
    {"type": "bye"}                           ->
                                              <-    close 1000

A binary message is a float64 (when its last sample was taken, in milliseconds of the speaker's monotonic
clock), a uint64 (the position of its first sample since the speaker began), and 16-bit samples, all
little-endian.
"""

import json
import math
import struct
from dataclasses import dataclass

import numpy as np

from reference_pipeline.display.wire import MalformedMessageError, PagePong, parse_page_message
from reference_pipeline.events import Samples

__all__ = [
    "HEADER",
    "PCM_FORMAT",
    "RATES",
    "SoundPiece",
    "SpeakerBye",
    "SpeakerHello",
    "parse_hello",
    "parse_said",
    "parse_sound",
    "welcome_message",
]

HEADER = struct.Struct("<dQ")
"""What precedes the samples of a binary message."""

PCM_FORMAT = "s16le"
"""The one sample format: what browsers and sound cards all can give, at half the size of floats."""

RATES = (8_000, 192_000)
"""Lowest and highest rate taken, in samples a second."""

_LONGEST_PIECE_MS = 500
"""Sound in one message; more would be late by design."""

_LARGEST_MS = 1e12
_LARGEST_POSITION = 2**53
_STEP = np.float32(1 / 32_768)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerHello:
    """How a speaker introduces itself.

    Attributes:
        rate: Samples a second.
        session: The name that it wants for its session; empty where any will do.
        token: What it must know where a token is needed; None where it gave none.
    """

    rate: int
    session: str
    token: str | None


@dataclass(frozen=True, slots=True)
class SpeakerBye:
    """The speaker has said all it wanted to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundPiece:
    """One message of sound.

    Attributes:
        samples: Shape (frames, 1), float32 in [-1, 1].
        first_sample: Position of the first frame since the speaker began.
        captured_ns: When the last frame was taken, on the speaker's clock.
    """

    samples: Samples
    first_sample: int
    captured_ns: int


def parse_hello(text: str) -> SpeakerHello:
    """Return how a speaker introduces itself.

    Raises:
        MalformedMessageError: It does not; the message says what was expected and fits a close reason.
    """
    content = _object(text)
    if content.get("type") != "hello":
        raise MalformedMessageError('expected {"type": "hello", "rate": ...} first')
    rate = content.get("rate")
    if not isinstance(rate, int) or isinstance(rate, bool) or not RATES[0] <= rate <= RATES[1]:
        raise MalformedMessageError(f"expected a rate of {RATES[0]} to {RATES[1]} samples a second")
    if content.get("format", PCM_FORMAT) != PCM_FORMAT:
        raise MalformedMessageError(f"expected the format {PCM_FORMAT}: 16-bit samples, one channel")
    session = content.get("session", "")
    token = content.get("token")
    if not isinstance(session, str) or not (token is None or isinstance(token, str)):
        raise MalformedMessageError("session and token must be strings")
    return SpeakerHello(rate=rate, session=session, token=token)


def parse_said(text: str) -> PagePong | SpeakerBye:
    """Return what a welcomed speaker said in text.

    Raises:
        MalformedMessageError: It is neither a pong nor a bye.
    """
    if _object(text).get("type") == "bye":
        return SpeakerBye()
    said = parse_page_message(text)
    if not isinstance(said, PagePong):
        raise MalformedMessageError("speakers say hello, pong and bye only")
    return said


def parse_sound(data: bytes, *, rate: int) -> SoundPiece:
    """Return the sound of a binary message.

    Raises:
        MalformedMessageError: It is no such message, or holds more than half a second.
    """
    frames, odd = divmod(len(data) - HEADER.size, 2)
    if frames <= 0 or odd:
        raise MalformedMessageError("expected 16 bytes of header and whole 16-bit samples")
    if frames * 1000 > rate * _LONGEST_PIECE_MS:
        raise MalformedMessageError(f"expected at most {_LONGEST_PIECE_MS} ms of sound a message")
    captured_ms, first_sample = HEADER.unpack_from(data)
    if not (math.isfinite(captured_ms) and 0 <= captured_ms <= _LARGEST_MS):
        raise MalformedMessageError("expected a capture time in milliseconds")
    if first_sample > _LARGEST_POSITION:
        raise MalformedMessageError("expected the position of the first sample")
    whole = np.frombuffer(data, dtype="<i2", offset=HEADER.size).reshape(-1, 1)
    return SoundPiece(
        samples=np.multiply(whole, _STEP, dtype=np.float32),
        first_sample=first_sample,
        captured_ns=round(captured_ms * 1e6),
    )


def welcome_message(session: str) -> str:
    """Return what a speaker is told once its session hears it."""
    return json.dumps({"type": "welcome", "session": session}, separators=(",", ":"))


def _object(text: str) -> dict[str, object]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedMessageError("expected JSON") from error
    if not isinstance(content, dict):
        raise MalformedMessageError("expected a JSON object")
    return content
