"""Transcription with faster-whisper: a Whisper model that is already on disk, one greedy pass an utterance.

The only module that imports faster_whisper. Nothing is ever downloaded from here. Whisper is not a
streaming model: what is said is collected, and transcribed when it has ended.
"""

import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import latency_kit
from latency_kit.errors import MissingExtraError
from reference_pipeline.events import SAMPLE_RATE, AudioBlock, Samples, Transcript
from reference_pipeline.ports import TranscriberError
from reference_pipeline.transcription.call_order import CallOrder

try:
    import faster_whisper  # type: ignore[import-untyped,unused-ignore]  # it ships no types
    from faster_whisper.tokenizer import (  # type: ignore[import-untyped,unused-ignore]  # the same
        Tokenizer,
    )
except ImportError as error:
    raise MissingExtraError("faster-whisper", "assistant") from error

__all__ = ["FasterWhisperTranscriber", "find_model"]

_FRAMES_PER_SECOND = 100
_FULL_WINDOW_FRAMES = 3000
"""What Whisper was trained on: 30 s."""

_WINDOW_STEP_FRAMES = 100
_WINDOW_MARGIN_FRAMES = 100
"""Silence after the speech within a short window; without any, the last word is often lost."""

_MOST_SAMPLES = (_FULL_WINDOW_FRAMES - _WINDOW_MARGIN_FRAMES) * SAMPLE_RATE // _FRAMES_PER_SECOND
"""More than this is transcribed while the speaker goes on, piece by piece."""

_TOKENS_PER_SECOND = 8
_SPARE_TOKENS = 8
_MOST_TOKENS = 224
"""Fast speech has some six tokens a second; a decoder that prints more than eight goes round in circles.
224 is half of Whisper's text context, which is what a CTranslate2 model can generate at most."""

_TIMESTAMPS = 1501
"""Tokens for 0.00 s to 30.00 s in steps of 20 ms, the last ones of every Whisper vocabulary."""

_MOST_REPETITIVE = 2.4
_LEAST_CERTAIN = -1.0
_NO_SPEECH = 0.6
"""Thresholds on compression ratio, average log probability and probability of no speech: those of the
Whisper paper, section 4.5 (and the defaults of faster-whisper)."""


_INAUDIBLE = 1e-4
"""Sound that stays below this (-80 dB of full scale) is not shown to the model, which makes words up."""


def find_model(size: str, directory: Path | None = None) -> Path:
    """Return the directory of a Whisper model that is on disk.

    Args:
        size: Such as "base.en"; one that faster-whisper knows, or the id of a repository.
        directory: The model's own directory, or one in which faster-whisper keeps models; None looks
            where Hugging Face libraries keep them (`HF_HOME`, `HF_HUB_CACHE`).

    Raises:
        TranscriberError: It is not there; the message says how to get it.
    """
    if directory is not None and (directory / "model.bin").is_file():
        return directory
    where = f"in {directory}" if directory is not None else "on this machine"
    try:
        cached = faster_whisper.download_model(
            size, local_files_only=True, cache_dir=None if directory is None else str(directory)
        )
    except ValueError as error:
        known = ", ".join(faster_whisper.available_models())
        if size not in faster_whisper.available_models() and "/" not in size:
            raise TranscriberError(f"there is no Whisper model {size!r}; known are: {known}") from error
        raise TranscriberError(_how_to_get(size, where)) from error
    except OSError as error:
        raise TranscriberError(_how_to_get(size, where)) from error
    if not (Path(cached) / "model.bin").is_file():
        raise TranscriberError(_how_to_get(size, where))
    return Path(cached)


def _how_to_get(size: str, where: str) -> str:
    return (
        f"no Whisper model {size!r} {where}; get it once, with network, by: "
        f'python -c "import faster_whisper; print(faster_whisper.download_model({size!r}))"'
    )


@dataclass(frozen=True, slots=True)
class _Decoded:
    text: str
    is_doubtful: bool
    is_silence: bool


