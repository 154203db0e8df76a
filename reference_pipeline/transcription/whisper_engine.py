"""A Whisper model that is already on disk, and one greedy pass of it over a piece of sound.

The only module that imports faster_whisper. Nothing is ever downloaded from here. One engine may serve
several sessions; what an utterance is, `faster_whisper_transcriber` knows.
"""

import os
import zlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import latency_kit
from latency_kit import Outcome
from latency_kit.errors import MissingExtraError
from latency_kit.units import ns_to_ms
from reference_pipeline.events import SAMPLE_RATE, Samples
from reference_pipeline.ports import TranscriberError
from reference_pipeline.shedding import Step
from reference_pipeline.transcription.inference_queue import InferenceQueue, Urgency

try:
    import faster_whisper  # type: ignore[import-untyped,unused-ignore]  # it ships no types
    from faster_whisper.tokenizer import (  # type: ignore[import-untyped,unused-ignore]  # the same
        Tokenizer,
    )
except ImportError as error:
    raise MissingExtraError("faster-whisper", "assistant") from error

__all__ = ["FULL_WINDOW_SAMPLES", "Hypothesis", "WhisperEngine", "find_model"]

_FRAMES_PER_SECOND = 100
_FULL_WINDOW_FRAMES = 3000
"""What Whisper was trained on: 30 s."""

_WINDOW_STEP_FRAMES = 20
_WINDOW_MARGIN_FRAMES = 50
"""Silence after the sound within a short window, beside the pause that the sound ends with; without any,
the last word is often lost."""

FULL_WINDOW_SAMPLES = (_FULL_WINDOW_FRAMES - _WINDOW_MARGIN_FRAMES) * SAMPLE_RATE // _FRAMES_PER_SECOND
"""More than this does not fit into one pass."""

_TOKENS_PER_SECOND = 8
_SPARE_TOKENS = 8
_MOST_TOKENS = 224
"""Fast speech has some six tokens a second; a decoder that prints more than eight goes round in circles.
224 is half of Whisper's text context, which is what a CTranslate2 model can generate at most."""

_TIMESTAMPS = 1501
"""Tokens for 0.00 s to 30.00 s in steps of 20 ms, the last ones of every Whisper vocabulary."""

_FULL_WINDOW_SERIES = ("transcription", "full_window_inference")

_AFTER_TEXT_MS = 1000
"""What must remain of the turn after a second pass: the first words of an answer take about that."""

