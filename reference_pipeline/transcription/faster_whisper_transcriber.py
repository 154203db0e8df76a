"""Transcription with a Whisper model: what is said is collected, and transcribed when it has ended.

Whisper is not a streaming model. Interim text is made by transcribing what has been said so far now and
then, and showing what two successive attempts agree on; in a pause the whole is transcribed on speculation.
"""

from collections.abc import Callable, Sequence

import numpy as np

from reference_pipeline.events import SAMPLE_RATE, AudioBlock, Samples, Transcript
from reference_pipeline.shedding import Step
from reference_pipeline.transcription.call_order import CallOrder
from reference_pipeline.transcription.inference_queue import Urgency
from reference_pipeline.transcription.local_agreement import LocalAgreement
from reference_pipeline.transcription.whisper_engine import FULL_WINDOW_SAMPLES, Hypothesis, WhisperEngine

__all__ = ["FasterWhisperTranscriber"]

_INAUDIBLE = 1e-4
"""Sound that stays below this (-80 dB of full scale) is not shown to the model, which makes words up."""

_FIRST_INTERIM_SAMPLES = SAMPLE_RATE
"""Of less than a second Whisper makes up more than it hears."""

_INTERIM_STEP_SAMPLES = SAMPLE_RATE // 2

_MOST_INTERIM_SAMPLES = 6 * SAMPLE_RATE
"""What the engine has begun cannot be stopped, and the final text waits for it: over more than this it would
take more than half a second. What is said beyond is shown in pauses, as far as the texts of two agree."""

_NEWEST_SAMPLES = SAMPLE_RATE // 25
_QUIET = 0.2
"""Where the newest 40 ms are weaker than this share of all (14 dB), somebody pauses, and final text may be
wanted next; between words too, and then interim text comes a block later."""


