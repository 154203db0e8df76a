"""A small convolutional network over words, evaluated with numpy; its weights are a file beside this module.

Three judgements of one reading: whether something is asked, at which words a question begins, and whether the
words may be all. Trained by `reference_pipeline.questions.training`, which holds the same layers backwards.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import threadpoolctl  # type: ignore[import-untyped,unused-ignore]  # it ships no types
from numpy.typing import NDArray

from reference_pipeline.questions.features import feature_rows

__all__ = ["REACH", "SPACINGS", "Judgement", "Network", "convolve", "load_network"]

WEIGHTS = Path(__file__).parent / "weights.npz"

REACH = 3
"""How many words to each side a layer sees."""

SPACINGS = (1, 1, 3)
"""Of the layers, in order: the last sees every third word, so that all together see fifteen to each side."""

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the network makes of a sentence.

    Attributes:
        asks: Probability that something in it is asked of the listener.
        least: The same by the member of the ensemble that doubts it most.
        begins: For each word, the probability that a question begins there.
        whole: Probability that nothing more needs to follow.
    """

    asks: float
    least: float
    begins: tuple[float, ...]
    whole: float


class Network:
    """Judges the words of a sentence. Pure, and safe to use from several threads.

    Args:
        vocabulary: The known words, in the order of their rows, which begin at 1.
        members: Weights by name, one mapping for each member of the ensemble; judgements are averaged.
    """

    def __init__(self, vocabulary: Sequence[str], members: Sequence[dict[str, Array]]) -> None:
        self._vocabulary = {word: row for row, word in enumerate(vocabulary, start=1)}
        self._weights = {name: np.stack([member[name] for member in members]) for name in members[0]}

    @property
    def vocabulary(self) -> list[str]:
        """The words that it knows."""
        return list(self._vocabulary)

    def judge(self, forms: Sequence[str], marks: Sequence[int]) -> Judgement:
        """Judge words with what the rules say of each (indices in `features.MARKS`); at least one word."""
        rows = feature_rows(forms, marks, self._vocabulary)
        told = _logits(self._weights, rows)
        logits = told.mean(axis=0)
        return Judgement(
            asks=float(_sigmoid(logits[0])),
            least=float(_sigmoid(told[:, 0].min())),
            whole=float(_sigmoid(logits[1])),
            begins=tuple(_sigmoid(logits[2:]).tolist()),
        )


def convolve(inputs: Array, kernel: Array, bias: Array, edge: Array, *, spacing: int = 1) -> Array:
    """Lay `kernel` over `inputs`, whose ends go on with `edge`, and return the positive part, of all members.

    Each operation of numpy may let other threads run and then waits for its turn, so that few large ones are
    several times as fast as many small ones where several speakers are judged.

    Args:
        inputs: Shape (members, words, channels).
        kernel: Shape (members, (2 * REACH + 1) * channels, outputs).
        bias: Shape (members, outputs).
        edge: What stands before the first and after the last word, shape (members, 2, channels).
        spacing: From one word that the kernel sees to the next; 1 sees neighbours.
    """
    words, margin = inputs.shape[1], REACH * spacing
    padded = np.concatenate(
        (np.repeat(edge[:, :1], margin, axis=1), inputs, np.repeat(edge[:, 1:], margin, axis=1)), axis=1
    )
    shifts = range(0, 2 * margin + 1, spacing)
    outputs: Array = np.concatenate([padded[:, shift : shift + words] for shift in shifts], axis=2) @ kernel
    outputs += bias[:, None]
    return np.maximum(outputs, 0, out=outputs)


def _logits(weights: dict[str, Array], rows: NDArray[np.int32]) -> Array:
    """Return the logits of "asks", of "whole", and of "begins" for each word, a row a member."""
    seen = weights["table"][:, rows].sum(axis=2)
    for layer, spacing in enumerate(SPACINGS, start=1):
        kernel, bias, edge = (weights[f"{name}_{layer}"] for name in ("kernel", "bias", "edge"))
        seen = convolve(seen, kernel, bias, edge, spacing=spacing)
    pooled = np.concatenate((seen.max(axis=1), seen.mean(axis=1)), axis=1)
    ending = np.concatenate((seen[:, -1], pooled), axis=1)
    asks = (pooled[:, None] @ weights["asks"])[:, 0] + weights["asks_bias"]
    whole = (ending[:, None] @ weights["whole"])[:, 0] + weights["whole_bias"]
    begins = (seen @ weights["begins"][:, :, None])[:, :, 0] + weights["begins_bias"]
    return np.concatenate((asks, whole, begins), axis=1)


def _sigmoid(logits: Array) -> Array:
    probabilities: Array = np.reciprocal(1 + np.exp(-np.clip(logits, -30, 30)))
    return probabilities


@cache
def load_network(path: Path = WEIGHTS) -> Network:
    """Read the network from its file (once a process).

    From then on numpy's linear algebra uses one thread in this process: products as small as these gain
    nothing by more, and where the cores are busy each would wait for the others, 20 ms and longer.
    """
    threadpoolctl.threadpool_limits(limits=1, user_api="blas")
    with np.load(path, allow_pickle=False) as stored:
        about = json.loads(str(stored["about"]))
        members = [
            {
                name: stored[f"{member}/{name}"].astype(np.float32) * stored[f"{member}/{name}/step"]
                for name in about["layers"]
            }
            for member in range(about["members"])
        ]
        return Network(about["vocabulary"], members)
