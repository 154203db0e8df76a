"""The listening side: every block goes from the source through to the endpointer on the source's thread.

No queue and no thread lies between preprocessing, ring, gate, detector and endpointer; what follows an
utterance is told through the `SpeechSink` port, and nothing after that happens here.

Measured per block, in histograms only (no spans, for there are thirty blocks a second):
`capture.delivery` (from the capture of a block's last frame until this side takes it), `capture.preprocess`,
`capture.buffer` (writing the ring and cutting its blocks), `capture.energy_gate` and
`capture.voice_activity`.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

import latency_kit
from reference_pipeline.capture.endpointing import Endpointer
from reference_pipeline.capture.endpointing_events import (
    EndpointEvent,
    SpeechContinued,
    SpeechDiscarded,
    SpeechEnded,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
)
from reference_pipeline.capture.endpointing_settings import EndpointingSettings
from reference_pipeline.capture.energy_gate import EnergyGate, EnergyGateSettings
from reference_pipeline.capture.own_voice import OwnVoice
from reference_pipeline.capture.preprocessing import Preprocessed, Preprocessor
from reference_pipeline.capture.ring_buffer import RingBuffer
from reference_pipeline.events import AudioBlock, RawBlock, Understanding, Utterance
from reference_pipeline.ports import AudioSource, SourceError, SpeechSink, VoiceActivityDetector

__all__ = ["Heard", "Listener"]

_WARM_UP_BLOCKS = 4
"""Blocks before the gate opened that the detector hears after a rest: without context it answers late."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a listener has taken in so far.

    Attributes:
        samples: Samples at `SAMPLE_RATE` that reached the detector or the gate.
        blocks: Blocks of the detector's size.
        gated_blocks: Those of them that the energy gate kept from the detector.
        utterances: Utterances that were ended.
        discarded: Utterances that had begun and were no speech.
        own_blocks: Blocks that held the user's own voice only, and were taken for silence.
        overruns: Blocks that the source lost.
    """

    samples: int
    blocks: int
    gated_blocks: int
    utterances: int
    discarded: int
    own_blocks: int
    overruns: int


class Listener:
    """Hears utterances in the sound of a source.

    * The sink's calls come in the order that `SpeechSink` promises, and `source_ended` comes exactly once.
    * An utterance that is open when the source ends is ended first.
    * A failure in a stage or in the sink ends the listening with an error; it never reaches the source.
    """

    def __init__(
        self,
        source: AudioSource,
        detector: VoiceActivityDetector,
        sink: SpeechSink,
        *,
        endpointing: EndpointingSettings | None = None,
        gate: EnergyGateSettings | None = None,
        understood: Callable[[], Understanding | None] = lambda: None,
    ) -> None:
        """Prepare to listen.

        Args:
            source: Where the sound comes from.
            detector: Tells speech from the rest.
            sink: Is told of utterances.
            endpointing: Limits of the endpointer.
            gate: Limits of the energy gate.
            understood: The latest judgement of the open utterance; asked once a block, on the source's
                thread, and must be quick.
        """
        self._source = source
        self._detector = detector
        self._sink = sink
        self._preprocessor = Preprocessor(source.sample_rate)
        self._ring = RingBuffer(block_samples=detector.block_samples, keep_blocks=_WARM_UP_BLOCKS)
        self._gate = EnergyGate(gate)
        self._endpointer = Endpointer(endpointing, block_samples=detector.block_samples)
        self._understood = understood
        self._own_voice = OwnVoice()
        self._detector_rested = False
        self._ended = threading.Event()
        self._blocks = 0
        self._gated_blocks = 0
        self._own_blocks = 0
        self._utterances = 0
        self._discarded = 0

    @property
    def heard(self) -> Heard:
        """Figures so far; exact once the source has ended."""
        return Heard(
            samples=self._ring.position,
            blocks=self._blocks,
            gated_blocks=self._gated_blocks,
            utterances=self._utterances,
            discarded=self._discarded,
            own_blocks=self._own_blocks,
            overruns=self._source.overruns,
        )

    def start(self) -> None:
        """Begin to listen.

        Raises:
            SourceError: The source cannot begin.
        """
        self._source.start(self._take, self._finish)

    def stop(self) -> None:
        """End early; the sink hears of it through `source_ended`. Idempotent."""
        self._source.stop()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the source has ended and the sink knows; return False when the time was too short."""
        return self._ended.wait(timeout_s)

    def _take(self, raw: RawBlock) -> None:
        if self._ended.is_set():
            return
        taken_ns = latency_kit.now_ns()
        latency_kit.record(
            "capture", "delivery", start_ns=min(raw.captured_ns, taken_ns), end_ns=taken_ns, span=False
        )
        try:
            self._own_voice.heard(raw, self._source.sample_rate)
            self._hear(self._preprocess(raw))
        except Exception as error:  # noqa: BLE001  # else it would vanish in the sound card's thread
            _log.exception("listening to %s failed", self._source.name)
            self._close(SourceError(f"{self._source.name}: listening failed ({error}); see the log"))

    def _hear(self, prepared: Preprocessed) -> None:
        for block in self._cut(prepared):
            self._judge(block)

    def _judge(self, block: AudioBlock) -> None:
        self._blocks += 1
        admitted = self._admitted(block)
        if self._own_voice.covers(block, floor_power=self._gate.floor_power):
            self._own_blocks += 1
            self._detector_rested = True
            probability = 0.0
        elif admitted or self._endpointer.speaking:
            probability = self._detect(self._whole(block))
        else:
            self._gated_blocks += 1
            self._detector_rested = True
            probability = 0.0
        events = self._endpointer.feed(
            block, probability, noise_power=self._gate.floor_power, understood=self._understood()
        )
        self._tell(events)

    @latency_kit.measure_latency("capture", "preprocess", span=False)
    def _preprocess(self, raw: RawBlock) -> Preprocessed:
        return self._preprocessor.process(raw)

    @latency_kit.measure_latency("capture", "buffer", span=False)
    def _cut(self, prepared: Preprocessed) -> list[AudioBlock]:
        return self._ring.write(prepared.samples, self._preprocessor.time_of)

    @latency_kit.measure_latency("capture", "energy_gate", span=False)
    def _admitted(self, block: AudioBlock) -> bool:
        return self._gate.admits(block.samples)

    @latency_kit.measure_latency("capture", "voice_activity", span=False)
    def _detect(self, block: AudioBlock) -> float:
        if self._detector_rested:
            self._detector_rested = False
            self._detector.reset()
            for earlier in self._ring.kept:
                if earlier.first_sample < block.first_sample:
                    self._detector.speech_probability(earlier)
        return self._detector.speech_probability(block)

    def _tell(self, events: Sequence[EndpointEvent]) -> None:
        for event in events:
            match event:
                case SpeechStarted():
                    self._sink.speech_started(event.blocks[0])
                    for block in event.blocks:
                        self._sink.speech_block(block)
                case SpeechContinued():
                    self._sink.speech_block(event.block)
                case SpeechPaused():
                    self._sink.speech_paused(event.last_sample)
                case SpeechResumed():
                    self._sink.speech_resumed()
                case SpeechEnded():
                    self._utterances += 1
                    self._sink.speech_ended(self._utterance(event))
                case SpeechDiscarded():
                    self._discarded += 1
                    self._sink.speech_discarded(event.reason)

    def _utterance(self, event: SpeechEnded) -> Utterance:
        return Utterance(
            number=self._utterances,
            first_sample=event.first_sample,
            last_sample=event.last_sample,
            start_ns=event.start_ns,
            end_ns=event.end_ns,
            # A replay faster than real time has capture times ahead of the clock; a decision is never
            # earlier than the last sound that it rests on.
            decided_ns=max(latency_kit.now_ns(), event.heard_ns),
        )

    def _whole(self, block: AudioBlock) -> AudioBlock:
        """Return the block, the last one of a recording filled up with silence to what the detector takes."""
        missing = self._detector.block_samples - len(block.samples)
        if missing == 0:
            return block
        return replace(block, samples=np.pad(block.samples, (0, missing)))

    def _finish(self, failure: SourceError | None) -> None:
        if self._ended.is_set():
            return
        try:
            self._hear(self._preprocessor.finish())
            last = self._ring.flush(self._preprocessor.time_of)
            if last is not None:
                self._judge(last)
            self._tell(self._endpointer.finish())
        except Exception as error:  # noqa: BLE001  # the sink must hear of the end whatever breaks
            _log.exception("the end of %s could not be heard", self._source.name)
            failure = failure or SourceError(f"{self._source.name}: listening failed ({error}); see the log")
        self._close(failure)

    def _close(self, failure: SourceError | None) -> None:
        if not self._ended.is_set():
            self._ended.set()
            self._sink.source_ended(failure)
