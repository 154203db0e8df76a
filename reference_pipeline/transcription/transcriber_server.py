"""The child's side of a transcriber in a process of its own: calls come in, replies go out.

Which engine it is, the program that calls `serve_transcriber` knows.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import BinaryIO

from latency_kit.errors import MissingExtraError
from reference_pipeline.events import AudioBlock
from reference_pipeline.ports import PipelineError, Transcriber
from reference_pipeline.transcription.transcriber_wire import (
    Call,
    Reply,
    read_frame,
    samples_of,
    speculated,
    write_frame,
)

__all__ = ["serve_transcriber", "serve_transcriber_on_pipes"]


def serve_transcriber_on_pipes(make: Callable[[], Transcriber]) -> None:
    """Serve on standard input and output until the owner closes them, or ends in whatever way.

    The first reply, before any call, tells whether the engine could be made. What else is printed goes to
    standard error; Ctrl-C is the owner's matter.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with os.fdopen(os.dup(1), "wb") as replies, os.fdopen(os.dup(0), "rb") as calls:
        os.dup2(2, 1)
        try:
            transcriber = make()
        except (PipelineError, MissingExtraError) as error:
            write_frame(replies, Reply.ERROR, _line(error))
            sys.exit(1)
        try:
            write_frame(replies, Reply.DONE)
            serve_transcriber(transcriber, calls, replies)
        except OSError:
            pass  # the owner has gone while a reply was on its way; there is nobody to tell
        finally:
            transcriber.close()


def serve_transcriber(transcriber: Transcriber, calls: BinaryIO, replies: BinaryIO) -> None:
    """Do what is called for, and reply once to each call, until `calls` ends."""
    while True:
        try:
            kind, payload = read_frame(calls)
        except EOFError:
            return
        try:
            text = _do(transcriber, Call(kind), payload)
        except Exception as error:  # noqa: BLE001  # told to the owner, who raises it
            write_frame(replies, Reply.ERROR, _line(error))
        else:
            if text is None:
                write_frame(replies, Reply.DONE)
            else:
                write_frame(replies, Reply.TEXT, text.encode())


def _do(transcriber: Transcriber, call: Call, payload: bytes) -> str | None:
    match call:
        case Call.WARM_UP:
            transcriber.warm_up()
        case Call.BEGIN:
            transcriber.begin()
        case Call.FEED:
            return transcriber.feed(AudioBlock(samples=samples_of(payload), first_sample=0, start_ns=0))
        case Call.SPECULATE:
            return speculated(transcriber.speculate(lambda: True, whole=bool(payload)))
        case Call.FINISH:
            return transcriber.finish().text
        case Call.ABANDON:
            transcriber.abandon()
    return None


def _line(error: BaseException) -> bytes:
    return " ".join((str(error) or type(error).__name__).split()).encode()
