"""What the faster-whisper engine holds beyond the contract, on a real model with random weights."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import latency_kit
from reference_pipeline.events import SAMPLE_RATE, AudioBlock, Samples
from reference_pipeline.ports import TranscriberError
from reference_pipeline.transcription.faster_whisper_transcriber import FasterWhisperTranscriber, find_model

InBlocks = Callable[[Samples], Iterator[AudioBlock]]


@pytest.fixture
def transcriber(tiny_whisper: Path) -> Iterator[FasterWhisperTranscriber]:
    engine = FasterWhisperTranscriber(tiny_whisper, threads=1, retry=False)
    yield engine
    engine.close()


def _transcribe(transcriber: FasterWhisperTranscriber, blocks: Iterator[AudioBlock]) -> str:
    transcriber.begin()
    for block in blocks:
        transcriber.feed(block)
    return transcriber.finish().text


@pytest.fixture
def windows(transcriber: FasterWhisperTranscriber, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Frames of sound that the encoder got, pass by pass."""
    seen: list[int] = []
    encode = transcriber._model.encode

    def watched(features: Any) -> Any:
        seen.append(features.shape[-1])
        return encode(features)

    monkeypatch.setattr(transcriber._model, "encode", watched)
    return seen


def test_the_same_sound_gives_the_same_words(
    transcriber: FasterWhisperTranscriber, noise: Samples, in_blocks: InBlocks
) -> None:
    text = _transcribe(transcriber, in_blocks(noise))
    assert text
    assert text == _transcribe(transcriber, in_blocks(noise))


def test_the_encoder_gets_the_utterance_and_a_second_in_whole_seconds(
    transcriber: FasterWhisperTranscriber, noise: Samples, in_blocks: InBlocks, windows: list[int]
) -> None:
    _transcribe(transcriber, in_blocks(noise))
    _transcribe(transcriber, in_blocks(noise[: SAMPLE_RATE // 2]))
    assert windows == [300, 200]


def test_without_a_short_window_the_encoder_always_gets_30_seconds(
    tiny_whisper: Path, noise: Samples, in_blocks: InBlocks
) -> None:
    engine = FasterWhisperTranscriber(tiny_whisper, threads=1, short_window=False)
    assert engine._window(len(noise)) == 3000
    assert _transcribe(engine, in_blocks(noise))
    engine.close()


def test_doubtful_text_is_made_once_more_with_the_full_window(
    transcriber: FasterWhisperTranscriber, noise: Samples, in_blocks: InBlocks, windows: list[int]
) -> None:
    """What random weights print is always doubtful."""
    transcriber._retry = True
    _transcribe(transcriber, in_blocks(noise))
    assert windows == [300, 3000]


def test_more_than_29_seconds_are_transcribed_in_pieces_and_none_is_lost(
    transcriber: FasterWhisperTranscriber, noise: Samples, in_blocks: InBlocks, windows: list[int]
) -> None:
    sound = np.tile(noise, 20)
    transcriber.begin()
    interim = [text for block in in_blocks(sound) if (text := transcriber.feed(block)) is not None]
    final = transcriber.finish().text
    assert windows == [3000, 1200]
    assert len(interim) == 1
    assert final.startswith(interim[0])
    assert len(final) > len(interim[0])


def test_the_text_has_at_most_eight_tokens_a_second_and_eight_more(
    transcriber: FasterWhisperTranscriber, noise: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    decode = transcriber._tokenizer.decode

    def watched(tokens: list[int]) -> str:
        seen.append(len(tokens))
        return str(decode(tokens))

    monkeypatch.setattr(transcriber._tokenizer, "decode", watched)
    transcriber._infer(noise)
    transcriber._infer(np.tile(noise, 14))
    assert seen[0] <= 8 + 2 * 8
    assert seen[1] <= 224


def test_neither_timestamps_nor_other_special_tokens_are_printed(
    transcriber: FasterWhisperTranscriber, noise: Samples, in_blocks: InBlocks
) -> None:
    assert "<|" not in _transcribe(transcriber, in_blocks(noise))


def test_inaudible_sound_is_not_shown_to_the_model(
    transcriber: FasterWhisperTranscriber, noise: Samples, in_blocks: InBlocks, windows: list[int]
) -> None:
    assert _transcribe(transcriber, in_blocks(noise * np.float32(1e-4))) == ""
    assert windows == []


def test_each_inference_is_measured(
    transcriber: FasterWhisperTranscriber, noise: Samples, in_blocks: InBlocks
) -> None:
    telemetry = latency_kit.configure()
    try:
        _transcribe(transcriber, in_blocks(noise))
        _transcribe(transcriber, in_blocks(noise))
        names = [measurement.name for measurement in telemetry.recent()]
    finally:
        telemetry.shutdown()
    assert names == ["transcription.whisper_inference"] * 2


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
        FasterWhisperTranscriber(tmp_path)
    assert "\n" not in str(raised.value)
