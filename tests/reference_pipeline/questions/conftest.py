"""Fixtures for the tests of question detection: the detector, the sentence sets, simulated mishearing."""

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from reference_pipeline.questions.detector import RuleQuestionDetector

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def detector() -> RuleQuestionDetector:
    return RuleQuestionDetector()


@pytest.fixture(scope="session")
def sentences() -> Callable[[str], Sequence[str]]:
    """Reads a set of sentences by name, one a line."""
    return lambda name: (HERE / "sentences" / f"{name}.txt").read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="session")
def errors() -> ModuleType:
    """The module `recognition_errors.py` beside this file."""
    spec = importlib.util.spec_from_file_location("recognition_errors", HERE / "recognition_errors.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
