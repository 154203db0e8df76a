"""Streaming transcription with pocketsphinx 5 and the model of its wheel: the offline default.

Decodes while the speaker speaks, so that after the end of the utterance only the best path through the word
lattice is left to find. The decoder is made in `pocketsphinx_decoder`; threads and queues live in `worker`.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reference_pipeline.events import SAMPLE_RATE, AudioBlock, Samples, Transcript
from reference_pipeline.ports import TranscriberError
from reference_pipeline.transcription.call_order import CallOrder
from reference_pipeline.transcription.domain_language_model import (
    TERM_PROBABILITY,
    Term,
    spoken_text,
)
from reference_pipeline.transcription.pocketsphinx_decoder import FIRST_CEPSTRAL_MEAN, load_decoder

__all__ = ["PocketsphinxTranscriber"]

_SLICE_SAMPLES = SAMPLE_RATE // 100
"""Decoded in one call. The decoder keeps the interpreter lock, which is offered to others in between."""

_LONG_SAMPLES = 20 * SAMPLE_RATE
"""After this much the words so far are settled at the next silence. The search for the best path grows faster
than the utterance: 11 ms after 7 s, 87 ms after 36 s, 740 ms after 110 s."""

_TOO_LONG_SAMPLES = 40 * SAMPLE_RATE
"""After this much they are settled at once, which may cost a word."""

_SILENT_FRAMES = 20
"""Frames of 10 ms without a word that count as a silence between words."""

_LARGEST_INT16 = 32767.0


class PocketsphinxTranscriber:
    """A `Transcriber` that decodes block by block.

    * `finish` takes no longer for a long utterance than for one of 40 s.
    * What is abandoned, and what held no word, leaves no trace: the cepstral mean, which is carried from
      utterance to utterance because it adapts to voice and microphone, goes back to where it was.
    * Nothing is written to stdout or stderr.

    Args:
        language_model: An n-gram model (ARPA or binary) in place of the wheel's.
        dictionary: A pronunciation dictionary in place of the wheel's.
        domain_terms: Words and phrases that are made likelier, and known where they are not.
        domain_probability: Of each of them.

    Raises:
        TranscriberError: The model or the dictionary cannot be loaded.
    """

    def __init__(
        self,
        *,
        language_model: Path | None = None,
        dictionary: Path | None = None,
        domain_terms: Sequence[Term] = (),
        domain_probability: float = TERM_PROBABILITY,
    ) -> None:
        self._order = CallOrder(self.name)
        self._decoder = load_decoder(language_model, dictionary, domain_terms, domain_probability)
        self._cepstral_mean = FIRST_CEPSTRAL_MEAN
        self._fed_samples = 0
        self._settled: list[str] = []
        self._is_decoding = False
        self._shown = ""
        self._scaled: Samples = np.empty(0, np.float32)
        self._pcm: NDArray[np.int16] = np.empty(0, np.int16)

    @property
    def name(self) -> str:
        """The engine's name as reports show it."""
        return "pocketsphinx"

    @property
    def is_streaming(self) -> bool:
        """True: it decodes block by block."""
        return True

    @property
    def interim_is_stable(self) -> bool:
        """False: it tells its best hypothesis, any word of which may still change."""
        return False

    def warm_up(self) -> None:
        """Decode some silence, which maps the model into memory.

        Raises:
            TranscriberError: An utterance is begun, or the transcriber is closed.
        """
        self._order.require_ready("warm_up")
        quiet = np.zeros(SAMPLE_RATE // 4, np.float32)
        self.begin()
        self.feed(AudioBlock(samples=quiet, first_sample=0, start_ns=0))
        self.finish()

    def begin(self) -> None:
        """Start a new utterance.

        Raises:
            TranscriberError: One is begun already, or the transcriber is closed.
        """
        self._order.begin()
        self._cepstral_mean = self._decoder.get_cmn()
        self._settled.clear()
        self._shown = ""
        self._decode_on()

    def feed(self, block: AudioBlock) -> str | None:
        """Decode the block; return the words so far when they have changed.

        Raises:
            TranscriberError: No utterance is begun, or the decoder failed.
        """
        self._order.require_open("feed")
        if not self._is_decoding:
            self._decode_on()
        octets = self._as_pcm(block.samples).view(np.uint8)
        try:
            for start in range(0, len(octets), 2 * _SLICE_SAMPLES):
                self._decoder.process_raw(octets[start : start + 2 * _SLICE_SAMPLES])
                time.sleep(0)
        except RuntimeError as error:
            raise TranscriberError(f"pocketsphinx failed on a block of sound: {error}") from error
        self._fed_samples += len(block.samples)
        if self._fed_samples >= _LONG_SAMPLES:
            self._settle_where_silent()
        text = self._text()
        if text == self._shown:
            return None
        self._shown = text
        return text

    def interim(self, wanted: Callable[[], bool]) -> str | None:
        """Return None: `feed` has told everything.

        Raises:
            TranscriberError: No utterance is begun.
        """
        del wanted  # nothing is begun that could be given up
        self._order.require_open("interim")
        return None

    def speculate(self, wanted: Callable[[], bool], *, whole: bool = False) -> Transcript | None:
        """Return the words so far; where they seem to be all, by the best path, as they will be.

        The decoder cannot go on after that search: what is said after all is decoded as if it stood alone.
        Where words seem to be all that is nearly so, and the search is done in a silence that is waited for.

        Raises:
            TranscriberError: No utterance is begun.
        """
        self._order.require_open("speculate")
        if not wanted():
            return None
        if whole and self._is_decoding and self._text():
            self._settle()
        return Transcript(text=self._text(), engine=self.name, final=not self._is_decoding)

    def finish(self) -> Transcript:
        """Return the final text.

        Raises:
            TranscriberError: No utterance is begun.
        """
        self._order.end("finish")
        if self._is_decoding:
            self._settle()
        text = self._text()
        if not text:
            self._decoder.set_cmn(self._cepstral_mean)
        return Transcript(text=text, engine=self.name, final=True)

    def abandon(self) -> None:
        """Forget the utterance, and what it did to the cepstral mean.

        Raises:
            TranscriberError: No utterance is begun.
        """
        self._order.end("abandon")
        if self._is_decoding:
            self._settle()
        self._decoder.set_cmn(self._cepstral_mean)

    def close(self) -> None:
        """Free the model; idempotent."""
        if not self._order.is_closed:
            self._order.close()
            del self._decoder

    def _as_pcm(self, samples: Samples) -> NDArray[np.int16]:
        """Return 16-bit samples in a buffer that the next call reuses."""
        count = len(samples)
        if count > len(self._pcm):
            self._scaled = np.empty(count, np.float32)
            self._pcm = np.empty(count, np.int16)
        scaled, pcm = self._scaled[:count], self._pcm[:count]
        np.clip(samples, -1.0, 1.0, out=scaled)
        np.multiply(scaled, _LARGEST_INT16, out=scaled)
        np.copyto(pcm, scaled, casting="unsafe")
        return pcm

    def _settle_where_silent(self) -> None:
        if self._silent_frames() < _SILENT_FRAMES and self._fed_samples < _TOO_LONG_SAMPLES:
            return
        self._settle()
        self._decode_on()

    def _decode_on(self) -> None:
        self._decoder.start_utt()
        self._fed_samples = 0
        self._is_decoding = True

    def _settle(self) -> None:
        """End the search, and keep its words."""
        self._decoder.end_utt()
        words = self._words()
        self._is_decoding = False
        if words:
            self._settled.append(words)

    def _silent_frames(self) -> int:
        """Return how long nothing has been said: the length of the last segment where that is no word."""
        last = None
        for segment in self._decoder.seg() or ():
            last = segment
        if last is None or last.word not in ("<sil>", "</s>"):
            return 0
        return int(last.end_frame - last.start_frame)

    def _text(self) -> str:
        return " ".join((*self._settled, self._words() if self._is_decoding else "")).strip()

    def _words(self) -> str:
        """Return the words of the search that the decoder is at, or has just ended."""
        hypothesis = self._decoder.hyp()
        return spoken_text(hypothesis.hypstr) if hypothesis is not None else ""
