"""Whatever a recording is stored as, the same utterances are heard in it: rates, channels, sample formats."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from reference_pipeline.events import Samples
from reference_pipeline.interview import load_manifest, recording_path

RATE = 16_000
SPOKEN = load_manifest().utterances[:2]


@pytest.fixture(scope="module")
def excerpt() -> Samples:
    samples, _ = soundfile.read(recording_path(), dtype="float32", stop=SPOKEN[-1].speech_end + RATE)
    return np.asarray(samples)


@pytest.mark.parametrize(
    "form",
    [
        (8_000, 1, "PCM_U8", "wav"),
        (8_000, 1, "ULAW", "wav"),
        (8_000, 2, "ALAW", "wav"),
        (11_025, 1, "PCM_16", "wav"),
        (16_000, 2, "PCM_S8", "flac"),
        (16_000, 1, "PCM_24", "flac"),
        (22_050, 2, "PCM_24", "wav"),
        (32_000, 1, "PCM_32", "wav"),
        (44_100, 2, "PCM_16", "flac"),
        (48_000, 2, "FLOAT", "wav"),
        (96_000, 1, "DOUBLE", "wav"),
        (192_000, 2, "PCM_16", "wav"),
    ],
)
def test_the_utterances_are_heard_within_150_ms(
    tmp_path: Path, hear: Callable[[Path], Any], excerpt: Samples, form: tuple[int, int, str, str]
) -> None:
    rate, channels, subtype, container = form
    path = tmp_path / f"sound.{container}"
    sound = np.clip(soxr.resample(excerpt, RATE, rate), -1.0, 1.0)
    soundfile.write(path, np.stack([sound] * channels, axis=1), rate, subtype=subtype)
    sink, listener = hear(path)
    assert abs(listener.heard.samples - len(excerpt)) <= 2
    assert len(sink.utterances) == len(SPOKEN)
    for heard, said in zip(sink.utterances, SPOKEN, strict=True):
        assert abs(heard.first_sample - said.speech_start) <= RATE * 150 // 1000
        assert abs(heard.last_sample - said.speech_end) <= RATE * 150 // 1000
