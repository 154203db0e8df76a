"""The layers of `reference_pipeline.questions.network`, forwards and backwards, over a batch of sentences.

The words of all sentences of a batch stand in one long row, each sentence between its edges.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference_pipeline.questions.training.examples import Example

__all__ = ["Batch", "Parameters", "gradients", "initial"]

Array = NDArray[np.float32]
Parameters = dict[str, Array]

DROPOUT = 0.25
BEGINS_SHARE = 0.5
WHOLE_SHARE = 0.5
"""Weights of the secondary tasks in the loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Sentences laid side by side, and the truth about them.

    Attributes:
        rows: Rows of the table for each word, shape (words, FEATURES_PER_WORD).
        places: Where each word stands in the long row.
        edges: Where the edges stand, left and right, each shape (sentences * reach,).
        length: Of the long row.
        starts: Index of each sentence's first word.
        sentence: Of each word.
        counts: Words of each sentence.
        asks, asks_weight, whole: Truth for each sentence.
        begins, begins_weight: Truth for each word.
    """

    rows: NDArray[np.int32]
    places: NDArray[np.intp]
    edges: tuple[NDArray[np.intp], NDArray[np.intp]]
    length: int
    starts: NDArray[np.intp]
    sentence: NDArray[np.intp]
    counts: NDArray[np.intp]
    asks: Array
    asks_weight: Array
    whole: Array
    begins: Array
    begins_weight: Array

    @classmethod
    def of(cls, rows: Sequence[NDArray[np.int32]], examples: Sequence[Example], *, reach: int) -> "Batch":
        """Lay out the examples, whose rows are given."""
        counts = np.array([len(each) for each in rows])
        starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
        sentence = np.repeat(np.arange(len(rows)), counts)
        begins = np.zeros(counts.sum(), np.float32)
        for start, example in zip(starts, examples, strict=True):
            begins[[start + index for index in example.begins]] = 1
        weight = np.array([example.asks_weight for example in examples], np.float32)
        spread = 2 * reach
        lefts = starts + spread * np.arange(len(rows))
        rights = lefts + reach + counts
        steps = np.arange(reach)
        return cls(
            rows=np.concatenate(rows),
            places=np.arange(len(sentence)) + sentence * spread + reach,
            edges=((lefts[:, None] + steps).ravel(), (rights[:, None] + steps).ravel()),
            length=int(counts.sum()) + spread * len(rows),
            starts=starts,
            sentence=sentence,
            counts=counts,
            asks=np.array([example.asks for example in examples], np.float32),
            asks_weight=weight,
            whole=np.array([example.whole for example in examples], np.float32),
            begins=begins,
            begins_weight=weight[sentence],
        )


def initial(*, rows: int, channels: int, hidden: int, reach: int, chance: np.random.Generator) -> Parameters:
    """Return random weights to begin with."""

    def normal(*shape: int, scale: float) -> Array:
        return chance.normal(0.0, scale, shape).astype(np.float32)

    width = 2 * reach + 1
    return {
        "table": normal(rows, channels, scale=0.25),
        "kernel_1": normal(width * channels, hidden, scale=(2 / (width * channels)) ** 0.5),
        "bias_1": np.zeros(hidden, np.float32),
        "edge_1": normal(2, channels, scale=0.25),
        "kernel_2": normal(width * hidden, hidden, scale=(2 / (width * hidden)) ** 0.5),
        "bias_2": np.zeros(hidden, np.float32),
        "edge_2": normal(2, hidden, scale=0.25),
        "asks": normal(2 * hidden, 1, scale=0.1),
        "asks_bias": np.zeros(1, np.float32),
        "whole": normal(3 * hidden, 1, scale=0.1),
        "whole_bias": np.zeros(1, np.float32),
        "begins": normal(hidden, scale=0.1),
        "begins_bias": np.zeros(1, np.float32),
    }


def gradients(
    parameters: Parameters, batch: Batch, chance: np.random.Generator
) -> tuple[float, dict[str, Array]]:
    """Return the mean loss of the batch and its slope for each weight."""
    words = parameters["table"][batch.rows].sum(axis=1)
    windows_1, first = _forwards(parameters, "1", words, batch)
    windows_2, second = _forwards(parameters, "2", first, batch)
    kept = (chance.random(second.shape) >= DROPOUT).astype(np.float32) / (1 - DROPOUT)
    hidden = second * kept
    largest = np.maximum.reduceat(hidden, batch.starts)
    means = np.add.reduceat(hidden, batch.starts) / batch.counts[:, None]
    last = batch.starts + batch.counts - 1
    pooled = np.concatenate((largest, means), axis=1)
    ending = np.concatenate((hidden[last], pooled), axis=1)
    asks = (pooled @ parameters["asks"])[:, 0] + parameters["asks_bias"]
    whole = (ending @ parameters["whole"])[:, 0] + parameters["whole_bias"]
    begins = hidden @ parameters["begins"] + parameters["begins_bias"]
    sentences = len(batch.counts)
    d_asks, loss_asks = _logistic(asks, batch.asks, batch.asks_weight / sentences)
    d_whole, loss_whole = _logistic(whole, batch.whole, np.float32(WHOLE_SHARE / sentences))
    d_begins, loss_begins = _logistic(begins, batch.begins, batch.begins_weight * BEGINS_SHARE / sentences)
    size = hidden.shape[1]
    d_ending = d_whole[:, None] * parameters["whole"][:, 0]
    d_pooled = d_asks[:, None] * parameters["asks"][:, 0] + d_ending[:, size:]
    d_hidden = d_begins[:, None] * parameters["begins"]
    d_hidden += (hidden == largest[batch.sentence]) * d_pooled[batch.sentence, :size]
    d_hidden += (d_pooled[:, size:] / batch.counts[:, None])[batch.sentence]
    d_hidden[last] += d_ending[:, :size]
    slopes: dict[str, Array] = {
        "asks": pooled.T @ d_asks[:, None],
        "asks_bias": d_asks.sum(keepdims=True),
        "whole": ending.T @ d_whole[:, None],
        "whole_bias": d_whole.sum(keepdims=True),
        "begins": hidden.T @ d_begins,
        "begins_bias": d_begins.sum(keepdims=True),
    }
    d_first = _backwards(
        parameters, "2", d_hidden * kept * (second > 0), windows=windows_2, batch=batch, slopes=slopes
    )
    d_words = _backwards(
        parameters, "1", d_first * (first > 0), windows=windows_1, batch=batch, slopes=slopes
    )
    slopes["table"] = np.zeros_like(parameters["table"])
    for column in batch.rows.T:
        np.add.at(slopes["table"], column, d_words)
    return loss_asks + loss_whole + loss_begins, slopes


def _forwards(parameters: Parameters, layer: str, inputs: Array, batch: Batch) -> tuple[Array, Array]:
    """Return the windows over the inputs and what comes out of the layer, both for each word."""
    kernel = parameters[f"kernel_{layer}"]
    row = np.zeros((batch.length, inputs.shape[1]), np.float32)
    row[batch.places] = inputs
    for side, places in enumerate(batch.edges):
        row[places] = parameters[f"edge_{layer}"][side]
    reach = (kernel.shape[0] // inputs.shape[1] - 1) // 2
    windows = np.concatenate([row[batch.places + shift] for shift in range(-reach, reach + 1)], axis=1)
    return windows, np.maximum(windows @ kernel + parameters[f"bias_{layer}"], 0)


def _backwards(
    parameters: Parameters,
    layer: str,
    slope: Array,
    *,
    windows: Array,
    batch: Batch,
    slopes: dict[str, Array],
) -> Array:
    """Add the slopes of the layer's weights; return that of its inputs."""
    kernel = parameters[f"kernel_{layer}"]
    slopes[f"kernel_{layer}"] = windows.T @ slope
    slopes[f"bias_{layer}"] = slope.sum(axis=0)
    d_windows = slope @ kernel.T
    channels = parameters[f"edge_{layer}"].shape[1]
    reach = (kernel.shape[0] // channels - 1) // 2
    d_row = np.zeros((batch.length, channels), np.float32)
    for index, shift in enumerate(range(-reach, reach + 1)):
        d_row[batch.places + shift] += d_windows[:, index * channels : (index + 1) * channels]
    slopes[f"edge_{layer}"] = np.stack([d_row[places].sum(axis=0) for places in batch.edges])
    return d_row[batch.places]


def _logistic(logits: Array, truth: Array, weight: NDArray[Any] | np.float32) -> tuple[Array, float]:
    """Return the slope and the sum of the weighted cross entropy."""
    probabilities = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
    losses = np.logaddexp(0, logits) - truth * logits
    return ((probabilities - truth) * weight).astype(np.float32), float((losses * weight).sum())
