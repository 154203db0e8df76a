"""Fixtures for the tests of answering: notes, questions, and the scripted Ollama server."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from reference_pipeline.answering.notes import bundled_notes, load_notes
from reference_pipeline.answering.prompt import PromptBuilder
from reference_pipeline.answering.retrieval import NoteIndex
from reference_pipeline.events import Question
from reference_pipeline.transcription.normalisation import normalise


@pytest.fixture(scope="session")
def bundled_index() -> NoteIndex:
    """The notes that come with the interview."""
    return NoteIndex(load_notes(bundled_notes()))


@pytest.fixture
def prompts(bundled_index: NoteIndex) -> PromptBuilder:
    return PromptBuilder(bundled_index)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a developer's own Ollama and proxies out of the tests."""
    for name in ("OLLAMA_API_KEY", "OLLAMA_HOST", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def ask() -> Callable[[str], Question]:
    """Makes a question of its text."""
    return lambda text: Question(text=text, normalised=normalise(text), kind="direct")


@pytest.fixture(scope="session")
def ollama_server() -> ModuleType:
    """The module `ollama_server.py` beside this file."""
    pytest.importorskip("ollama", reason="ollama comes with the extra 'assistant'")
    return _beside("ollama_server")


@pytest.fixture(scope="session")
def providers() -> ModuleType:
    """The module `providers.py` beside this file."""
    return _beside("providers")


def _beside(stem: str) -> ModuleType:
    name = f"answering_{stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{stem}.py"))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]
