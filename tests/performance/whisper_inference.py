"""How long Whisper of base size takes for an utterance, and what decoding in the pause saves.

    python tests/performance/whisper_inference.py [--seconds 5] [--times 40] [--json FILE]

Plays utterances at the pace of speech into the transcription worker: sound, a pause after 100 ms of silence,
the decision 200 ms after the last voiced sample. In some utterances speech resumes after a pause, so that a
speculation is for nothing. True compute, rehearsed words (`rehearsed_whisper`). Exit code 1 where the
inference misses its bars (p50 350 ms, p95 500 ms).
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rehearsed_whisper import Line, RehearsedTranscriber, base_size_engine

import latency_kit
from latency_kit.units import ns_to_ms
from reference_pipeline.events import SAMPLE_RATE, AudioBlock, Utterance
from reference_pipeline.transcription.worker import FinalTranscript, TranscriptionWorker

BARS_MS = {"p50": 350.0, "p95": 500.0}

BLOCK_SAMPLES = 512
PAUSE_S, DECISION_S = 0.1, 0.2

WORDS_A_SECOND = 2.5
"""Conversational English: 150 words a minute."""

RESUMED_EVERY = 4
"""In one utterance of so many the speaker goes on after a first pause."""

WORDS = "how would you design a cache that many services share and what happens when it is full".split()  # noqa: SIM905  # read as a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Milliseconds. `t0_to_final` counts from the last voiced sample with a decision 200 ms after it."""

    inferences: int
    inference_p50: float
    inference_p95: float
    t0_to_final_p50: float
    t0_to_final_p95: float
    adopted: int
    in_vain: int
    head_start_p50: float
    interim_inferences: int

    @property
    def meets_bars(self) -> bool:
        return self.inference_p50 <= BARS_MS["p50"] and self.inference_p95 <= BARS_MS["p95"]


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="of speech in an utterance")
    parser.add_argument("--times", type=int, default=20, help="utterances to play")
    parser.add_argument("--model", type=Path, help="where the random model is kept; a temporary directory")
    parser.add_argument("--no-interim", action="store_true", help="make no interim text")
    parser.add_argument("--json", type=Path, dest="json_file")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        figures = measure(
            chosen.model or Path(directory),
            seconds=chosen.seconds,
            times=chosen.times,
            interim=not chosen.no_interim,
        )
    for name, value in asdict(figures).items():
        sys.stdout.write(f"{name:20} {value:8.0f}\n")
    if chosen.json_file is not None:
        chosen.json_file.write_text(json.dumps(asdict(figures), indent=2), encoding="utf-8")
    return 0 if figures.meets_bars else 1


def measure(model: Path, *, seconds: float, times: int, interim: bool) -> Figures:
    """Play `times` utterances of `seconds` of speech."""
    words = int(seconds * WORDS_A_SECOND)
    text = " ".join((WORDS * (1 + words // len(WORDS)))[:words])
    line = Line(first_sample=0, last_sample=int(seconds * SAMPLE_RATE), text=text)
    period = int((seconds + 2 * DECISION_S) * SAMPLE_RATE) // BLOCK_SAMPLES * BLOCK_SAMPLES
    transcriber = RehearsedTranscriber(
        base_size_engine(model), [line], period_samples=period, interim=interim
    )
    finals: list[FinalTranscript] = []
    done = threading.Event()

    def heard(final: FinalTranscript) -> None:
        finals.append(final)
        done.set()

    worker = TranscriptionWorker(
        transcriber,
        on_interim=lambda _: None,
        on_final=heard,
        on_discarded=lambda _: None,
        on_ended=lambda _: None,
    )
    worker.start()
    worker.wait_until_ready(60)
    with latency_kit.configure() as telemetry:
        for number in range(1, times + 1):
            _speak(worker, number, seconds, period, resumes=number % RESUMED_EVERY == 0)
            done.wait(30)
            done.clear()
        series = {one.name: one.histogram for one in telemetry.snapshot()}
    worker.close()
    t0_ms = sorted(ns_to_ms(final.finished_ns - final.utterance.end_ns) for final in finals)

    def ms(name: str, percentile: float) -> float:
        return ns_to_ms(series[name].value_at_percentile(percentile)) if name in series else 0.0

    def count(name: str) -> int:
        return series[name].count if name in series else 0

    return Figures(
        inferences=count("transcription.whisper_inference"),
        inference_p50=ms("transcription.whisper_inference", 50),
        inference_p95=ms("transcription.whisper_inference", 95),
        t0_to_final_p50=t0_ms[len(t0_ms) // 2],
        t0_to_final_p95=t0_ms[-1 - len(t0_ms) // 20],
        adopted=count("transcription.speculate"),
        in_vain=count("transcription.speculate_in_vain"),
        head_start_p50=ms("transcription.speculation_head_start", 50),
        interim_inferences=count("transcription.interim_inference"),
    )


def _speak(worker: TranscriptionWorker, number: int, seconds: float, period: int, *, resumes: bool) -> None:
    """Play one utterance in real time: speech, silence, decision."""
    start_ns = latency_kit.now_ns()
    voiced_ns = start_ns + int(seconds * 1e9)
    middle_ns = start_ns + int(seconds * 5e8)
    blocks = _blocks((number - 1) * period, start_ns)
    first = next(blocks)
    worker.speech_started(first)
    worker.speech_block(first)
    _play(worker, blocks, middle_ns)
    if resumes:
        worker.speech_paused(0)
        _play(worker, blocks, middle_ns + int(PAUSE_S * 1e9))
        worker.speech_resumed()
    _play(worker, blocks, voiced_ns + int(PAUSE_S * 1e9))
    worker.speech_paused(0)
    _play(worker, blocks, voiced_ns + int(DECISION_S * 1e9))
    worker.speech_ended(
        Utterance(
            number=number,
            first_sample=0,
            last_sample=int(seconds * SAMPLE_RATE),
            start_ns=start_ns,
            end_ns=voiced_ns,
            decided_ns=latency_kit.now_ns(),
        )
    )


def _blocks(first_sample: int, start_ns: int) -> Iterator[AudioBlock]:
    noise = (np.random.default_rng(1).standard_normal(BLOCK_SAMPLES) * 0.05).astype(np.float32)
    while True:
        yield AudioBlock(samples=noise, first_sample=first_sample, start_ns=start_ns)
        first_sample += BLOCK_SAMPLES
        start_ns += BLOCK_SAMPLES * 1_000_000_000 // SAMPLE_RATE


def _play(worker: TranscriptionWorker, blocks: Iterator[AudioBlock], until_ns: int) -> None:
    """Hand over each block when its last sample has been spoken, until the given time."""
    while latency_kit.now_ns() < until_ns:
        block = next(blocks)
        time.sleep(max(0.0, (block.end_ns - latency_kit.now_ns()) / 1e9))
        worker.speech_block(block)


if __name__ == "__main__":
    sys.exit(main())
