"""How long deciding takes: whether a text asks something, and whether it may be all. Run by `nox -s perf`."""

import time
from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("pytest_benchmark", reason="pytest-benchmark comes with the extra 'dev'")

from pytest_benchmark.fixture import BenchmarkFixture

from latency_kit.units import ns_to_ms
from reference_pipeline.interview.manifest import load_manifest
from reference_pipeline.ports import QuestionDetector
from reference_pipeline.questions.completeness import WordsCompletenessJudge
from reference_pipeline.questions.detector import RuleQuestionDetector
from reference_pipeline.questions.learned_detector import LearnedQuestionDetector

ROUNDS = 10
MOST_P99_MS = 3.0


@pytest.fixture(scope="session")
def turns() -> list[str]:
    """Every utterance of the interview, every beginning of one, and half of all said in one breath."""
    said = [spoken.text for spoken in load_manifest().utterances]
    beginnings = [" ".join(text.split()[:end]) for text in said for end in range(1, len(text.split()))]
    return [*said, *beginnings, " ".join(said[: len(said) // 2])]


@pytest.mark.parametrize(
    "detector", [RuleQuestionDetector(), LearnedQuestionDetector()], ids=["rules", "learned"]
)
def test_question_detection(
    benchmark: BenchmarkFixture, detector: QuestionDetector, turns: list[str]
) -> None:
    """Decide on every turn."""
    found = benchmark(lambda: [detector.detect(text) for text in turns])
    assert sum(bool(questions) for questions in found) >= len(load_manifest().questions)


def test_the_99th_percentile_of_a_decision_is_within_its_bar(
    turns: list[str], record_property: Callable[[str, object], None]
) -> None:
    """Take the thread's own time: what a busy machine adds is no part of a decision."""
    detector, judge = LearnedQuestionDetector(), WordsCompletenessJudge()
    decisions: dict[str, Callable[[str], object]] = {
        "question": detector.detect,
        "completeness": judge.completeness,
    }
    for name, decide in decisions.items():
        taken_ns = []
        for text in turns * ROUNDS:
            before_ns = time.thread_time_ns()
            decide(text)
            taken_ns.append(time.thread_time_ns() - before_ns)
        p50, p99 = (
            ns_to_ms(int(value)) for value in np.percentile(taken_ns, [50, 99], method="inverted_cdf")
        )
        record_property(name, f"{len(taken_ns)} decisions: p50 {p50:.3f} ms, p99 {p99:.3f} ms")
        assert p99 <= MOST_P99_MS, f"{name}: p50 {p50:.3f} ms, p99 {p99:.3f} ms"
