"""What the builder of random Whisper models holds."""

from pathlib import Path

import pytest
from faster_whisper import WhisperModel

from reference_pipeline.transcription.random_whisper import (
    BASE,
    TINY,
    WhisperShape,
    build_random_whisper,
    vocabulary_of,
)


def test_faster_whisper_loads_it_as_a_multilingual_model(tiny_whisper: Path) -> None:
    model = WhisperModel(str(tiny_whisper), device="cpu", compute_type="int8", cpu_threads=1)
    assert model.model.is_multilingual
    assert model.model.n_mels == 80
    assert model.hf_tokenizer.get_vocab_size() == TINY.vocabulary


def test_its_own_tokenizer_reads_back_what_it_wrote(tiny_whisper: Path) -> None:
    model = WhisperModel(str(tiny_whisper), device="cpu", compute_type="int8", cpu_threads=1)
    text = " What's a naïve Bayes classifier?"
    assert model.hf_tokenizer.decode(model.hf_tokenizer.encode(text).ids) == text


def test_the_base_shape_has_the_vocabulary_of_whisper_in_its_order() -> None:
    tokens = vocabulary_of(BASE)
    assert len(tokens) == len(set(tokens)) == 51865
    assert {name: tokens.index(name) for name in ("<|endoftext|>", "<|startoftranscript|>", "<|en|>")} == {
        "<|endoftext|>": 50257,
        "<|startoftranscript|>": 50258,
        "<|en|>": 50259,
    }
    assert tokens.index("<|transcribe|>") == 50359
    assert tokens.index("<|notimestamps|>") == 50363
    assert tokens[-1] == "<|30.00|>"


def test_the_same_seed_gives_the_same_model_and_another_seed_another(
    tiny_whisper: Path, tmp_path: Path
) -> None:
    def weights(directory: Path) -> bytes:
        return (directory / "model.bin").read_bytes()

    assert weights(build_random_whisper(tmp_path / "again")) == weights(tiny_whisper)
    assert weights(build_random_whisper(tmp_path / "other", seed=1)) != weights(tiny_whisper)


def test_a_shape_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1865 tokens, got 1000"):
        WhisperShape(d_model=16, layers=1, heads=2, vocabulary=1000)
    with pytest.raises(ValueError, match="3 heads do not divide a width of 16"):
        WhisperShape(d_model=16, layers=1, heads=3, vocabulary=2000)
