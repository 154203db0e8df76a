"""What the test double for load holds: true inferences, and the words of its script."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from reference_pipeline.events import SAMPLE_RATE, AudioBlock, Samples
from reference_pipeline.transcription.whisper_engine import WhisperEngine

TOKENS_OF_FIVE_WORDS = 5 + 2 + 1


@pytest.fixture(scope="module")
def rehearsed() -> ModuleType:
    path = Path(__file__).parents[2] / "performance" / "rehearsed_whisper.py"
    spec = importlib.util.spec_from_file_location("rehearsed_whisper", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["rehearsed_whisper"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_words_are_those_of_the_lines_that_lie_in_the_sound(
    rehearsed: ModuleType,
    tiny_whisper: Path,
    noise: Samples,
    in_blocks: Callable[[Samples], Iterator[AudioBlock]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = WhisperEngine(tiny_whisper, threads=1, retry=False)
    asked: list[Any] = []
    infer = engine.infer
    monkeypatch.setattr(engine, "infer", lambda *a, **k: asked.append(k["most_tokens"]) or infer(*a, **k))
    lines = [
        rehearsed.Line(first_sample=0, last_sample=100, text="before it"),
        rehearsed.Line(first_sample=4000, last_sample=20_000, text="how do you scale a"),
    ]
    transcriber = rehearsed.RehearsedTranscriber(engine, lines, period_samples=10 * SAMPLE_RATE)
    for turn in range(2):
        transcriber.begin()
        shown = []
        for block in in_blocks(noise):
            later = block.first_sample + 1000 + turn * 10 * SAMPLE_RATE
            transcriber.feed(AudioBlock(samples=block.samples, first_sample=later, start_ns=0))
            shown.append(transcriber.interim(lambda: True))
        speculated = transcriber.speculate(lambda: True)
        assert speculated.text == transcriber.finish().text == "how do you scale a"
        assert asked[-1] == TOKENS_OF_FIVE_WORDS
        interim = [text for text in shown if text]
        assert all("how do you scale a".startswith(text) for text in interim)
    transcriber.close()