class FasterWhisperTranscriber:
    """A `Transcriber` over a Whisper model in the CTranslate2 format.

    * Interim text only ever grows, and the final text begins with it: what two hypotheses agreed on is the
      beginning of every later one.
    * Interim work is not begun while the speaker is silent, and given up after the encoder's pass when it is
      no longer wanted.
    * Silence has no words: sound below -80 dB of full scale is not shown to the model.
    * At most 29.5 s of sound are held; what goes beyond is transcribed piece by piece while it is fed.

    Args:
        engine: The model; other transcribers may share it.
        interim: False makes no interim text.
    """

    def __init__(self, engine: WhisperEngine, *, interim: bool = True) -> None:
        self._engine = engine
        self._interim = interim
        self._order = CallOrder(self.name)
        self._samples: Samples = np.empty(FULL_WINDOW_SAMPLES, np.float32)
        self._held = 0
        self._settled: list[str] = []
        self._agreement = LocalAgreement(engine.begins_word)
        self._next_interim = _FIRST_INTERIM_SAMPLES
        self._speculated: str | None = None

    @property
    def name(self) -> str:
        """The engine's name as reports show it."""
        return WhisperEngine.name

    @property
    def is_streaming(self) -> bool:
        """False: `feed` keeps the sound for later."""
        return False

    @property
    def interim_is_stable(self) -> bool:
        """True: only what successive hypotheses agree on is told."""
        return True

    def warm_up(self) -> None:
        """Have the engine transcribe a second of silence.

        Raises:
            TranscriberError: An utterance is begun, the transcriber is closed, or the inference failed.
        """
        self._order.require_ready("warm_up")
        self._engine.warm_up()

    def begin(self) -> None:
        """Start a new utterance.

        Raises:
            TranscriberError: One is begun already, or the transcriber is closed.
        """
        self._order.begin()
        self._settled.clear()
        self._empty()

    def feed(self, block: AudioBlock) -> str | None:
        """Keep the block; return text where a piece of a long utterance was transcribed.

        Raises:
            TranscriberError: No utterance is begun, or the inference failed.
        """
        self._order.require_open("feed")
        samples = block.samples
        interim = None
        while self._held + len(samples) > FULL_WINDOW_SAMPLES:
            fitting = FULL_WINDOW_SAMPLES - self._held
            self._keep(samples[:fitting])
            samples = samples[fitting:]
            self._settle()
            interim = self._text()
        self._keep(samples)
        return interim

    def interim(self, wanted: Callable[[], bool]) -> str | None:
        """Transcribe what has been said so far where it is time for that and the engine welcomes it.

        Raises:
            TranscriberError: No utterance is begun, or the inference failed.
        """
        self._order.require_open("interim")
        made = self._interim and Step.INTERIM_TEXT not in self._engine.pressed()
        due = made and self._next_interim <= self._held <= _MOST_INTERIM_SAMPLES
        if not due or not self._engine.queue.welcomes_interim or not self._is_speaking():
            return None
        heard = self._infer(Urgency.INTERIM, wanted)
        self._next_interim = self._held + _INTERIM_STEP_SAMPLES
        return self._agreed_text(heard)

    def speculate(self, wanted: Callable[[], bool], *, whole: bool = False) -> Transcript | None:
        """Transcribe the utterance as if it ended here.

        Raises:
            TranscriberError: No utterance is begun, or the inference failed.
        """
        del whole  # the sound is kept, so that every such text is final
        self._order.require_open("speculate")
        agreed = None
        if self._speculated is None and not self._is_audible():
            self._speculated = ""
        if self._speculated is None:
            heard = self._infer(Urgency.SPECULATIVE, wanted)
            if heard is None:
                return None
            self._speculated = heard.text
            agreed = self._agreed_text(heard)
        agreed = agreed if self._interim else None
        return Transcript(text=self._text(self._speculated), engine=self.name, final=True, agreed=agreed)

    def finish(self) -> Transcript:
        """Transcribe what was fed, or return what was speculated where nothing was fed since.

        Raises:
            TranscriberError: No utterance is begun, or the inference failed.
        """
        self._order.end("finish")
        if self._speculated is not None:
            text = self._text(self._speculated)
        else:
            self._settle()
            text = self._text()
        return Transcript(text=text, engine=self.name, final=True)

    def abandon(self) -> None:
        """Forget the utterance.

        Raises:
            TranscriberError: No utterance is begun.
        """
        self._order.end("abandon")
        self._empty()

    def close(self) -> None:
        """Let go of the engine; idempotent."""
        if not self._order.is_closed:
            self._order.close()
            del self._engine, self._agreement

    def _keep(self, samples: Samples) -> None:
        if len(samples):
            self._samples[self._held : self._held + len(samples)] = samples
            self._held += len(samples)
            self._speculated = None

    def _empty(self) -> None:
        self._held = 0
        self._next_interim = _FIRST_INTERIM_SAMPLES
        self._speculated = None
        self._agreement.forget()

    def _is_audible(self) -> bool:
        samples = self._samples[: self._held]
        return bool(self._held) and max(samples.max(), -samples.min()) >= _INAUDIBLE

    def _is_speaking(self) -> bool:
        """Whether the newest sound is as loud as speech, rather than the beginning of a pause."""
        held, newest = self._samples[: self._held], self._samples[self._held - _NEWEST_SAMPLES : self._held]
        return self._is_audible() and _loudness(newest) >= _QUIET * _loudness(held)

    def _settle(self) -> None:
        heard = self._infer(Urgency.FINAL, lambda: True) if self._is_audible() else None
        if heard is not None and heard.text:
            self._settled.append(heard.text)
        self._empty()

    def _infer(self, urgency: Urgency, wanted: Callable[[], bool]) -> Hypothesis | None:
        return self._engine.infer(
            self._samples[: self._held], urgency=urgency, prefix=self._agreement.agreed, wanted=wanted
        )

    def _agreed_text(self, heard: Hypothesis | None) -> str | None:
        """Compare the hypothesis with the one before it; return all agreed text where there is more of it."""
        if heard is None or heard.is_doubtful or not self._agreement.compare(heard.tokens):
            return None
        return self._text(self._text_of(self._agreement.agreed))

    def _text_of(self, tokens: Sequence[int]) -> str:
        return self._engine.text_of(tokens)

    def _text(self, last: str = "") -> str:
        return " ".join(filter(None, (*self._settled, last)))


def _loudness(samples: Samples) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.dot(samples, samples) / len(samples)))
