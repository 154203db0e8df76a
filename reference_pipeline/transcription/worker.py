"""The one inference thread: between the listening thread, which must never wait, and a transcriber.

Knows the ports only. What a final text means (segmentation, questions, answers) is decided by those who
are called back; which engine it is, and where the callbacks lead, by the composition.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import latency_kit
from latency_kit.budget import LatencyBudget
from reference_pipeline.events import AudioBlock, HeardText, Utterance
from reference_pipeline.ports import CompletenessJudge, SourceError, Transcriber
from reference_pipeline.transcription.final_transcript import FinalState, FinalTranscript
from reference_pipeline.transcription.provisional import Provisional, ProvisionalTexts
from reference_pipeline.transcription.utterance_in_work import UtteranceEnd, UtteranceInWork

__all__ = ["FinalState", "FinalTranscript", "Provisional", "TranscriptionWorker"]

_LOGGER = logging.getLogger(__name__)

DEFAULT_QUEUE_BLOCKS = 1000
"""Blocks that may wait: some 30 s of sound at 32 ms a block, far more than a working engine ever has."""


@dataclass(frozen=True, slots=True)
class _Started:
    pass


@dataclass(frozen=True, slots=True)
class _Paused:
    last_voiced_sample: int


@dataclass(frozen=True, slots=True)
class _Resumed:
    pass


@dataclass(frozen=True, slots=True)
class _Discarded:
    reason: str


@dataclass(frozen=True, slots=True)
class _SourceEnded:
    error: SourceError | None


_T = TypeVar("_T")

_Message = _Started | AudioBlock | _Paused | _Resumed | UtteranceEnd | _Discarded | _SourceEnded


class TranscriptionWorker:
    """A `SpeechSink` that has a transcriber work on a thread of its own.

    * The sink's methods never wait for the engine.
    * Each `speech_ended` before `close` leads to exactly one `on_final`, in order, whatever the engine does.
    * When the queue is full, blocks of sound are dropped and counted, never the ends of utterances.
    * Work on speculation and on interim text is given up as soon as it is told that it is for nothing.
    * An exception of the engine ends the utterance, one of a callback is logged; neither ends the thread.

    Args:
        transcriber: Used on the worker's thread only, from `warm_up` to `close`.
        on_interim: Gets interim text.
        on_final: Gets what came of an utterance.
        on_discarded: Gets the reason why what had begun was no utterance.
        on_ended: Gets the error that ended the source, or None, when everything before it is done.
        on_heard: Gets the text so far and the sample up to which it was heard, in a pause and when either has
            changed in it: while somebody speaks nobody asks whether the words may be all.
        on_provisional: Gets the text of the utterance if it ends at the pause that it is in, or where it will
            not change any more and its words are whole.
        judge: Judges that; without one only pauses count.
        budget: Of the whole turn, whose deadline also holds for its text; None sets none.
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
        on_provisional: Callable[[Provisional], None] = lambda _: None,
        judge: CompletenessJudge | None = None,
        budget: LatencyBudget | None = None,
        max_queued_blocks: int = DEFAULT_QUEUE_BLOCKS,
    ) -> None:
        self._transcriber = transcriber
        self._on_interim = on_interim
        self._on_final = on_final
        self._on_discarded = on_discarded
        self._on_ended = on_ended
        self._on_heard = on_heard
        self._on_provisional = on_provisional
        self._max_queued_blocks = max_queued_blocks
        self._changed = threading.Condition()
        self._messages: deque[_Message] = deque()
        self._queued_blocks = 0
        self._lost_in_utterance = 0
        self._lost_blocks = 0
        self._closing = False
        self._ready = threading.Event()
        self._warm_up_error: Exception | None = None
        self._utterance = UtteranceInWork(transcriber, budget=budget)
        self._provisional = ProvisionalTexts(judge)
        self._told_heard = self._utterance.heard
        self._is_paused = False
        self._next_number = 1
        self._thread = threading.Thread(target=self._run, name="transcription", daemon=True)

    @property
    def lost_blocks(self) -> int:
        """How many blocks were dropped because the queue was full."""
        return self._lost_blocks

    @property
    def next_number(self) -> int:
        """The number of the utterance that is open, or comes next; for callbacks."""
        return self._next_number

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
        """Have the engine speculate that the utterance ends here."""
        self._enqueue(_Paused(last_voiced_sample))

    def speech_resumed(self) -> None:
        """Have the engine give the speculation up and go on."""
        self._enqueue(_Resumed())

    def speech_ended(self, utterance: Utterance) -> None:
        """Have the engine finish the utterance; what it measures belongs under the caller's span."""
        context = latency_kit.current_context()
        self._enqueue(UtteranceEnd(utterance, latency_kit.now_ns(), self._lost_in_utterance, context))

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
            if isinstance(message, AudioBlock) and not self._messages:
                self._tell_agreed(self._utterance.interim(self._is_interim_wanted))
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
                self._tell_interim(self._utterance.feed(message))
                self._tell_heard()
            case _Started():
                self._utterance.begin()
                self._provisional.begin()
                self._is_paused = False
                self._told_heard = self._utterance.heard
            case _Paused(last_voiced_sample):
                self._speculate(last_voiced_sample)
            case _Resumed():
                self._is_paused = False
                for interim in self._utterance.resume():
                    self._tell_interim(interim)
            case UtteranceEnd():
                self._next_number = message.utterance.number + 1
                with latency_kit.use_context(message.context):
                    _call_back(self._on_final, self._utterance.finish(message))
            case _Discarded(reason):
                self._utterance.abandon()
                _call_back(self._on_discarded, reason)
            case _SourceEnded(error):
                _call_back(self._on_ended, error)

    def _speculate(self, last_voiced_sample: int) -> None:
        self._is_paused = True
        self._tell_heard()
        # Only of an engine that decodes what it is fed there are words already.
        whole = self._transcriber.is_streaming and self._provisional.is_whole(self._utterance.heard.text)
        transcript = self._utterance.pause(last_voiced_sample, self._is_speculation_wanted, whole=whole)
        if transcript is None:
            return
        self._tell_heard()
        if self._provisional.chooses_paused(transcript.text):
            self._tell_provisional(transcript.text)
        self._tell_agreed(transcript.agreed)

    def _tell_agreed(self, agreed: str | None) -> None:
        """Hand on text that will not change any more, where there is more of it."""
        self._tell_interim(agreed)
        if agreed is not None and self._provisional.chooses_agreed(agreed):
            self._tell_provisional(agreed)

    def _tell_provisional(self, text: str) -> None:
        _call_back(self._on_provisional, Provisional(number=self._next_number, text=text))

    def _tell_interim(self, interim: str | None) -> None:
        if interim is not None:
            _call_back(self._on_interim, interim)

    def _tell_heard(self) -> None:
        heard = self._utterance.heard
        if self._is_paused and heard is not self._told_heard:
            self._told_heard = heard
            _call_back(self._on_heard, heard)

    def _is_speculation_wanted(self) -> bool:
        with self._changed:
            taken_back = any(isinstance(message, _Resumed | _Discarded) for message in self._messages)
            return not taken_back and not self._closing

    def _is_interim_wanted(self) -> bool:
        with self._changed:
            only_sound = all(isinstance(message, AudioBlock) for message in self._messages)
            return only_sound and not self._closing

    def _cancel_rest(self) -> None:
        self._utterance.abandon()
        for message in self._messages:
            if isinstance(message, UtteranceEnd):
                _call_back(self._on_final, _cancelled(message))
        self._messages.clear()
        self._queued_blocks = 0


def _cancelled(ended: UtteranceEnd) -> FinalTranscript:
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
