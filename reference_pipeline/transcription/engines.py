"""Which transcription engine a run uses: a decision over what was asked for and what is on disk.

Imports no engine; that is done by the composition, which also says where a model is looked for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from latency_kit.errors import MissingExtraError
from reference_pipeline.ports import TranscriberError

__all__ = ["Engine", "EngineChoice", "choose_engine"]


class Engine(StrEnum):
    """The engines there are, as they are named on the command line."""

    POCKETSPHINX = "pocketsphinx"
    FASTER_WHISPER = "faster-whisper"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """What was decided.

    * There is a model directory exactly where the engine is FASTER_WHISPER.

    Attributes:
        engine: The engine to use.
        model_directory: Where its model lies.
        notice: A line for the user, empty where there is nothing to tell.
    """

    engine: Engine
    model_directory: Path | None = None
    notice: str = ""


def choose_engine(wanted: str | None, *, find_whisper_model: Callable[[], Path]) -> EngineChoice:
    """Decide for the engine that is wanted, or by default for faster-whisper where its model is on disk.

    Args:
        wanted: An engine's name; None leaves the choice to what is on disk.
        find_whisper_model: Returns the directory of the model on disk, or raises TranscriberError or
            MissingExtraError. Called only where the answer matters.

    Raises:
        TranscriberError: No engine has that name, or faster-whisper is wanted and its model is not there.
        MissingExtraError: faster-whisper is wanted and not installed.
    """
    if wanted is None:
        try:
            return EngineChoice(engine=Engine.FASTER_WHISPER, model_directory=find_whisper_model())
        except (TranscriberError, MissingExtraError) as error:
            return EngineChoice(engine=Engine.POCKETSPHINX, notice=f"Transcribing with pocketsphinx: {error}")
    if wanted not in set(Engine):
        known = ", ".join(Engine)
        raise TranscriberError(f"there is no transcription engine {wanted!r}; known are: {known}")
    if Engine(wanted) is Engine.POCKETSPHINX:
        return EngineChoice(engine=Engine.POCKETSPHINX)
    return EngineChoice(engine=Engine.FASTER_WHISPER, model_directory=find_whisper_model())
