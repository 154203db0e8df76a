"""A test double for load: computes what a trained Whisper would, and returns what was really said.

A model with random weights (`random_whisper`, of base size) costs what a trained one costs, but its words
mean nothing and it never ends a text by itself. So each inference here is a true one (features, encoder, and
as many steps of the decoder as the true words need), and then its words are replaced by those of the script:
the part of it that was spoken in the sound that was given. Whisper needs about four tokens for three words
of English, punctuation included, and one for the end.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reference_pipeline.events import SAMPLE_RATE, AudioBlock
from reference_pipeline.interview.manifest import InterviewManifest
from reference_pipeline.transcription.faster_whisper_transcriber import FasterWhisperTranscriber
from reference_pipeline.transcription.inference_queue import Urgency
from reference_pipeline.transcription.random_whisper import BASE, build_random_whisper
from reference_pipeline.transcription.whisper_engine import Hypothesis, WhisperEngine

__all__ = ["Line", "RehearsedTranscriber", "base_size_engine", "lines_of"]

_WORDS_PER_LONG_WORD = 3
"""One word in three has a second token."""

_FIRST_MADE_UP_TOKEN = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What is said between two samples (at 16 kHz) of a recording."""

    first_sample: int
    last_sample: int
    text: str


def lines_of(manifest: InterviewManifest) -> tuple[Line, ...]:
    """Return the lines of a recording made by `reference_pipeline.interview`."""
    return tuple(
        Line(
            first_sample=said.speech_start * SAMPLE_RATE // manifest.sample_rate,
            last_sample=said.speech_end * SAMPLE_RATE // manifest.sample_rate,
            text=said.text,
        )
        for said in manifest.utterances
    )


def base_size_engine(directory: Path, *, threads: int | None = None) -> WhisperEngine:
    """Load a Whisper of base size with random weights, built in `directory` where it is not there yet."""
    if not (directory / "model.bin").is_file():
        build_random_whisper(directory, shape=BASE)
    # What random weights print is always doubtful, what a trained model prints hardly ever.
    return WhisperEngine(directory, threads=threads, retry=False)


class RehearsedTranscriber(FasterWhisperTranscriber):
    """A `FasterWhisperTranscriber` that knows its lines.

    Args:
        engine: With random weights; may be shared.
        lines: What is said, in order.
        period_samples: Length of the recording where it is played again and again; 0 plays it once.
        interim: False makes no interim text.
    """

    def __init__(
        self, engine: WhisperEngine, lines: Sequence[Line], *, period_samples: int = 0, interim: bool = True
    ) -> None:
        super().__init__(engine, interim=interim)
        self._lines = lines
        self._period_samples = period_samples
        self._fed_to = 0
        self._tokens_of_word: dict[str, tuple[int, ...]] = {}
        self._word_of_token: dict[int, str] = {}

    def feed(self, block: AudioBlock) -> str | None:
        """Note where in the recording we are, and go on."""
        self._fed_to = block.first_sample + len(block.samples)
        return super().feed(block)

    def _infer(self, urgency: Urgency, wanted: Callable[[], bool]) -> Hypothesis | None:
        words = self._said()
        tokens = tuple(token for word in words for token in self._tokens(word))
        heard = self._engine.infer(
            self._samples[: self._held],
            urgency=urgency,
            prefix=self._agreement.agreed,
            wanted=wanted,
            most_tokens=len(tokens) + 1,
        )
        return heard and Hypothesis(tokens=tokens, text=" ".join(words), is_doubtful=False)

    def _text_of(self, tokens: Sequence[int]) -> str:
        return " ".join(self._word_of_token[token] for token in tokens if token in self._word_of_token)

    def _said(self) -> list[str]:
        """Return the words of the lines that lie in the held sound; of one cut off by it, the first ones."""
        end = self._fed_to
        start = end - self._held
        if self._period_samples:
            start, end = start % self._period_samples, start % self._period_samples + self._held
        words: list[str] = []
        for line in self._lines:
            spoken = line.last_sample - line.first_sample
            heard = min(end, line.last_sample) - line.first_sample
            if line.last_sample > start and heard > 0:
                of_line = line.text.split()
                words.extend(of_line[: round(len(of_line) * heard / spoken)])
        return words

    def _tokens(self, word: str) -> tuple[int, ...]:
        known = self._tokens_of_word.get(word)
        if known is None:
            number = len(self._tokens_of_word)
            first = _FIRST_MADE_UP_TOKEN + number
            is_long = number % _WORDS_PER_LONG_WORD == 0
            known = self._tokens_of_word[word] = (first, ord("s")) if is_long else (first,)
            self._word_of_token[first] = word
        return known
