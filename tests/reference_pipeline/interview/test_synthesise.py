"""The script that makes the interview."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from reference_pipeline.interview import load_manifest, recording_path
from reference_pipeline.interview.manifest import manifest_from_json
from reference_pipeline.interview.synthesise import SCRIPT, SynthesisError, compose, main, speech_bounds


def tone(silence: int, length: int, tail: int) -> np.ndarray:
    spoken = 0.5 * np.sin(np.arange(length) / 5)
    return np.concatenate([np.zeros(silence), spoken, np.zeros(tail)]).astype(np.float32)


def test_bounds_of_speech_are_found_to_10_ms() -> None:
    assert speech_bounds(tone(3_200, 8_000, 1_600)) == (3_200, 11_200)


def test_what_lies_40_db_below_the_loudest_is_no_speech() -> None:
    sound = tone(3_200, 8_000, 1_600)
    sound[11_200:] += 0.005 * np.sin(np.arange(1_600) / 5, dtype=np.float32)
    assert speech_bounds(sound) == (3_200, 11_200)


@pytest.mark.parametrize("samples", [np.zeros(1_600), np.zeros(10)])
def test_silence_is_no_utterance(samples: np.ndarray) -> None:
    with pytest.raises(SynthesisError, match="flite gave silence"):
        speech_bounds(samples.astype(np.float32))


def test_utterances_are_laid_out_with_exact_pauses_over_room_noise() -> None:
    question, statement = SCRIPT[1], SCRIPT[0]
    recording, manifest = compose((question, statement), [tone(3_200, 8_000, 1_600), tone(160, 8_000, 800)])
    first, second = manifest.utterances
    assert (first.speech_start, first.speech_end) == (16_000, 24_000)
    assert second.speech_start - first.speech_end == round(2.2 * 16_000)
    assert manifest.samples == len(recording) == second.speech_end + round(1.4 * 16_000)
    noise = recording[26_000:50_000]
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(1 / 32768, rel=0.05)
    assert np.array_equal(
        recording, compose((question, statement), [tone(3_200, 8_000, 1_600), tone(160, 8_000, 800)])[0]
    )


def test_the_bundled_manifest_holds_the_script() -> None:
    bundled = [(u.speaker, u.text, u.note) for u in load_manifest().utterances]
    assert bundled == [(line.speaker, line.text, line.note) for line in SCRIPT]


def test_without_flite_the_package_to_install_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err == "flite is not installed; install it with: apt-get install flite\n"


@pytest.fixture
def speaking_flite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that stands for flite: it writes the same half second whatever it is told to say."""
    soundfile.write(tmp_path / "said.wav", tone(1_600, 8_000, 800), 16_000)
    program = tmp_path / "flite"
    program.write_text(f'#!/bin/sh\nexec cp "{tmp_path}/said.wav" "$6"\n')
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(program))
    return program


def test_it_writes_recording_and_manifest_into_the_folder_given(
    speaking_flite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "made"
    target.mkdir()
    assert main([str(target)]) == 0
    manifest = manifest_from_json((target / "manifest.json").read_text())
    assert soundfile.info(target / "interview.flac").frames == manifest.samples
    assert "12 questions and 9 statements" in capsys.readouterr().out


def test_a_flite_that_fails_and_a_folder_that_is_absent_give_one_line(
    speaking_flite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "absent")]) == 2
    assert "is not a folder" in capsys.readouterr().err
    speaking_flite.write_text("#!/bin/sh\necho no such voice >&2\nexit 1\n")
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"flite could not say {SCRIPT[0].text!r}: no such voice\n"


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed (apt-get install flite)")
def test_flite_makes_the_bundled_recording_again(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 0
    again, _ = soundfile.read(tmp_path / "interview.flac")
    bundled, _ = soundfile.read(recording_path())
    assert len(again) == len(bundled)
    assert np.abs(again - bundled).max() <= 1 / 32768
    assert manifest_from_json((tmp_path / "manifest.json").read_text()) == load_manifest()
