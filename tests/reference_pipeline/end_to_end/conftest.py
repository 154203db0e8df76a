"""Shared by the tests of whole runs: clips of the bundled interview, and recordings that hold no speech."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from reference_pipeline.interview.manifest import SpokenUtterance, load_manifest, recording_path

RATE = 16_000
PADDING = RATE * 6 // 10


@pytest.fixture
def clip(tmp_path: Path) -> Callable[..., Path]:
    """Write a recording of some utterances of the interview, by the names of their notes or their texts."""

    def cut(*wanted: str) -> Path:
        samples, rate = soundfile.read(recording_path(), dtype="float32")
        assert rate == RATE
        pieces = [np.zeros(PADDING, np.float32)]
        for name in wanted:
            spoken = utterance(name)
            pieces.append(samples[spoken.speech_start - RATE // 10 : spoken.speech_end + RATE // 10])
            pieces.append(np.zeros(PADDING, np.float32))
        path = tmp_path / f"{'-'.join(wanted)[:60]}.wav".replace(" ", "_")
        soundfile.write(path, np.concatenate(pieces), RATE)
        return path

    return cut


def utterance(name: str) -> SpokenUtterance:
    return next(spoken for spoken in load_manifest().utterances if name in {spoken.note, spoken.text})


@pytest.fixture
def recording(tmp_path: Path) -> Callable[..., Path]:
    """Write samples as a WAV file."""

    def write(samples: np.ndarray, *, rate: int = RATE, name: str = "recording.wav") -> Path:
        path = tmp_path / name
        soundfile.write(path, samples, rate)
        return path

    return write
