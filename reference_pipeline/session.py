"""One session: a source of sound, the thread that listens, the one that transcribes, and the event loop.

The threads are started and ended here, and utterances are handed from one to the next with their turn.
"""

import asyncio
import logging
from collections.abc import Callable

import latency_kit
from reference_pipeline.capture.listener import Listener
from reference_pipeline.capture.understanding import LatestUnderstanding
from reference_pipeline.conversation import Conversation, Stages, TurnBudgets
from reference_pipeline.events import AnswerCost, AudioBlock, Utterance
from reference_pipeline.ports import AudioSource, SourceError, Transcriber, VoiceActivityDetector
from reference_pipeline.settings import ConversationSettings
from reference_pipeline.transcription.worker import FinalTranscript, TranscriptionWorker
from reference_pipeline.turn import Turn, TurnRecord

__all__ = ["Session"]

_WARM_UP_LIMIT_S = 120.0
_LAST_ANSWERS_LIMIT_S = 30.0

_log = logging.getLogger(__name__)


class Session:
    """Runs from the first block of its source to the end of its last turn.

    * Every utterance ends in exactly one record, in `records`.
    * Its traces are its own: a turn begins a new trace, whatever else the process does.
    * The threads it started have ended when `run` returns.
    """

    def __init__(
        self,
        *,
        source: AudioSource,
        detector: VoiceActivityDetector,
        transcriber: Transcriber,
        stages: Stages,
        settings: ConversationSettings,
        budgets: TurnBudgets,
        on_turn: Callable[[TurnRecord], None] | None = None,
    ) -> None:
        self._source = source
        self._detector = detector
        self._transcriber = transcriber
        self._stages = stages
        self._settings = settings
        self._budgets = budgets
        self._on_turn = on_turn
        self._records: list[TurnRecord] = []
        self._turns: dict[int, Turn] = {}
        self._stopping = asyncio.Event()
        self._all_heard = asyncio.Event()
        self._failure: SourceError | None = None
        self._lost_blocks = 0
        self._unclaimed_cost = AnswerCost()

    @property
    def records(self) -> tuple[TurnRecord, ...]:
        """The turns that have ended, in the order in which they were spoken."""
        return tuple(sorted(self._records, key=lambda record: record.number))

    @property
    def lost_blocks(self) -> int:
        """Blocks of speech that did not fit before the engine; known when `run` has returned."""
        return self._lost_blocks

    @property
    def unclaimed_cost(self) -> AnswerCost:
        """Of requests for what became no turn, after the last record; known when `run` has returned."""
        return self._unclaimed_cost

    def stop(self) -> None:
        """End the session soon: no more is heard, what was asked is still answered."""
        self._stopping.set()

    async def run(self) -> None:
        """Run until the source ends or `stop` is called.

        Raises:
            SourceError: The source could not begin, or was lost on the way.
            TranscriberError: The engine could not be warmed up.
        """
        loop = asyncio.get_running_loop()
        conversation = Conversation(
            self._stages, settings=self._settings, budgets=self._budgets, on_turn=self._ended
        )
        understood = LatestUnderstanding(self._stages.decider)
        transcriber = self._transcriber

        def discarded(reason: str) -> None:
            _log.debug("discarded: %s", reason)
            _call_soon(loop, conversation.speech_discarded, worker.next_number)

        worker = TranscriptionWorker(
            transcriber,
            on_interim=lambda text: _call_soon(
                loop, conversation.heard_interim, text, len(text) if transcriber.interim_is_stable else 0
            ),
            on_heard=understood.heard,
            on_final=lambda final: _call_soon(loop, self._heard, conversation, final),
            on_provisional=lambda provisional: _call_soon(
                loop, conversation.heard_provisional, provisional.number, provisional.text
            ),
            on_discarded=discarded,
            on_ended=lambda error: _call_soon(loop, self._source_ended, error),
            judge=self._stages.decider,
            budget=self._budgets.end_to_end,
        )
        listener = Listener(
            self._source,
            self._detector,
            _TurnSink(
                worker,
                self._turns,
                understood,
                on_started=lambda: _call_soon(loop, conversation.speech_started),
            ),
            understood=understood.latest,
        )
        worker.start()
        try:
            if not await asyncio.to_thread(worker.wait_until_ready, _WARM_UP_LIMIT_S):
                raise SourceError(f"{self._transcriber.name} was not ready after {_WARM_UP_LIMIT_S:g} s")
            listener.start()
            await self._stopping.wait()
            await asyncio.to_thread(listener.stop)
            # What was being said is cut there and still transcribed.
            async with asyncio.timeout(_LAST_ANSWERS_LIMIT_S):
                await self._all_heard.wait()
            await conversation.finish(_LAST_ANSWERS_LIMIT_S)
        finally:
            await asyncio.to_thread(listener.stop)
            await asyncio.to_thread(worker.close)
            self._lost_blocks = worker.lost_blocks
            await conversation.finish(0.0)
            self._unclaimed_cost = conversation.unclaimed_cost
        if self._failure is not None:
            raise self._failure

    def _heard(self, conversation: Conversation, final: FinalTranscript) -> None:
        conversation.heard(self._turns.pop(final.utterance.number), final)

    def _source_ended(self, error: SourceError | None) -> None:
        self._failure = error
        self._stopping.set()
        self._all_heard.set()

    def _ended(self, record: TurnRecord) -> None:
        self._records.append(record)
        if self._on_turn is not None:
            self._on_turn(record)


class _TurnSink:
    """Begins a turn when an utterance ends, and passes everything on to the transcription worker.

    The engine's own measurements then belong to the turn that they are for.
    """

    def __init__(
        self,
        worker: TranscriptionWorker,
        turns: dict[int, Turn],
        understood: LatestUnderstanding,
        *,
        on_started: Callable[[], None],
    ) -> None:
        self._worker = worker
        self._on_started = on_started
        self._turns = turns
        self._understood = understood

    def speech_started(self, first_block: AudioBlock) -> None:
        self._understood.forget()
        self._on_started()
        self._worker.speech_started(first_block)

    def speech_block(self, block: AudioBlock) -> None:
        self._worker.speech_block(block)

    def speech_paused(self, last_voiced_sample: int) -> None:
        self._worker.speech_paused(last_voiced_sample)

    def speech_resumed(self) -> None:
        self._worker.speech_resumed()

    def speech_ended(self, utterance: Utterance) -> None:
        turn = self._turns[utterance.number] = Turn(utterance)
        with latency_kit.use_context(turn.context):
            self._worker.speech_ended(utterance)

    def speech_discarded(self, reason: str) -> None:
        self._worker.speech_discarded(reason)

    def source_ended(self, error: SourceError | None) -> None:
        self._worker.source_ended(error)


def _call_soon(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: object) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(function, *arguments)
