"""The contract of the VoiceActivityDetector port, and what is particular to Silero."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from latency_kit.errors import MissingExtraError
from reference_pipeline.capture.silero import SileroDetector, silero_model_path
from reference_pipeline.events import AudioBlock, Samples
from reference_pipeline.interview import load_manifest, recording_path
from reference_pipeline.ports import PipelineError, VoiceActivityDetector


@pytest.fixture(params=[SileroDetector])
def detector(request: pytest.FixtureRequest) -> VoiceActivityDetector:
    made: VoiceActivityDetector = request.param()
    return made


@pytest.fixture(scope="module")
def interview() -> Samples:
    samples, _ = soundfile.read(recording_path(), dtype="float32")
    return np.asarray(samples)


def judge(detector: VoiceActivityDetector, samples: Samples) -> list[float]:
    size = detector.block_samples
    return [
        detector.speech_probability(
            AudioBlock(samples=samples[begin : begin + size], first_sample=begin, start_ns=begin * 62_500)
        )
        for begin in range(0, len(samples) - size + 1, size)
    ]


def test_a_block_lasts_20_to_40_ms(detector: VoiceActivityDetector) -> None:
    assert 320 <= detector.block_samples <= 640


def test_the_middle_of_spoken_utterances_is_speech(
    detector: VoiceActivityDetector, interview: Samples
) -> None:
    probabilities = []
    for utterance in load_manifest().utterances[:4]:
        detector.reset()
        judged = judge(detector, interview[utterance.speech_start : utterance.speech_end])
        probabilities += judged[4:-2]
    assert np.mean(np.array(probabilities) > 0.5) > 0.95


@pytest.mark.parametrize(
    "make",
    [
        lambda rng, n: np.zeros(n),
        lambda rng, n: rng.normal(0, 0.1, n),
        lambda rng, n: 0.3 * np.sin(2 * np.pi * 50 * np.arange(n) / 16_000),
        lambda rng, n: (np.arange(n) % 8_000 == 0) * 0.9,
    ],
    ids=["silence", "white noise", "hum", "clicks"],
)
def test_what_is_no_speech_is_not_taken_for_it(
    detector: VoiceActivityDetector, make: Callable[[np.random.Generator, int], Samples]
) -> None:
    sound = make(np.random.default_rng(5), 16_000 * 5).astype(np.float32)
    judged = np.array(judge(detector, sound))
    assert ((judged >= 0) & (judged <= 1)).all()
    assert np.mean(judged > 0.5) < 0.02


def test_after_a_reset_it_answers_as_a_new_one(detector: VoiceActivityDetector, interview: Samples) -> None:
    part = interview[16_000:24_000]
    first = judge(detector, part)
    other = judge(detector, part)
    detector.reset()
    assert judge(detector, part) == first
    assert other != first  # it does keep state between blocks


def test_a_block_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a block of 512 samples, got 256"):
        SileroDetector().speech_probability(
            AudioBlock(samples=np.zeros(256, dtype=np.float32), first_sample=0, start_ns=0)
        )


def test_the_same_probabilities_come_out_as_from_faster_whisper_s_own_detector(interview: Samples) -> None:
    vad = pytest.importorskip("faster_whisper.vad", reason="comes with the extra 'assistant'")
    part = interview[: 16_000 * 5 // 512 * 512].copy()
    ours = np.array(judge(SileroDetector(), part))
    theirs = vad.get_vad_model()(part.copy()).reshape(-1)
    # Theirs blanks the end of the last block, so that one differs.
    assert np.abs(ours - theirs)[:-1].max() < 1e-4


def test_the_model_is_found_without_importing_faster_whisper() -> None:
    code = (
        "import sys; import reference_pipeline.capture.silero as s; s.SileroDetector(); "
        "sys.exit(any(name in sys.modules for name in ('faster_whisper', 'ctranslate2')))"
    )
    finished = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)  # our own code
    assert finished.returncode == 0


def test_without_faster_whisper_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'latency-kit\[assistant\]'"):
        silero_model_path()


def test_a_broken_model_gives_one_clear_line(tmp_path: Path) -> None:
    broken = tmp_path / "model.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises(PipelineError, match="cannot be loaded; install it again") as caught:
        SileroDetector(broken)
    assert "\n" not in str(caught.value)
