"""What is understood of each take of the endpointing study, block by block: by pocketsphinx or by the script.

Recognising takes minutes, and does not depend on where an utterance is cut, up to the first cut: so it is
done once and kept in a file, and endpointing is then studied in seconds.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from endpointing_corpus import Take

from reference_pipeline.capture.endpointing import Endpointer
from reference_pipeline.capture.endpointing_events import (
    EndpointEvent,
    SpeechContinued,
    SpeechDiscarded,
    SpeechEnded,
    SpeechStarted,
)
from reference_pipeline.capture.endpointing_settings import EndpointingSettings
from reference_pipeline.capture.energy_gate import EnergyGate
from reference_pipeline.capture.silero import SileroDetector
from reference_pipeline.events import SAMPLE_RATE, AudioBlock
from reference_pipeline.transcription.pocketsphinx_transcriber import PocketsphinxTranscriber

__all__ = ["ScriptedWords", "WordsHeard", "understand"]

_HOLD_MS = 800
_PATIENT = EndpointingSettings(
    complete_limit_ms=_HOLD_MS, silence_limit_ms=_HOLD_MS, patient_limit_ms=_HOLD_MS, hold_limit_ms=_HOLD_MS
)


_MISHEARD_AS = ("the", "a", "of", "to", "and", "in", "that", "it", "is", "we", "at", "for")


class ScriptedWords:
    """The words of the script, each known when it has been spoken, some of them misheard.

    Words take their time by their letters, from the true start to the true end, the pause left out.
    """

    def __init__(self, takes: Sequence[Take], *, error_rate: float = 1 / 12, seed: int = 6) -> None:
        generator = np.random.default_rng(seed)
        self._spoken = [self._timed(take, error_rate, generator) for take in takes]

    def until(self, take: int, sample: int) -> str:
        """Return the words spoken before `sample`."""
        return " ".join(word for at, word in self._spoken[take] if at <= sample)

    @staticmethod
    def _timed(take: Take, error_rate: float, generator: np.random.Generator) -> list[tuple[float, str]]:
        pause = take.pause_ms * SAMPLE_RATE // 1000
        words = take.script.split()
        letters = sum(len(word) + 1 for word in words if word != "|")
        position: float = take.start
        timed: list[tuple[float, str]] = []
        for word in words:
            if word == "|":
                position += pause
                continue
            position += (take.end - take.start - pause) * (len(word) + 1) / letters
            wrong = generator.random() < error_rate
            timed.append((position, str(generator.choice(_MISHEARD_AS)) if wrong else word))
        return timed


class WordsHeard:
    """Texts by take and block, read from and appended to a file of JSON lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._texts: dict[int, list[tuple[int, str]]] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                self._texts[row["take"]] = [(at, text) for at, text in row["texts"]]

    def __contains__(self, take: int) -> bool:
        return take in self._texts

    def add(self, take: int, texts: list[tuple[int, str]]) -> None:
        """Keep the changes of the text of a take, each with the sample up to which it was heard."""
        self._texts[take] = texts
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"take": take, "texts": texts}) + "\n")

    def until(self, take: int, sample: int) -> str:
        """Return the text that had been understood when the engine had heard up to `sample`."""
        text = ""
        for at, changed in self._texts.get(take, ()):
            if at > sample:
                break
            text = changed
        return text


def understand(takes: Sequence[Take], numbers: Sequence[int], words: WordsHeard) -> None:
    """Recognise those of the takes that have not been recognised yet."""
    transcriber = PocketsphinxTranscriber()
    transcriber.warm_up()
    for number in numbers:
        if number not in words:
            words.add(number, _texts_of(takes[number], transcriber))
    transcriber.close()


def _texts_of(take: Take, transcriber: PocketsphinxTranscriber) -> list[tuple[int, str]]:
    detector, gate = SileroDetector(), EnergyGate()
    endpointer = Endpointer(_PATIENT, block_samples=detector.block_samples)
    texts: list[tuple[int, str]] = []
    size = detector.block_samples
    for begin in range(0, len(take.samples) - size + 1, size):
        block = AudioBlock(
            samples=take.samples[begin : begin + size], first_sample=begin, start_ns=begin * 62_500
        )
        admitted = gate.admits(block.samples)
        probability = detector.speech_probability(block) if admitted or endpointer.speaking else 0.0
        events = endpointer.feed(block, probability, noise_power=gate.floor_power)
        texts.extend((begin + size, text) for text in _heard(events, transcriber))
    if endpointer.speaking:
        transcriber.abandon()
    return texts


def _heard(events: Sequence[EndpointEvent], transcriber: PocketsphinxTranscriber) -> list[str]:
    """Pass the sound of the events to the engine; return the texts that changed."""
    changed: list[str | None] = []
    for event in events:
        match event:
            case SpeechStarted():
                transcriber.begin()
                changed.append("")
                changed += [transcriber.feed(block) for block in event.blocks]
            case SpeechContinued():
                changed.append(transcriber.feed(event.block))
            case SpeechEnded() | SpeechDiscarded():
                transcriber.abandon()
            case _:
                pass
    return [text for text in changed if text is not None]