_MOST_REPETITIVE = 2.4
_LEAST_CERTAIN = -1.0
_NO_SPEECH = 0.6
"""Thresholds on compression ratio, average log probability and probability of no speech: those of the
Whisper paper, section 4.5 (and the defaults of faster-whisper)."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """What one inference heard.

    Attributes:
        tokens: Of the text, the prefix that was given included.
        text: The same as text; empty where the model is sure that nobody spoke.
        is_doubtful: Whether it is repetitive, uncertain, or was cut at its bound.
    """

    tokens: tuple[int, ...]
    text: str
    is_doubtful: bool


class WhisperEngine:
    """A loaded Whisper model. Sessions on several threads may share it; one of them infers at a time.

    * Greedy, temperature 0 without a list of others, language fixed, no timestamps, no earlier text as
      context: one encoder and one decoder pass, so that the time depends on the length of the sound.
    * The encoder's window has the length of the sound and half a second of silence. Where the text is
      repetitive, uncertain or hits the bound of its length, it is made once more with the full window, where
      that fits what remains of the turn's deadline.
    * The text begins with the prefix that is given, whatever the sound says.

    Args:
        model: Directory of the model.
        threads: Processor threads; None takes all cores but one.
        language: Language that is spoken.
        short_window: False always encodes 30 s.
        retry: False takes a doubtful text as it is, so that the time of one pass can be measured.
        pressed: Returns what the load leaves out now: with `Step.ENCODER_WINDOW` no text is made again with
            the full window, with `Step.INTERIM_TEXT` none is made before the end.

    Raises:
        TranscriberError: The model cannot be loaded.
    """

    name = "faster-whisper"

    def __init__(
        self,
        model: Path,
        *,
        threads: int | None = None,
        language: str = "en",
        short_window: bool = True,
        retry: bool = True,
        pressed: Callable[[], Collection[Step]] = tuple,
    ) -> None:
        self.pressed = pressed
        self.queue = InferenceQueue()
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
        self._prompt = (*self._tokenizer.sot_sequence, self._tokenizer.no_timestamps)
        self._suppressed = _suppressed_tokens(self._tokenizer)

    def warm_up(self) -> None:
        """Transcribe a second of silence, which allocates what inference needs.

        Raises:
            TranscriberError: The inference failed.
        """
        with self.queue.turn(Urgency.FINAL):
            self._pass(np.zeros(SAMPLE_RATE, np.float32), self._window(SAMPLE_RATE), _Request())

    def infer(
        self,
        samples: Samples,
        *,
        urgency: Urgency,
        prefix: Sequence[int] = (),
        wanted: Callable[[], bool] = lambda: True,
        most_tokens: int | None = None,
    ) -> Hypothesis | None:
        """Return what was said, or None where `wanted` said no before it was known.

        Waits for its turn first. Measured as `transcription.whisper_inference` without that wait; interim
        text, of which there is much, as `transcription.interim_inference` and without spans.

        Args:
            samples: Sound, at most `FULL_WINDOW_SAMPLES` of it.
            urgency: Interim text also gives way to more urgent work of another session.
            prefix: Tokens that the text begins with.
            wanted: Asked before the encoder's pass, and between it and the decoder's.
            most_tokens: Bound of the text's length; by default by the length of the sound.

        Raises:
            TranscriberError: The inference failed, or the engine was not free in time.
        """
        request = _Request(
            prefix=tuple(prefix),
            most_tokens=most_tokens or _tokens_in(len(samples)),
            is_interim=urgency is Urgency.INTERIM,
            wanted=self._yielding(wanted) if urgency is Urgency.INTERIM else wanted,
        )
        with self.queue.turn(urgency, wanted) as ours:
            if not ours:
                return None
            started_ns = latency_kit.now_ns()
            operation = None
            if urgency is not Urgency.INTERIM:
                operation = latency_kit.begin("transcription", "whisper_inference", start_ns=started_ns)
            outcome = Outcome.ERROR
            try:
                heard = self._infer(samples, request)
                outcome = Outcome.OK if heard is not None else Outcome.CANCELLED
            finally:
                if operation is not None:
                    operation.end(outcome=outcome)
                else:
                    latency_kit.record(
                        "transcription",
                        "interim_inference",
                        start_ns=started_ns,
                        end_ns=latency_kit.now_ns(),
                        outcome=outcome,
                        span=False,
                    )
        return heard

    def text_of(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens."""
        return str(self._tokenizer.decode(list(tokens))).strip()

    def begins_word(self, token: int) -> bool:
        """Whether a word begins with this token: Whisper writes the space before a word into its first."""
        return str(self._tokenizer.decode([token])).startswith(" ")

    def _yielding(self, wanted: Callable[[], bool]) -> Callable[[], bool]:
        return lambda: wanted() and not self.queue.is_wanted_by_more_urgent(Urgency.INTERIM)

    def _infer(self, samples: Samples, request: "_Request") -> Hypothesis | None:
        window = self._window(len(samples))
        started_ns = latency_kit.now_ns()
        try:
            heard = self._pass(samples, window, request)
            # Doubtful interim text is not shown; only text that will be is worth a second pass.
            again = self._retry and not request.is_interim and window < _FULL_WINDOW_FRAMES
            again = again and Step.ENCODER_WINDOW not in self.pressed()
            if heard is not None and heard.is_doubtful and again:
                first_ms = ns_to_ms(latency_kit.now_ns() - started_ns)
                if _fits_full_window(first_ms * _FULL_WINDOW_FRAMES / window):
                    with latency_kit.measure_latency(*_FULL_WINDOW_SERIES, span=False):
                        heard = self._pass(samples, _FULL_WINDOW_FRAMES, request)
        except (RuntimeError, ValueError) as error:
            raise TranscriberError(f"faster-whisper failed: {error}") from error
        return heard

    def _window(self, samples: int) -> int:
        """Return how many frames the encoder gets."""
        if not self._short_window:
            return _FULL_WINDOW_FRAMES
        needed = samples * _FRAMES_PER_SECOND // SAMPLE_RATE + _WINDOW_MARGIN_FRAMES
        return min(-(-needed // _WINDOW_STEP_FRAMES) * _WINDOW_STEP_FRAMES, _FULL_WINDOW_FRAMES)

    def _pass(self, samples: Samples, window: int, request: "_Request") -> Hypothesis | None:
        """Encode once and decode; None where it was given up."""
        features = self._model.feature_extractor(samples)[:, :window]
        encoded = self._model.encode(np.pad(features, ((0, 0), (0, window - features.shape[1]))))
        # Once it decodes CTranslate2 cannot be stopped. To decode in steps would cost more than it saves:
        # what follows the prompt it goes through token by token, as if it were new.
        if not request.wanted():
            return None
        if len(request.prefix) >= request.most_tokens:
            return Hypothesis(tokens=request.prefix, text=self.text_of(request.prefix), is_doubtful=True)
        result = self._generate(encoded, request.prefix, request.most_tokens)
        tokens: list[int] = result.sequences_ids[0]
        no_speech = 0.0 if request.prefix else result.no_speech_prob
        # The score is the mean over all tokens, those of the prefix counted with nothing.
        certainty = result.scores[0] * len(tokens) / (len(tokens) - len(request.prefix) + 1)
        text = self.text_of(tokens)
        is_doubtful = (
            certainty < _LEAST_CERTAIN
            or _repetitiveness(text) > _MOST_REPETITIVE
            or len(tokens) >= request.most_tokens
        )
        if no_speech > _NO_SPEECH and certainty < _LEAST_CERTAIN:
            return Hypothesis(tokens=(), text="", is_doubtful=is_doubtful)
        return Hypothesis(tokens=tuple(tokens), text=text, is_doubtful=is_doubtful)

    def _generate(self, encoded: Any, prefix: Sequence[int], most: int) -> Any:
        return self._model.model.generate(
            encoded,
            [[*self._prompt, *prefix]],
            beam_size=1,
            # CTranslate2 generates at most half of what it is told here.
            max_length=2 * most,
            return_scores=True,
            return_no_speech_prob=not prefix,
            # After a prefix the text may well end, or go on without a space.
            suppress_blank=not prefix,
            suppress_tokens=self._suppressed,
        )[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    prefix: tuple[int, ...] = ()
    most_tokens: int = _SPARE_TOKENS
    is_interim: bool = False
    wanted: Callable[[], bool] = lambda: True


def _fits_full_window(unknown_ms: float) -> bool:
    """Whether what remains of the turn has room for a second pass; such are rare, so most often unknown."""
    return latency_kit.allow(*_FULL_WINDOW_SERIES, margin_ms=_AFTER_TEXT_MS, unknown_ms=unknown_ms)


def _tokens_in(samples: int) -> int:
    return min(_SPARE_TOKENS + _TOKENS_PER_SECOND * samples // SAMPLE_RATE, _MOST_TOKENS)


def _repetitiveness(text: str) -> float:
    """Return the compression ratio of the text, by which loops are found."""
    encoded = text.encode()
    return len(encoded) / len(zlib.compress(encoded)) if encoded else 0.0


def _suppressed_tokens(tokenizer: Tokenizer) -> list[int]:
    """Return the tokens that are never printed: notes such as [music], and all special ones but the end."""
    last = tokenizer.timestamp_begin + _TIMESTAMPS
    return sorted({*tokenizer.non_speech_tokens, *range(tokenizer.eot + 1, last)})
