"""What the Whisper engine holds, on a real model with random weights, and where its model is looked for."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import latency_kit
from latency_kit.testing import FakeClock
from reference_pipeline.events import SAMPLE_RATE, Samples
from reference_pipeline.ports import TranscriberError
from reference_pipeline.shedding import Step
from reference_pipeline.transcription.inference_queue import Urgency
from reference_pipeline.transcription.whisper_engine import WhisperEngine, find_model


@pytest.fixture(scope="module")
def engine(tiny_whisper: Path) -> WhisperEngine:
    return WhisperEngine(tiny_whisper, threads=1, retry=False)


@pytest.fixture
def windows(engine: WhisperEngine, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Frames of sound that the encoder got, pass by pass."""
    seen: list[int] = []
    encode = engine._model.encode

    def watched(features: Any) -> Any:
        seen.append(features.shape[-1])
        return encode(features)

    monkeypatch.setattr(engine._model, "encode", watched)
    return seen


def _heard(engine: WhisperEngine, samples: Samples, **options: Any) -> Any:
    return engine.infer(samples, **{"urgency": Urgency.FINAL, **options})


def test_the_encoder_gets_the_sound_and_half_a_second_in_steps_of_a_fifth(
    engine: WhisperEngine, noise: Samples, windows: list[int]
) -> None:
    _heard(engine, noise)
    _heard(engine, noise[: SAMPLE_RATE // 3])
    assert windows == [260, 100]


def test_without_a_short_window_the_encoder_always_gets_30_seconds(
    tiny_whisper: Path, noise: Samples
) -> None:
    engine = WhisperEngine(tiny_whisper, threads=1, short_window=False)
    assert engine._window(len(noise)) == 3000
    assert _heard(engine, noise).text


def test_doubtful_text_is_made_once_more_with_the_full_window(
    engine: WhisperEngine, noise: Samples, windows: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What random weights print is always doubtful."""
    monkeypatch.setattr(engine, "_retry", True)
    assert _heard(engine, noise).is_doubtful
    _heard(engine, noise, urgency=Urgency.INTERIM)
    assert windows == [260, 3000, 260]


def test_text_is_made_once_more_only_where_that_fits_what_remains_of_the_turn(
    engine: WhisperEngine, noise: Samples, windows: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_retry", True)
    with latency_kit.deadline(600_000):
        _heard(engine, noise)
    with latency_kit.deadline(1_000):
        assert _heard(engine, noise).is_doubtful
    assert windows == [260, 3000, 260]


def test_how_long_a_second_pass_takes_is_told_by_the_first_until_enough_are_measured(
    engine: WhisperEngine, noise: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    asked: list[tuple[tuple[str, ...], dict[str, float]]] = []
    monkeypatch.setattr(engine, "_retry", True)
    monkeypatch.setattr(latency_kit, "now_ns", clock.monotonic_ns)
    monkeypatch.setattr(latency_kit, "allow", lambda *of, **given: asked.append((of, given)))
    encode = engine._model.encode
    monkeypatch.setattr(engine._model, "encode", lambda of: clock.advance(ms=130) or encode(of))
    _heard(engine, noise)
    series = ("transcription", "full_window_inference")
    assert asked == [(series, {"margin_ms": 1000, "unknown_ms": 130 * 3000 / 260})]


def test_second_passes_are_measured_apart_too(
    engine: WhisperEngine, noise: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_retry", True)
    with latency_kit.configure() as telemetry:
        _heard(engine, noise)
        counted = {one.name: one.histogram.count for one in telemetry.snapshot()}
    assert counted["transcription.full_window_inference"] == 1
    assert counted["transcription.whisper_inference"] == 1


def test_text_is_made_after_the_deadline_too_in_one_pass(
    engine: WhisperEngine, noise: Samples, windows: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_retry", True)
    with latency_kit.deadline(0):
        assert _heard(engine, noise).text
    assert windows == [260]


def test_under_load_doubtful_text_is_taken_as_it_is(
    engine: WhisperEngine, noise: Samples, windows: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_retry", True)
    monkeypatch.setattr(engine, "pressed", lambda: (Step.ENCODER_WINDOW,))
    assert _heard(engine, noise).is_doubtful
    assert windows == [260]


def test_the_text_has_at_most_eight_tokens_a_second_and_eight_more(
    engine: WhisperEngine, noise: Samples
) -> None:
    assert len(_heard(engine, noise).tokens) == 8 + 2 * 8
    assert len(_heard(engine, np.tile(noise, 14)).tokens) == 224


@pytest.mark.parametrize("length", [1, 7, 20])
def test_the_text_begins_with_the_prefix_and_keeps_to_its_bound(
    engine: WhisperEngine, noise: Samples, length: int
) -> None:
    prefix = _heard(engine, noise).tokens[:length]
    other = _heard(engine, noise[::-1].copy(), prefix=prefix, most_tokens=20)
    assert other.tokens[:length] == prefix
    assert len(other.tokens) == 20


def test_interim_text_is_what_final_text_of_the_same_sound_would_be(
    engine: WhisperEngine, noise: Samples
) -> None:
    assert _heard(engine, noise, urgency=Urgency.INTERIM) == _heard(engine, noise)


def test_work_is_given_up_before_the_decoder_and_decoded_once(
    engine: WhisperEngine, noise: Samples, windows: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    generated: list[int] = []
    generate = engine._generate
    monkeypatch.setattr(engine, "_generate", lambda *of: generated.append(1) or generate(*of))

    def after(steps: int) -> Any:
        return _heard(
            engine, noise, urgency=Urgency.INTERIM, wanted=lambda: len(windows) + len(generated) < steps
        )

    assert after(0) is None
    assert (windows, generated) == ([], [])
    assert after(1) is None
    assert (windows, generated) == ([260], [])
    assert len(after(3).tokens) > 8
    assert (windows, generated) == ([260, 260], [1])


def test_a_prefix_at_the_bound_is_all_of_the_text_and_doubtful(engine: WhisperEngine, noise: Samples) -> None:
    prefix = _heard(engine, noise).tokens[:5]
    heard = _heard(engine, noise, prefix=prefix, most_tokens=5)
    assert (heard.tokens, heard.is_doubtful) == (prefix, True)


def test_no_special_token_is_printed(engine: WhisperEngine, noise: Samples) -> None:
    assert "<|" not in _heard(engine, noise).text


def test_a_word_begins_with_the_token_that_holds_its_space(engine: WhisperEngine) -> None:
    tokens = engine._tokenizer.encode(" etaoin")
    assert engine.begins_word(tokens[0])
    assert not engine.begins_word(tokens[-1])


def test_a_model_in_the_directory_itself_is_found(tiny_whisper: Path) -> None:
    assert find_model("base.en", tiny_whisper) == tiny_whisper


def test_a_model_in_a_hugging_face_cache_is_found(tiny_whisper: Path, tmp_path: Path) -> None:
    repository = tmp_path / "models--Systran--faster-whisper-base.en"
    snapshot = repository / "snapshots" / "0123456789abcdef0123456789abcdef01234567"
    shutil.copytree(tiny_whisper, snapshot)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(snapshot.name)
    assert find_model("base.en", tmp_path) == snapshot
    (snapshot / "model.bin").unlink()
    with pytest.raises(TranscriberError, match="no Whisper model"):
        find_model("base.en", tmp_path)


def test_a_missing_model_is_one_line_that_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(TranscriberError, match=r"^no Whisper model 'small' in .*; get it once") as raised:
        find_model("small", tmp_path)
    assert "\n" not in str(raised.value)
    assert "faster_whisper.download_model('small')" in str(raised.value)


def test_an_unknown_size_is_one_line_that_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(TranscriberError, match=r"^there is no Whisper model 'bass'; known are: tiny\.en, "):
        find_model("bass", tmp_path)


def test_a_broken_model_is_one_line_that_names_its_directory(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"this is no model")
    with pytest.raises(TranscriberError, match=r"the Whisper model in .* cannot be loaded") as raised:
        WhisperEngine(tmp_path)
    assert "\n" not in str(raised.value)
