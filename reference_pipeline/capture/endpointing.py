"""Endpointing: when an utterance begins and when it is over, from block probabilities.

A pure state machine. It reads no clock and calls nobody: a block and its speech probability go in, events
come out. What listens to sound and whom the events are told is `listener`'s matter.
How much silence ends an utterance is `patience`'s.
"""

from collections import deque
from collections.abc import Sequence

import numpy as np

from reference_pipeline.capture.boundaries import first_speech_sample, last_speech_sample, window_powers
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
from reference_pipeline.capture.patience import Patience
from reference_pipeline.events import SAMPLE_RATE, AudioBlock, Understanding

__all__ = ["Endpointer"]

_END_LOOK_BACK = 3
"""Blocks in which the last voiced sample is sought: the detector lags by at most about 70 ms."""


class Endpointer:
    """Cuts a stream of blocks into utterances.

    * Every utterance is `SpeechStarted`, `SpeechContinued` for each further block, and then exactly one of
      `SpeechEnded` and `SpeechDiscarded`.
    * `SpeechPaused` and `SpeechResumed` alternate within an utterance, beginning with `SpeechPaused`; one
      that ends while paused ends at the last sample told.
    * A judgement is heeded only where it rests on all that was voiced.
    * The blocks of an utterance are consecutive from its pre-roll to the decision, and no block belongs to
      two utterances.
    * An ended utterance has `first_sample < last_sample`, both within its blocks.
    * No utterance is longer than `max_utterance_ms` and its pre-roll and onset together.
    """

    def __init__(self, settings: EndpointingSettings | None = None, *, block_samples: int) -> None:
        self._settings = settings or EndpointingSettings()
        self._start_blocks = -(-_samples(self._settings.start_voiced_ms) // block_samples)
        pre_roll_blocks = -(-_samples(self._settings.pre_roll_ms) // block_samples)
        self._before: deque[AudioBlock] = deque(maxlen=pre_roll_blocks + self._start_blocks)
        self._recent: deque[AudioBlock] = deque(maxlen=_END_LOOK_BACK)
        self._patience = Patience(self._settings)
        self._near_share = 10 ** (-self._settings.near_db / 10)
        self._pause_limit = _samples(self._settings.pause_ms)
        self._reach = _samples(self._settings.pre_roll_ms)
        self._speaking = False
        self._voiced_run = 0
        self._voiced_samples = 0
        self._first_sample = 0
        self._start_ns = 0
        self._last_sample = 0
        self._end_ns = 0
        self._heard_ns = 0
        self._in_silence = False
        self._paused = False
        self._peak_power = 0.0

    @property
    def patience(self) -> Patience:
        """How long it waits, and what it has learned of the speaker."""
        return self._patience

    @property
    def speaking(self) -> bool:
        """Whether an utterance is open."""
        return self._speaking

    def feed(
        self,
        block: AudioBlock,
        probability: float,
        *,
        noise_power: float,
        understood: Understanding | None = None,
    ) -> Sequence[EndpointEvent]:
        """Take the next block.

        Args:
            block: Must follow the block before it.
            probability: Of speech in it; 0 where the energy gate kept the detector from running.
            noise_power: The noise floor as mean square, for the exact place of a boundary.
            understood: The latest judgement of what has been said so far.
        """
        self._heard_ns = block.end_ns
        if self._speaking:
            return self._continue(block, probability, noise_power, understood)
        return self._listen(block, probability, noise_power)

    def finish(self) -> Sequence[EndpointEvent]:
        """End an open utterance because no further block will come."""
        return (self._close(forced=False),) if self._speaking else ()

    def _listen(self, block: AudioBlock, probability: float, noise_power: float) -> Sequence[EndpointEvent]:
        self._before.append(block)
        self._voiced_run = self._voiced_run + 1 if probability >= self._settings.start_threshold else 0
        if self._voiced_run < self._start_blocks:
            return ()
        blocks = tuple(self._before)
        self._before.clear()
        voiced = blocks[-self._start_blocks :]
        first = first_speech_sample(
            blocks[: -self._start_blocks], voiced, noise_power=noise_power, reach=self._reach
        )
        self._speaking = True
        self._first_sample = first
        self._patience.began(first)
        self._start_ns = _time_in(blocks, first)
        self._voiced_samples = sum(len(each.samples) for each in voiced)
        self._peak_power = max(float(window_powers(each).max()) for each in voiced)
        self._recent.extend(voiced)
        self._mark_voiced(block)
        return (SpeechStarted(blocks=blocks, first_sample=first, start_ns=self._start_ns),)

    def _continue(
        self,
        block: AudioBlock,
        probability: float,
        noise_power: float,
        understood: Understanding | None,
    ) -> Sequence[EndpointEvent]:
        last_sample = self._last_sample
        if probability >= self._settings.keep_threshold and self._near(block):
            if self._in_silence:
                self._patience.went_on(self._last_sample, block.first_sample)
            self._voiced_samples += len(block.samples)
            self._peak_power = max(self._peak_power, float(np.max(window_powers(block))))
            self._recent.append(block)
            self._mark_voiced(block)
        else:
            self._weigh_silence(block, probability, noise_power)
        told: list[EndpointEvent] = []
        if self._paused and self._last_sample != last_sample:
            self._paused = False
            told.append(SpeechResumed())
        told.append(SpeechContinued(block=block))
        heard_to = block.first_sample + len(block.samples)
        silence = heard_to - self._last_sample if self._in_silence else 0
        if silence and silence >= self._patience.limit(understood, last_sample=self._last_sample):
            told.append(self._close(forced=False))
        elif heard_to - self._first_sample >= _samples(self._settings.max_utterance_ms):
            told.append(self._close(forced=True))
        elif silence >= self._pause_limit and not self._paused:
            self._paused = True
            told.append(SpeechPaused(last_sample=self._last_sample))
        return told

    def _weigh_silence(self, block: AudioBlock, probability: float, noise_power: float) -> None:
        """Find the last voiced sample when silence begins, and again where a block of it is in doubt.

        Where `last_speech_sample` finds nothing, the end of the last voiced block stands.
        """
        searched: list[AudioBlock] = []
        if not self._in_silence:
            self._in_silence = True
            searched.extend(self._recent)
        if probability >= self._settings.doubt_threshold and self._near(block):
            searched.append(block)
        found = last_speech_sample(searched, noise_power=noise_power, peak_power=self._peak_power)
        if found is not None:
            self._last_sample = max(found, self._first_sample + 1)
            self._end_ns = _time_in(searched, self._last_sample)

    def _near(self, block: AudioBlock) -> bool:
        """Return whether the block is loud enough to come from who began the utterance.

        Other people's talk behind is voice too, and would keep an utterance open for as long as they talk.
        """
        return float(np.mean(window_powers(block))) >= self._peak_power * self._near_share

    def _mark_voiced(self, block: AudioBlock) -> None:
        self._in_silence = False
        self._last_sample = block.first_sample + len(block.samples)
        self._end_ns = block.end_ns

    def _close(self, *, forced: bool) -> SpeechEnded | SpeechDiscarded:
        self._speaking = False
        self._in_silence = False
        self._paused = False
        self._voiced_run = 0
        self._recent.clear()
        voiced_ms = self._voiced_samples * 1000 // SAMPLE_RATE
        if voiced_ms < self._settings.min_voiced_ms:
            return SpeechDiscarded(
                reason=f"only {voiced_ms} ms voiced, {self._settings.min_voiced_ms} ms are needed"
            )
        self._patience.ended(self._last_sample, forced=forced)
        return SpeechEnded(
            first_sample=self._first_sample,
            last_sample=self._last_sample,
            start_ns=self._start_ns,
            end_ns=self._end_ns,
            heard_ns=self._heard_ns,
            forced=forced,
        )


def _samples(duration_ms: int) -> int:
    return duration_ms * SAMPLE_RATE // 1000


def _time_in(blocks: Sequence[AudioBlock], sample: int) -> int:
    """Return the capture time of a sample position that lies in one of `blocks` or just after the last."""
    for block in reversed(blocks):
        if sample >= block.first_sample:
            return block.time_of(sample)
    raise ValueError(f"sample {sample} lies before the blocks given")
