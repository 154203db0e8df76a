"""Which engine is chosen, by what was asked for and what is on disk."""

from collections.abc import Callable
from pathlib import Path

import pytest

from latency_kit.errors import MissingExtraError
from reference_pipeline.ports import TranscriberError
from reference_pipeline.transcription.engines import Engine, choose_engine

MODEL = Path("models/base.en")


def _found() -> Path:
    return MODEL


def _absent() -> Path:
    raise TranscriberError("no Whisper model 'base.en' on this machine; get it so and so")


def _not_installed() -> Path:
    raise MissingExtraError("faster-whisper", "assistant")


def _not_asked() -> Path:
    raise AssertionError("nothing depends on the model")


def test_by_default_a_whisper_model_on_disk_is_used_without_a_word() -> None:
    choice = choose_engine(None, find_whisper_model=_found)
    assert (choice.engine, choice.model_directory, choice.notice) == (Engine.FASTER_WHISPER, MODEL, "")


def test_by_default_a_missing_model_leads_to_pocketsphinx_and_one_line() -> None:
    choice = choose_engine(None, find_whisper_model=_absent)
    assert (choice.engine, choice.model_directory) == (Engine.POCKETSPHINX, None)
    assert choice.notice == (
        "Transcribing with pocketsphinx: no Whisper model 'base.en' on this machine; get it so and so"
    )


def test_by_default_a_missing_package_leads_to_pocketsphinx_and_names_the_extra() -> None:
    choice = choose_engine(None, find_whisper_model=_not_installed)
    assert choice.engine is Engine.POCKETSPHINX
    assert "pip install 'latency-kit[assistant]'" in choice.notice
    assert "\n" not in choice.notice


def test_pocketsphinx_is_taken_at_its_word_without_a_look_at_the_disk() -> None:
    choice = choose_engine("pocketsphinx", find_whisper_model=_not_asked)
    assert (choice.engine, choice.model_directory, choice.notice) == (Engine.POCKETSPHINX, None, "")


def test_faster_whisper_is_used_with_its_model() -> None:
    choice = choose_engine("faster-whisper", find_whisper_model=_found)
    assert (choice.engine, choice.model_directory) == (Engine.FASTER_WHISPER, MODEL)


@pytest.mark.parametrize(
    ("find", "error"), [(_absent, TranscriberError), (_not_installed, MissingExtraError)]
)
def test_faster_whisper_that_was_asked_for_and_is_not_there_is_an_error(
    find: Callable[[], Path], error: type[Exception]
) -> None:
    with pytest.raises(error):
        choose_engine("faster-whisper", find_whisper_model=find)


@pytest.mark.parametrize("name", ["whisper", "", "Pocketsphinx"])
def test_an_unknown_engine_is_an_error_that_lists_the_known_ones(name: str) -> None:
    with pytest.raises(TranscriberError, match=f"engine {name!r}; known are: pocketsphinx, faster-whisper$"):
        choose_engine(name, find_whisper_model=_not_asked)
