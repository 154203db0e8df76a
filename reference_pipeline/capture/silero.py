"""Voice activity by the Silero model that faster-whisper ships, run on ONNX Runtime.

Only this module imports onnxruntime, and faster-whisper is never imported for it: its package is found
and the model file in its assets opened, so that listening begins before any speech model is loaded.
"""

import functools
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from latency_kit.errors import MissingExtraError
from reference_pipeline.events import AudioBlock, Samples
from reference_pipeline.ports import PipelineError

try:
    import onnxruntime  # type: ignore[import-untyped]  # it ships no types
except ImportError as error:
    raise MissingExtraError("onnxruntime", "assistant") from error

__all__ = ["SileroDetector", "silero_model_path"]

_BLOCK = 512
_CONTEXT = 64
_STATE_SHAPE = (1, 1, 128)
"""What the model takes at 16 kHz: 512 samples preceded by the last 64 of the block before, and the two
states of its LSTM (as faster_whisper/vad.py 1.2 feeds it)."""


class SileroDetector:
    """Tells speech from everything else in blocks of 512 samples (32 ms).

    * Blocks must be 512 samples long.
    * After `reset` it answers as a new detector would.
    """

    def __init__(self, model: Path | None = None) -> None:
        """Load the model.

        Raises:
            MissingExtraError: faster-whisper, which brings the model, is not installed.
            PipelineError: The model is not where it should be, or cannot be loaded.
        """
        self._session = _load(model or silero_model_path())
        self._input: Samples = np.zeros((1, _CONTEXT + _BLOCK), dtype=np.float32)
        self._hidden: Samples = np.zeros(_STATE_SHAPE, dtype=np.float32)
        self._cell: Samples = np.zeros(_STATE_SHAPE, dtype=np.float32)

    @property
    def block_samples(self) -> int:
        """512 samples."""
        return _BLOCK

    def speech_probability(self, block: AudioBlock) -> float:
        """Return the probability that the block holds speech.

        Raises:
            ValueError: The block is not 512 samples long.
        """
        if len(block.samples) != _BLOCK:
            raise ValueError(f"expected a block of {_BLOCK} samples, got {len(block.samples)}")
        self._input[0, :_CONTEXT] = self._input[0, -_CONTEXT:]
        self._input[0, _CONTEXT:] = block.samples
        probability, self._hidden, self._cell = self._session.run(
            None, {"input": self._input, "h": self._hidden, "c": self._cell}
        )
        return float(probability.reshape(-1)[0])

    def reset(self) -> None:
        """Forget all earlier blocks."""
        self._input.fill(0.0)
        self._hidden = np.zeros(_STATE_SHAPE, dtype=np.float32)
        self._cell = np.zeros(_STATE_SHAPE, dtype=np.float32)


@functools.lru_cache(maxsize=4)
def _load(path: Path) -> Any:
    """Load a model once for all detectors: it keeps no state, and loading it stalls every other session."""
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(
            str(path), providers=["CPUExecutionProvider"], sess_options=options
        )
    except Exception as error:  # ONNX Runtime's own exception types share no other base
        raise PipelineError(
            f"{path}: the voice activity model cannot be loaded; install it again with: "
            "pip install --force-reinstall faster-whisper"
        ) from error


def silero_model_path() -> Path:
    """Return where the installed faster-whisper keeps the model.

    Raises:
        MissingExtraError: faster-whisper is not installed.
        PipelineError: It is installed but without this model.
    """
    found = importlib.util.find_spec("faster_whisper")
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError("faster-whisper", "assistant")
    path = Path(found.submodule_search_locations[0]) / "assets" / "silero_vad_v6.onnx"
    if not path.is_file():
        raise PipelineError(
            f"{path}: no such voice activity model; install it with: pip install 'faster-whisper>=1.2'"
        )
    return path
