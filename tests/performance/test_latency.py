"""The assistant's latencies over 100 samples or more of real work, held to its budgets at p95.

Under `nox -s perf` (LATENCY_KIT_PERF=full) each test judges a budget of `reference_pipeline/budgets.toml` by
name. Otherwise the same work is done a few times, to see that it can be; its figures judge nothing.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from latency_kit import now_ns
from latency_kit.pytest_plugin.measuring import Latency
from reference_pipeline.answering.notes import bundled_notes, load_notes
from reference_pipeline.answering.ollama_answerer import OllamaAnswerer
from reference_pipeline.answering.prompt import PromptBuilder
from reference_pipeline.answering.retrieval import NoteIndex
from reference_pipeline.events import Provider, Question
from reference_pipeline.interview.manifest import load_manifest
from reference_pipeline.questions.learned_detector import LearnedQuestionDetector
from reference_pipeline.transcription.normalisation import normalise
from tests.performance.live_runs import LiveTurns, heard_live, questions_recording, simulated_ollama

IS_FULL = os.environ.get("LATENCY_KIT_PERF") == "full"
FOLDER = os.environ.get("LATENCY_KIT_PERF_FOLDER")
"""Where the session files of the runs go, for the report."""

SAMPLES = 100
ANSWERS_AT_ONCE = 4


def judged_by(budget: str) -> Callable[[Any], Any]:
    """Hold a test to a budget in the full run; leave it be in the short one."""
    return pytest.mark.latency(budget=budget, samples=SAMPLES) if IS_FULL else lambda test: test


def conclude(latency: Latency, durations_ns: list[int], *, least: int) -> None:
    """Judge the durations in the full run; see that they are there in the short one."""
    assert len(durations_ns) >= (SAMPLES if IS_FULL else least)
    assert min(durations_ns) > 0
    if IS_FULL:
        latency.judge(durations_ns)


Tell = Callable[[str], None]


@pytest.fixture(scope="module")
def tell(request: pytest.FixtureRequest) -> Tell:
    """Write a line to the terminal, past the capturing of output: a run of minutes shows how far it is."""
    plugins = request.config.pluginmanager
    reporter: Any = plugins.get_plugin("terminalreporter")
    capturing: Any = plugins.get_plugin("capturemanager")

    def write(text: str) -> None:
        # Neither is there in a worker of pytest-xdist, whose output nobody sees.
        if reporter is not None and capturing is not None:
            with capturing.global_and_fixture_disabled():
                reporter.write_line(text)

    return write


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, tell: Tell) -> Iterator[LiveTurns]:
    """Real questions heard by real sessions: ten times the interview's, or two questions once."""
    folder = Path(FOLDER) if FOLDER else tmp_path_factory.mktemp("live")
    recording = tmp_path_factory.mktemp("recording") / "questions.wav"
    questions_recording(recording, None if IS_FULL else 2)
    times = {} if IS_FULL else {"first_token_ms": 20, "p95_ms": 40, "rate": 1000}
    with simulated_ollama(**times) as host:
        yield heard_live(
            recording,
            folder,
            runs=10 if IS_FULL else 1,
            ollama=host,
            each=lambda done, runs: tell(f"  run {done} of {runs} heard"),
        )


@judged_by("endpoint_wait")
def test_audio_capture_latency(latency: Latency, live: LiveTurns) -> None:
    """From the last voiced sample to the decision that the utterance is over, through real capture."""
    conclude(latency, live.durations_ns("stages_ms", "capture.endpoint_wait"), least=1)


@judged_by("capture_to_transcription")
def test_transcription_latency(latency: Latency, live: LiveTurns) -> None:
    """From the last voiced sample to the final transcript, decoded by pocketsphinx while it is spoken."""
    conclude(latency, live.durations_ns("points_ms", "transcription_complete"), least=1)


@judged_by("question_detection")
def test_question_detection_latency(latency: Latency) -> None:
    """Decide on every utterance of the interview, and on every beginning of one."""
    detector = LearnedQuestionDetector()
    said = [spoken.text for spoken in load_manifest().utterances]
    texts = [" ".join(text.split()[:end]) for text in said for end in range(1, len(text.split()) + 1)]
    detector.detect(texts[0])
    durations_ns = []
    for text in texts:
        begun_ns = now_ns()
        detector.detect(text)
        durations_ns.append(now_ns() - begun_ns)
    conclude(latency, durations_ns, least=SAMPLES)


@judged_by("answer")
def test_llm_generation_latency(latency: Latency, tell: Tell) -> None:
    """Stream whole answers of a simulated Ollama on loopback: log-normal first token, then a steady rate."""
    times = {} if IS_FULL else {"first_token_ms": 5, "p95_ms": 10, "rate": 2000}
    with simulated_ollama(**times) as host:
        durations_ns = asyncio.run(_answered(host, SAMPLES if IS_FULL else 8, tell))
    conclude(latency, durations_ns, least=8)


@judged_by("end_to_end")
def test_end_to_end_latency(latency: Latency, live: LiveTurns) -> None:
    """From the last voiced sample of a question to its whole answer, shown; every turn that asked counts."""
    assert [turn["status"] for turn in live.asked() if turn["status"] != "answered"] == []
    conclude(latency, live.durations_ns("end_to_end_ms"), least=1)


async def _answered(host: str, count: int, tell: Tell) -> list[int]:
    questions = [spoken.text for spoken in load_manifest().utterances if spoken.question]
    answerer = OllamaAnswerer(
        provider=Provider.OLLAMA_LOCAL,
        host=host,
        model="simulated:1b",
        prompts=PromptBuilder(NoteIndex(load_notes(bundled_notes()))),
    )
    at_once = asyncio.Semaphore(ANSWERS_AT_ONCE)
    durations_ns: list[int] = []

    async def answer(text: str) -> None:
        async with at_once:
            begun_ns = now_ns()
            question = Question(text=text, normalised=normalise(text), kind="direct")
            said = "".join([chunk.text async for chunk in answerer.answer(question)])
            assert said
            durations_ns.append(now_ns() - begun_ns)
            if len(durations_ns) % 20 == 0:
                tell(f"  answer {len(durations_ns)} of {count} given")

    try:
        await asyncio.gather(*(answer(questions[at % len(questions)]) for at in range(count)))
    finally:
        await answerer.close()
    return durations_ns
