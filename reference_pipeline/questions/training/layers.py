"""The layers of `reference_pipeline.questions.network`, forwards and backwards, over a batch of sentences.

The words of all sentences of a batch stand in one long row, each sentence between its edges.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference_pipeline.questions.network import REACH, SPACINGS
from reference_pipeline.questions.training.examples import Example

__all__ = ["Batch", "Parameters", "gradients", "initial"]

Array = NDArray[np.float32]
Parameters = dict[str, Array]

MARGIN = REACH * max(SPACINGS)
"""How many times each sentence is continued with its edges."""

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
        edges: Where the edges stand, left and right, each shape (sentences * MARGIN,).
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
    def of(cls, rows: Sequence[NDArray[np.int32]], examples: Sequence[Example]) -> "Batch":
        """Lay out the examples, whose rows are given."""
        counts = np.array([len(each) for each in rows])
        starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
        sentence = np.repeat(np.arange(len(rows)), counts)
        begins = np.zeros(counts.sum(), np.float32)
        for start, example in zip(starts, examples, strict=True):
            begins[[start + index for index in example.begins]] = 1
        weight = np.array([example.asks_weight for example in examples], np.float32)
        spread = 2 * MARGIN
        lefts = starts + spread * np.arange(len(rows))
        rights = lefts + MARGIN + counts
        steps = np.arange(MARGIN)
        return cls(
            rows=np.concatenate(rows),
            places=np.arange(len(sentence)) + sentence * spread + MARGIN,
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


def initial(*, rows: int, channels: int, hidden: int, chance: np.random.Generator) -> Parameters:
    """Return random weights to begin with."""

    def normal(*shape: int, scale: float) -> Array:
        return chance.normal(0.0, scale, shape).astype(np.float32)

    parameters = {
        "table": normal(rows, channels, scale=0.25),
        "asks": normal(2 * hidden, 1, scale=0.1),
        "asks_bias": np.zeros(1, np.float32),
        "whole": normal(3 * hidden, 1, scale=0.1),
        "whole_bias": np.zeros(1, np.float32),
        "begins": normal(hidden, scale=0.1),
        "begins_bias": np.zeros(1, np.float32),
    }
    inputs = channels
    for layer in range(1, len(SPACINGS) + 1):
        seen = (2 * REACH + 1) * inputs
        parameters[f"kernel_{layer}"] = normal(seen, hidden, scale=(2 / seen) ** 0.5)
        parameters[f"bias_{layer}"] = np.zeros(hidden, np.float32)
        parameters[f"edge_{layer}"] = (
            normal(2, inputs, scale=0.25) if layer == 1 else np.zeros((2, inputs), np.float32)
        )
        inputs = hidden
    return parameters


def gradients(
    parameters: Parameters, batch: Batch, chance: np.random.Generator
) -> tuple[float, dict[str, Array]]:
    """Return the mean loss of the batch and its slope for each weight."""
    seen = [parameters["table"][batch.rows].sum(axis=1)]
    windows = []
    for layer in range(1, len(SPACINGS) + 1):
        window, after = _forwards(parameters, layer, seen[-1], batch)
        windows.append(window)
        seen.append(after)
    kept = (chance.random(seen[-1].shape) >= DROPOUT).astype(np.float32) / (1 - DROPOUT)
    hidden = seen[-1] * kept
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
    d_seen = d_hidden * kept
    for layer in range(len(SPACINGS), 0, -1):
        d_seen = _backwards(
            parameters,
            layer,
            d_seen * (seen[layer] > 0),
            windows=windows[layer - 1],
            batch=batch,
            slopes=slopes,
        )
    slopes["table"] = np.zeros_like(parameters["table"])
    for column in batch.rows.T:
        np.add.at(slopes["table"], column, d_seen)
    return loss_asks + loss_whole + loss_begins, slopes


def _forwards(parameters: Parameters, layer: int, inputs: Array, batch: Batch) -> tuple[Array, Array]:
    """Return the windows over the inputs and what comes out of the layer, both for each word."""
    kernel = parameters[f"kernel_{layer}"]
    row = np.zeros((batch.length, inputs.shape[1]), np.float32)
    row[batch.places] = inputs
    for side, places in enumerate(batch.edges):
        row[places] = parameters[f"edge_{layer}"][side]
    windows = np.concatenate([row[batch.places + shift] for shift in _shifts(layer)], axis=1)
    return windows, np.maximum(windows @ kernel + parameters[f"bias_{layer}"], 0)


def _backwards(
    parameters: Parameters,
    layer: int,
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
    d_row = np.zeros((batch.length, channels), np.float32)
    for index, shift in enumerate(_shifts(layer)):
        d_row[batch.places + shift] += d_windows[:, index * channels : (index + 1) * channels]
    slopes[f"edge_{layer}"] = np.stack([d_row[places].sum(axis=0) for places in batch.edges])
    return d_row[batch.places]


def _shifts(layer: int) -> range:
    margin = REACH * SPACINGS[layer - 1]
    return range(-margin, margin + 1, SPACINGS[layer - 1])


def _logistic(logits: Array, truth: Array, weight: NDArray[Any] | np.float32) -> tuple[Array, float]:
    """Return the slope and the sum of the weighted cross entropy."""
    probabilities = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
    losses = np.logaddexp(0, logits) - truth * logits
    return ((probabilities - truth) * weight).astype(np.float32), float((losses * weight).sum())
