"""How long deciding takes: whether a turn's text asks something. Run by `nox -s perf`."""

import pytest

pytest.importorskip("pytest_benchmark", reason="pytest-benchmark comes with the extra 'dev'")

from pytest_benchmark.fixture import BenchmarkFixture

from reference_pipeline.interview.manifest import load_manifest
from reference_pipeline.questions.detector import RuleQuestionDetector


def test_question_detection(benchmark: BenchmarkFixture) -> None:
    """Decide on every utterance of the bundled interview, and on all of them said in one breath."""
    detector = RuleQuestionDetector()
    turns = [spoken.text for spoken in load_manifest().utterances]
    turns.append(" ".join(turns))
    found = benchmark(lambda: [detector.detect(text) for text in turns])
    assert sum(bool(questions) for questions in found) >= len(load_manifest().questions)
