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
        begins: For each word, the probability that a question begins there.
        whole: Probability that nothing more needs to follow.
    """

    asks: float
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
        self._members = tuple(members)

    @property
    def vocabulary(self) -> list[str]:
        """The words that it knows."""
        return list(self._vocabulary)

    def judge(self, forms: Sequence[str], marks: Sequence[int]) -> Judgement:
        """Judge words with what the rules say of each (indices in `features.MARKS`); at least one word."""
        rows = feature_rows(forms, marks, self._vocabulary)
        logits = np.mean([_logits(member, rows) for member in self._members], axis=0)
        return Judgement(
            asks=float(_sigmoid(logits[0])),
            whole=float(_sigmoid(logits[1])),
            begins=tuple(_sigmoid(logits[2:]).tolist()),
        )


def convolve(inputs: Array, kernel: Array, bias: Array, edge: Array, *, spacing: int = 1) -> Array:
    """Return `kernel` laid over `inputs`, whose ends go on with `edge`, positive part.

    Args:
        inputs: Shape (words, channels).
        kernel: Shape ((2 * REACH + 1) * channels, outputs).
        bias: Shape (outputs,).
        edge: What stands before the first and after the last word, shape (2, channels).
        spacing: From one word that the kernel sees to the next; 1 sees neighbours.
    """
    words, margin = len(inputs), REACH * spacing
    padded = np.concatenate(
        (np.repeat(edge[:1], margin, axis=0), inputs, np.repeat(edge[1:], margin, axis=0))
    )
    shifts = range(0, 2 * margin + 1, spacing)
    windows = np.concatenate([padded[shift : shift + words] for shift in shifts], axis=1)
    outputs: Array = np.maximum(windows @ kernel + bias, 0)
    return outputs


def _logits(member: dict[str, Array], rows: NDArray[np.int32]) -> Array:
    """Return the logits of "asks", of "whole", and of "begins" for each word."""
    seen = member["table"][rows].sum(axis=1)
    for layer, spacing in enumerate(SPACINGS, start=1):
        kernel, bias, edge = (member[f"{name}_{layer}"] for name in ("kernel", "bias", "edge"))
        seen = convolve(seen, kernel, bias, edge, spacing=spacing)
    pooled = np.concatenate((seen.max(axis=0), seen.mean(axis=0)))
    asks = pooled @ member["asks"] + member["asks_bias"]
    whole = np.concatenate((seen[-1], pooled)) @ member["whole"] + member["whole_bias"]
    begins = seen @ member["begins"] + member["begins_bias"]
    return np.concatenate((asks, whole, begins))


def _sigmoid(logits: Array) -> Array:
    probabilities: Array = np.reciprocal(1 + np.exp(-np.clip(logits, -30, 30)))
    return probabilities


@cache
def load_network(path: Path = WEIGHTS) -> Network:
    """Read the network from its file (once a process)."""
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
