"""What the tests of transcription share: sound to transcribe, a tiny Whisper, word error rates."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from reference_pipeline.events import SAMPLE_RATE, AudioBlock, Samples
from reference_pipeline.interview.manifest import load_manifest, recording_path
from reference_pipeline.transcription.random_whisper import build_random_whisper

BLOCK_SAMPLES = 512
HUMAN_SPEECH = Path(__file__).parents[4] / "shared" / "speech"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """Sound and what is said in it."""

    name: str
    samples: Samples
    text: str

    @property
    def blocks(self) -> Iterator[AudioBlock]:
        """The sound as the listening thread hands it on."""
        return blocks_of(self.samples)


def blocks_of(samples: Samples) -> Iterator[AudioBlock]:
    for start in range(0, len(samples), BLOCK_SAMPLES):
        yield AudioBlock(
            samples=samples[start : start + BLOCK_SAMPLES],
            first_sample=start,
            start_ns=start * 1_000_000_000 // SAMPLE_RATE,
        )


@pytest.fixture(scope="session")
def human_speech() -> list[Spoken]:
    """Clips of human speech that lie beside the repository."""
    if not HUMAN_SPEECH.is_dir():
        pytest.skip("the folder shared/speech with human speech is not beside the repository")
    rows = re.findall(
        r"^\| (\S+\.flac) \|[^|]*\| ([^|]+) \|", (HUMAN_SPEECH / "README.md").read_text(), re.MULTILINE
    )
    assert rows
    return [
        Spoken(name=name, samples=soundfile.read(HUMAN_SPEECH / name, dtype="float32")[0], text=text.strip())
        for name, text in rows
    ]


@pytest.fixture(scope="session")
def interview() -> list[Spoken]:
    """The utterances of the bundled interview, each with 0.3 s of what is around it."""
    samples, rate = soundfile.read(recording_path(), dtype="float32")
    assert rate == SAMPLE_RATE
    around = rate * 3 // 10
    return [
        Spoken(
            name=utterance.voice,
            samples=samples[max(0, utterance.speech_start - around) : utterance.speech_end + around],
            text=utterance.text,
        )
        for utterance in load_manifest().utterances
    ]


@pytest.fixture(scope="session")
def tiny_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of a real, tiny, untrained Whisper model."""
    return build_random_whisper(tmp_path_factory.mktemp("whisper") / "tiny")


@pytest.fixture(scope="session")
def noise() -> Samples:
    """Two seconds of noise as loud as speech."""
    generator = np.random.default_rng(1)
    return (generator.standard_normal(2 * SAMPLE_RATE) * 0.05).astype(np.float32)


@pytest.fixture(scope="session")
def in_blocks() -> Callable[[Samples], Iterator[AudioBlock]]:
    return blocks_of


@pytest.fixture(scope="session")
def word_errors() -> Callable[[str, str], int]:
    """Count the words to insert, delete or replace between what was said and what was heard."""
    return _word_errors


def _word_errors(said: str, heard: str) -> int:
    heard_words = heard.split()
    row = list(range(len(heard_words) + 1))
    for index, word in enumerate(said.split(), 1):
        above = row
        row = [index]
        for column, other in enumerate(heard_words, 1):
            row.append(min(above[column] + 1, row[-1] + 1, above[column - 1] + (word != other)))
    return row[-1]
