"""What the faster-whisper transcriber holds beyond the contract, on a real model with random weights."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import latency_kit
from reference_pipeline.events import SAMPLE_RATE, AudioBlock, Samples
from reference_pipeline.shedding import Step
from reference_pipeline.transcription.faster_whisper_transcriber import FasterWhisperTranscriber
from reference_pipeline.transcription.inference_queue import InferenceQueue, Urgency
from reference_pipeline.transcription.whisper_engine import WhisperEngine

InBlocks = Callable[[Samples], Iterator[AudioBlock]]


def _always() -> bool:
    return True


@pytest.fixture(scope="module")
def engine(tiny_whisper: Path) -> WhisperEngine:
    return WhisperEngine(tiny_whisper, threads=1, retry=False)


@pytest.fixture
def inferred(engine: WhisperEngine, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Urgency, int]]:
    """The inferences: why, and over how many samples."""
    seen: list[tuple[Urgency, int]] = []
    infer = engine.infer

    def watched(samples: Samples, *, urgency: Urgency, **options: Any) -> Any:
        seen.append((urgency, len(samples)))
        return infer(samples, urgency=urgency, **options)

    monkeypatch.setattr(engine, "infer", watched)
    return seen


@pytest.fixture
def transcriber(engine: WhisperEngine) -> Iterator[FasterWhisperTranscriber]:
    made = FasterWhisperTranscriber(engine)
    yield made
    made.close()


def _transcribe(transcriber: FasterWhisperTranscriber, blocks: Iterator[AudioBlock]) -> str:
    transcriber.begin()
    for block in blocks:
        transcriber.feed(block)
    return transcriber.finish().text


def test_the_same_sound_gives_the_same_words(
    transcriber: FasterWhisperTranscriber, noise: Samples, in_blocks: InBlocks
) -> None:
    text = _transcribe(transcriber, in_blocks(noise))
    assert text
    assert text == _transcribe(transcriber, in_blocks(noise))


def test_more_than_29_and_a_half_seconds_are_transcribed_in_pieces_and_none_is_lost(
    transcriber: FasterWhisperTranscriber,
    noise: Samples,
    in_blocks: InBlocks,
    inferred: list[tuple[Urgency, int]],
) -> None:
    sound = np.tile(noise, 20)
    transcriber.begin()
    interim = [text for block in in_blocks(sound) if (text := transcriber.feed(block)) is not None]
    final = transcriber.finish().text
    assert inferred == [(Urgency.FINAL, 59 * SAMPLE_RATE // 2), (Urgency.FINAL, 21 * SAMPLE_RATE // 2)]
    assert len(interim) == 1
    assert final.startswith(interim[0])
    assert len(final) > len(interim[0])


def test_inaudible_sound_is_not_shown_to_the_model(
    transcriber: FasterWhisperTranscriber,
    noise: Samples,
    in_blocks: InBlocks,
    inferred: list[tuple[Urgency, int]],
) -> None:
    assert _transcribe(transcriber, in_blocks(noise * np.float32(1e-4))) == ""
    assert inferred == []


def test_what_was_speculated_is_not_inferred_again(
    transcriber: FasterWhisperTranscriber,
    noise: Samples,
    in_blocks: InBlocks,
    inferred: list[tuple[Urgency, int]],
) -> None:
    transcriber.begin()
    for block in in_blocks(noise):
        transcriber.feed(block)
    transcriber.speculate(_always)
    transcriber.speculate(_always)
    transcriber.finish()
    assert inferred == [(Urgency.SPECULATIVE, len(noise))]


def test_interim_text_is_made_from_a_second_on_and_only_of_new_sound(
    transcriber: FasterWhisperTranscriber,
    noise: Samples,
    in_blocks: InBlocks,
    inferred: list[tuple[Urgency, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(InferenceQueue, "welcomes_interim", True)
    transcriber.begin()
    for block in in_blocks(noise):
        transcriber.feed(block)
        transcriber.interim(_always)
        transcriber.interim(_always)
    lengths = [length for _, length in inferred]
    assert lengths[0] == SAMPLE_RATE + 384
    assert len(lengths) >= 2
    assert all(later - earlier >= SAMPLE_RATE // 2 for earlier, later in itertools.pairwise(lengths))


@pytest.mark.parametrize(
    "why",
    ["switched off", "the engine is at work", "the engine rests", "too long", "the load presses", "a pause"],
)
def test_interim_text_is_left_out(
    *,
    engine: WhisperEngine,
    noise: Samples,
    in_blocks: InBlocks,
    inferred: list[Any],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if why == "the load presses":
        monkeypatch.setattr(engine, "pressed", lambda: (Step.INTERIM_TEXT,))
    transcriber = FasterWhisperTranscriber(engine, interim=why != "switched off")
    transcriber.begin()
    sound = np.tile(noise, 4) if why == "too long" else noise
    if why == "a pause":
        sound = np.concatenate((noise, noise[:1024] * np.float32(0.1)))
    for block in in_blocks(sound):
        transcriber.feed(block)
    if why == "the engine rests":
        monkeypatch.setattr(InferenceQueue, "welcomes_interim", False)
    if why == "the engine is at work":
        with engine.queue.turn(Urgency.FINAL):
            assert transcriber.interim(_always) is None
    else:
        assert transcriber.interim(_always) is None
    assert inferred == []


def test_each_inference_is_measured_and_interim_ones_apart(
    transcriber: FasterWhisperTranscriber,
    noise: Samples,
    in_blocks: InBlocks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(InferenceQueue, "welcomes_interim", True)
    with latency_kit.configure() as telemetry:
        transcriber.begin()
        for block in in_blocks(noise):
            transcriber.feed(block)
        transcriber.interim(_always)
        transcriber.speculate(_always)
        transcriber.finish()
        _transcribe(transcriber, in_blocks(noise))
        counted = {one.name: one.histogram.count for one in telemetry.snapshot()}
    assert counted == {
        "transcription.interim_inference": 1,
        "transcription.whisper_inference": 2,
        "transcription.inference_wait": 3,
    }
