"""The one inference thread: between the listening thread, which must never wait, and a transcriber.

Knows the ports only. What a final text means (segmentation, questions, answers) is decided by those who
are called back; which engine it is, and where the callbacks lead, by the composition.
"""

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import latency_kit
from reference_pipeline.events import AudioBlock, HeardText, Transcript, Utterance
from reference_pipeline.ports import SourceError, Transcriber
from reference_pipeline.transcription.final_transcript import FinalState, FinalTranscript

__all__ = ["FinalState", "FinalTranscript", "TranscriptionWorker"]

_LOGGER = logging.getLogger(__name__)

DEFAULT_QUEUE_BLOCKS = 1000
"""Blocks that may wait: some 30 s of sound at 32 ms a block, far more than a working engine ever has."""


@dataclass(frozen=True, slots=True)
class _Started:
    pass


@dataclass(frozen=True, slots=True)
class _Ended:
    utterance: Utterance
    queued_ns: int
    lost_blocks: int
    context: latency_kit.Context


@dataclass(frozen=True, slots=True)
class _Discarded:
    reason: str


@dataclass(frozen=True, slots=True)
class _SourceEnded:
    error: SourceError | None


_T = TypeVar("_T")

_Message = _Started | AudioBlock | _Ended | _Discarded | _SourceEnded