class FasterWhisperTranscriber:
    """A `Transcriber` over a Whisper model in the CTranslate2 format.

    * Greedy, temperature 0 without a list of others, language fixed, no timestamps, no earlier text as
      context: one encoder and one decoder pass, so that the time depends on the length of what was said.
    * The encoder's window has the length of the utterance and a second of silence. Where the text is
      repetitive, uncertain or hits the bound of its length, it is made once more with the full window.
    * Silence has no words: sound below -80 dB of full scale is not shown to the model.
    * At most 29 s of sound are held; what goes beyond is transcribed piece by piece while it is fed.

    Args:
        model: Directory of the model.
        threads: Processor threads; None takes all cores but one.
        language: Language that is spoken.
        short_window: False always encodes 30 s.
        retry: False takes a doubtful text as it is, so that the time of one pass can be measured.

    Raises:
        TranscriberError: The model cannot be loaded.
    """

    def __init__(
        self,
        model: Path,
        *,
        threads: int | None = None,
        language: str = "en",
        short_window: bool = True,
        retry: bool = True,
    ) -> None:
        self._order = CallOrder(self.name)
        self._short_window = short_window
        self._retry = retry
        try:
            self._model = faster_whisper.WhisperModel(
                str(model),
                device="cpu",
                compute_type="int8",
                cpu_threads=threads or max(1, (os.cpu_count() or 2) - 1),
                local_files_only=True,
            )
            self._tokenizer = Tokenizer(
                self._model.hf_tokenizer,
                self._model.model.is_multilingual,
                task="transcribe",
                language=language,
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise TranscriberError(f"the Whisper model in {model} cannot be loaded: {error}") from error
        self._prompt = [*self._tokenizer.sot_sequence, self._tokenizer.no_timestamps]
        self._suppressed = _suppressed_tokens(self._tokenizer)
        self._samples: Samples = np.empty(_MOST_SAMPLES, np.float32)
        self._held = 0
        self._settled: list[str] = []

    @property
    def name(self) -> str:
        """The engine's name as reports show it."""
        return "faster-whisper"

    def warm_up(self) -> None:
        """Transcribe a second of silence, which allocates what inference needs.

        Raises:
            TranscriberError: An utterance is begun, or the transcriber is closed.
        """
        self._order.require_ready("warm_up")
        self._decode(np.zeros(SAMPLE_RATE, np.float32), self._window(SAMPLE_RATE))

    def begin(self) -> None:
        """Start a new utterance.

        Raises:
            TranscriberError: One is begun already, or the transcriber is closed.
        """
        self._order.begin()
        self._held = 0
        self._settled.clear()

    def feed(self, block: AudioBlock) -> str | None:
        """Keep the block; return text where a piece of a long utterance was transcribed.

        Raises:
            TranscriberError: No utterance is begun, or the inference failed.
        """
        self._order.require_open("feed")
        samples = block.samples
        interim = None
        while self._held + len(samples) > _MOST_SAMPLES:
            fitting = _MOST_SAMPLES - self._held
            self._keep(samples[:fitting])
            samples = samples[fitting:]
            self._settle()
            interim = self._text()
        self._keep(samples)
        return interim

    def finish(self) -> Transcript:
        """Transcribe what was fed.

        Raises:
            TranscriberError: No utterance is begun, or the inference failed.
        """
        self._order.end("finish")
        if self._held:
            self._settle()
        return Transcript(text=self._text(), engine=self.name, final=True)

    def abandon(self) -> None:
        """Forget the utterance.

        Raises:
            TranscriberError: No utterance is begun.
        """
        self._order.end("abandon")
        self._held = 0

    def close(self) -> None:
        """Free the model; idempotent."""
        if not self._order.is_closed:
            self._order.close()
            del self._model, self._tokenizer

    def _keep(self, samples: Samples) -> None:
        self._samples[self._held : self._held + len(samples)] = samples
        self._held += len(samples)

    def _settle(self) -> None:
        samples = self._samples[: self._held]
        self._held = 0
        if max(samples.max(), -samples.min()) < _INAUDIBLE:
            return
        text = self._infer(samples)
        if text:
            self._settled.append(text)

    def _text(self) -> str:
        return " ".join(self._settled)

    @latency_kit.measure_latency("transcription", "whisper_inference")
    def _infer(self, samples: Samples) -> str:
        window = self._window(len(samples))
        try:
            decoded = self._decode(samples, window)
            if decoded.is_doubtful and self._retry and window < _FULL_WINDOW_FRAMES:
                decoded = self._decode(samples, _FULL_WINDOW_FRAMES)
        except (RuntimeError, ValueError) as error:
            raise TranscriberError(f"faster-whisper failed: {error}") from error
        return "" if decoded.is_silence else decoded.text

    def _window(self, samples: int) -> int:
        """Return how many frames the encoder gets, a whole number of seconds."""
        if not self._short_window:
            return _FULL_WINDOW_FRAMES
        needed = samples * _FRAMES_PER_SECOND // SAMPLE_RATE + _WINDOW_MARGIN_FRAMES
        return min(-(-needed // _WINDOW_STEP_FRAMES) * _WINDOW_STEP_FRAMES, _FULL_WINDOW_FRAMES)

    def _decode(self, samples: Samples, window: int) -> _Decoded:
        features = self._model.feature_extractor(samples)[:, :window]
        padded = np.pad(features, ((0, 0), (0, window - features.shape[1])))
        most_tokens = _most_tokens(len(samples))
        result = self._model.model.generate(
            self._model.encode(padded),
            [self._prompt],
            beam_size=1,
            # CTranslate2 generates at most half of what it is told here.
            max_length=2 * most_tokens,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=self._suppressed,
        )[0]
        tokens = result.sequences_ids[0]
        text = self._tokenizer.decode(tokens).strip()
        certainty = result.scores[0] * len(tokens) / (len(tokens) + 1)
        return _Decoded(
            text=text,
            is_doubtful=certainty < _LEAST_CERTAIN
            or _repetitiveness(text) > _MOST_REPETITIVE
            or len(tokens) >= most_tokens,
            is_silence=result.no_speech_prob > _NO_SPEECH and certainty < _LEAST_CERTAIN,
        )


def _most_tokens(samples: int) -> int:
    return min(_SPARE_TOKENS + _TOKENS_PER_SECOND * samples // SAMPLE_RATE, _MOST_TOKENS)


def _repetitiveness(text: str) -> float:
    """Return the compression ratio of the text, by which loops are found."""
    encoded = text.encode()
    return len(encoded) / len(zlib.compress(encoded)) if encoded else 0.0


def _suppressed_tokens(tokenizer: Tokenizer) -> list[int]:
    """Return the tokens that are never printed: notes such as [music], and all special ones but the end."""
    last = tokenizer.timestamp_begin + _TIMESTAMPS
    return sorted({*tokenizer.non_speech_tokens, *range(tokenizer.eot + 1, last)})
