"""What a transcriber and its owner say to each other over two pipes: frames of a kind and a payload.

Knows neither processes nor engines. Sound travels as little-endian float32, text as UTF-8.
"""

import struct
from enum import Enum
from typing import BinaryIO

import numpy as np

from reference_pipeline.events import Samples, Transcript

__all__ = [
    "Call",
    "Reply",
    "read_frame",
    "samples_of",
    "sound_of",
    "speculated",
    "speculation_of",
    "write_frame",
]

_HEADER = struct.Struct("<cI")
_SOUND = np.dtype("<f4")
_FINAL, _OPEN = "=", "~"

_MOST_OCTETS = 1 << 26
"""No block of sound comes near to it: a frame that claims more is not one of ours."""


class Call(Enum):
    """What the owner asks for; FEED carries samples, SPECULATE an octet where words seem whole."""

    WARM_UP = b"w"
    BEGIN = b"b"
    FEED = b"f"
    SPECULATE = b"s"
    FINISH = b"x"
    ABANDON = b"a"


class Reply(Enum):
    """What came of a call; TEXT carries what was heard, ERROR a line that says what went wrong."""

    DONE = b"d"
    TEXT = b"t"
    ERROR = b"e"


def write_frame(pipe: BinaryIO, kind: Call | Reply, payload: bytes = b"") -> None:
    """Write one frame, whole.

    Raises:
        OSError: Nobody is at the other end.
    """
    pipe.write(_HEADER.pack(kind.value, len(payload)) + payload)
    pipe.flush()


def read_frame(pipe: BinaryIO) -> tuple[bytes, bytes]:
    """Read one frame; return the value of its kind and its payload.

    Raises:
        EOFError: The other end has closed the pipe.
        ValueError: What came is no frame.
    """
    kind, length = _HEADER.unpack(_read(pipe, _HEADER.size))
    if length > _MOST_OCTETS:
        raise ValueError(f"a frame has at most {_MOST_OCTETS} octets, this one claims {length}")
    return kind, _read(pipe, length)


def sound_of(samples: Samples) -> bytes:
    """Return the payload of a FEED."""
    return samples.astype(_SOUND, copy=False).tobytes()


def samples_of(sound: bytes) -> Samples:
    """Return what `sound_of` was given."""
    return np.frombuffer(sound, _SOUND).astype(np.float32, copy=False)


def speculated(transcript: Transcript | None) -> str | None:
    """Return the text of the reply to a SPECULATE: what was heard, behind a sign of whether it is final."""
    return None if transcript is None else (_FINAL if transcript.final else _OPEN) + transcript.text


def speculation_of(told: str | None, *, engine: str) -> Transcript | None:
    """Return what `speculated` was given."""
    return None if told is None else Transcript(text=told[1:], engine=engine, final=told.startswith(_FINAL))


def _read(pipe: BinaryIO, length: int) -> bytes:
    octets = pipe.read(length)
    if len(octets) < length:
        raise EOFError("the other end has closed the pipe")
    return octets