class TranscriptionWorker:
    """A `SpeechSink` that has a transcriber work on a thread of its own.

    * The sink's methods never wait for the engine.
    * Each `speech_ended` before `close` leads to exactly one `on_final`, in order, whatever the engine does.
    * When the queue is full, blocks of sound are dropped and counted, never the ends of utterances.
    * An exception of the engine ends the utterance, one of a callback is logged; neither ends the thread.

    Args:
        transcriber: Used on the worker's thread only, from `warm_up` to `close`.
        on_interim: Gets interim text.
        on_final: Gets what came of an utterance.
        on_discarded: Gets the reason why what had begun was no utterance.
        on_ended: Gets the error that ended the source, or None, when everything before it is done.
        on_heard: Gets, after every block, the text so far and the sample up to which it was heard.
        max_queued_blocks: How many blocks may wait.

    All callbacks are called on the worker's thread and should be quick.
    """

    def __init__(
        self,
        transcriber: Transcriber,
        *,
        on_interim: Callable[[str], None],
        on_final: Callable[[FinalTranscript], None],
        on_discarded: Callable[[str], None],
        on_ended: Callable[[SourceError | None], None],
        on_heard: Callable[[HeardText], None] = lambda _: None,
        max_queued_blocks: int = DEFAULT_QUEUE_BLOCKS,
    ) -> None:
        self._transcriber = transcriber
        self._on_interim = on_interim
        self._on_final = on_final
        self._on_discarded = on_discarded
        self._on_ended = on_ended
        self._on_heard = on_heard
        self._max_queued_blocks = max_queued_blocks
        self._changed = threading.Condition()
        self._messages: deque[_Message] = deque()
        self._queued_blocks = 0
        self._lost_in_utterance = 0
        self._lost_blocks = 0
        self._closing = False
        self._ready = threading.Event()
        self._warm_up_error: Exception | None = None
        self._utterance = _UtteranceInWork()
        self._thread = threading.Thread(target=self._run, name="transcription", daemon=True)

    @property
    def lost_blocks(self) -> int:
        """How many blocks were dropped because the queue was full."""
        return self._lost_blocks

    @property
    def queued_blocks(self) -> int:
        """How many blocks wait for the engine now."""
        return self._queued_blocks

    def start(self) -> None:
        """Start the thread, which warms the engine up first; returns at once."""
        self._thread.start()

    def wait_until_ready(self, timeout_s: float) -> bool:
        """Wait until the engine is warm; return whether it was within `timeout_s` seconds.

        Raises:
            Exception: What the engine raised while it was warmed up.
        """
        ready = self._ready.wait(timeout_s)
        if self._warm_up_error is not None:
            raise self._warm_up_error
        return ready

    def speech_started(self, first_block: AudioBlock) -> None:  # noqa: ARG002  # the block comes again
        """Have the engine begin an utterance."""
        self._lost_in_utterance = 0
        self._enqueue(_Started())

    def speech_block(self, block: AudioBlock) -> None:
        """Queue the block, or drop it where the queue is full."""
        with self._changed:
            if self._queued_blocks >= self._max_queued_blocks:
                self._lost_in_utterance += 1
                self._lost_blocks += 1
                return
            if not self._closing:
                self._queued_blocks += 1
                self._messages.append(block)
                self._changed.notify()

    def speech_paused(self, last_voiced_sample: int) -> None:
        """Take note of a pause; the engine goes on with the blocks."""

    def speech_resumed(self) -> None:
        """Take note that the pause is over."""

    def speech_ended(self, utterance: Utterance) -> None:
        """Have the engine finish the utterance; what it measures belongs under the caller's span."""
        context = latency_kit.current_context()
        self._enqueue(_Ended(utterance, latency_kit.now_ns(), self._lost_in_utterance, context))

    def speech_discarded(self, reason: str) -> None:
        """Have the engine forget what it has begun."""
        self._enqueue(_Discarded(reason))

    def source_ended(self, error: SourceError | None) -> None:
        """Call `on_ended` when everything that has come is done."""
        self._enqueue(_SourceEnded(error))

    def close(self, timeout_s: float = 5.0) -> bool:
        """End the thread and close the engine; utterances in the queue end as CANCELLED. Idempotent.

        Returns:
            Whether the thread ended within `timeout_s` seconds. One that hangs in its engine is left behind
            (it does not keep the process alive), and its utterances get no `on_final`.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.ident is None:
            self._transcriber.close()
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _enqueue(self, message: _Message) -> None:
        with self._changed:
            if not self._closing:
                self._messages.append(message)
                self._changed.notify()

    def _run(self) -> None:
        try:
            self._transcriber.warm_up()
        except Exception as error:
            _LOGGER.exception("the transcription engine %s could not be warmed up", self._transcriber.name)
            self._warm_up_error = error
        self._ready.set()
        while (message := self._next_message()) is not None:
            self._take(message)
        self._cancel_rest()
        try:
            self._transcriber.close()
        except Exception:
            _LOGGER.exception("the transcription engine %s did not close", self._transcriber.name)

    def _next_message(self) -> _Message | None:
        with self._changed:
            while not self._messages and not self._closing:
                self._changed.wait()
            if self._closing:
                return None
            message = self._messages.popleft()
            if isinstance(message, AudioBlock):
                self._queued_blocks -= 1
            return message

    def _take(self, message: _Message) -> None:
        match message:
            case AudioBlock():
                interim = self._utterance.feed(self._transcriber, message)
                if interim is not None:
                    _call_back(self._on_interim, interim)
                _call_back(self._on_heard, self._utterance.heard(message))
            case _Started():
                self._utterance.begin(self._transcriber)
            case _Ended():
                with latency_kit.use_context(message.context):
                    _call_back(self._on_final, self._utterance.finish(self._transcriber, message))
            case _Discarded(reason):
                self._utterance.abandon(self._transcriber)
                _call_back(self._on_discarded, reason)
            case _SourceEnded(error):
                _call_back(self._on_ended, error)

    def _cancel_rest(self) -> None:
        self._utterance.abandon(self._transcriber)
        for message in self._messages:
            if isinstance(message, _Ended):
                _call_back(self._on_final, _cancelled(message))
        self._messages.clear()
        self._queued_blocks = 0


class _UtteranceInWork:
    """The utterance that the engine works at: what it was fed, and what it raised."""

    __slots__ = ("_error", "_fed_blocks", "_interim", "_is_open")

    def __init__(self) -> None:
        self._is_open = False
        self._error: Exception | None = None
        self._fed_blocks = 0
        self._interim = ""

    def begin(self, transcriber: Transcriber) -> None:
        self.abandon(transcriber)
        self._error = None
        self._fed_blocks = 0
        self._interim = ""
        try:
            transcriber.begin()
        except Exception as error:  # noqa: BLE001  # told with the utterance's end
            self._error = error
        else:
            self._is_open = True

    def feed(self, transcriber: Transcriber, block: AudioBlock) -> str | None:
        if not self._is_open:
            return None
        try:
            interim = _decode(transcriber, block)
        except Exception as error:  # noqa: BLE001  # told with the utterance's end
            self.abandon(transcriber)
            self._error = error
            return None
        self._fed_blocks += 1
        if interim is not None:
            self._interim = interim
        return interim

    def heard(self, block: AudioBlock) -> HeardText:
        return HeardText(text=self._interim, heard_to_sample=block.first_sample + len(block.samples))

    def finish(self, transcriber: Transcriber, ended: _Ended) -> FinalTranscript:
        started_ns = latency_kit.now_ns()
        transcript: Transcript | None = None
        state = FinalState.TRUNCATED if ended.lost_blocks else FinalState.COMPLETE
        if self._error is None and ended.lost_blocks and not self._fed_blocks:
            state = FinalState.DROPPED
            self.abandon(transcriber)
        elif self._error is None:
            self._is_open = False
            try:
                with latency_kit.use_context(ended.context):
                    transcript = transcriber.finish()
            except Exception as error:  # noqa: BLE001  # told with the result
                self._error = error
        if self._error is not None:
            state = FinalState.FAILED
        failure, self._error = self._error, None
        return FinalTranscript(
            utterance=ended.utterance,
            state=state,
            transcript=transcript,
            error=failure,
            queued_ns=ended.queued_ns,
            started_ns=started_ns,
            finished_ns=latency_kit.now_ns(),
            lost_blocks=ended.lost_blocks,
        )

    def abandon(self, transcriber: Transcriber) -> None:
        if self._is_open:
            self._is_open = False
            with contextlib.suppress(Exception):
                transcriber.abandon()


@latency_kit.measure_latency("transcription", "decode", span=False)
def _decode(transcriber: Transcriber, block: AudioBlock) -> str | None:
    return transcriber.feed(block)


def _cancelled(ended: _Ended) -> FinalTranscript:
    now_ns = latency_kit.now_ns()
    return FinalTranscript(
        utterance=ended.utterance,
        state=FinalState.CANCELLED,
        queued_ns=ended.queued_ns,
        started_ns=now_ns,
        finished_ns=now_ns,
        lost_blocks=ended.lost_blocks,
    )


def _call_back(callback: Callable[[_T], None], argument: _T) -> None:
    try:
        callback(argument)
    except Exception:
        _LOGGER.exception("a callback of the transcription worker failed")
