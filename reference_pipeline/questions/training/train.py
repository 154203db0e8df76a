"""Train the network of `reference_pipeline.questions` on the corpus beside this file, with numpy alone.

    python -m reference_pipeline.questions.training.train [--out weights.npz]

Takes half an hour on two cores. The seeds are fixed: on one machine the same corpus gives the same
weights, on another ones that judge alike (sums of floats differ in their last bit).
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference_pipeline.questions.features import ENDINGS, MARKS, SOUNDS, feature_rows
from reference_pipeline.questions.network import SPACINGS, WEIGHTS
from reference_pipeline.questions.training.corpus import Corpus, read_corpus
from reference_pipeline.questions.training.examples import Example, make_examples
from reference_pipeline.questions.training.layers import Batch, Parameters, gradients, initial
from reference_pipeline.questions.words import split_sentences

LAYERS = (
    "table",
    *(f"{name}_{layer}" for layer in range(1, len(SPACINGS) + 1) for name in ("kernel", "bias", "edge")),
    *("asks", "asks_bias", "whole", "whole_bias", "begins", "begins_bias"),
)

CHANNELS = 48
HIDDEN = 112
MEMBERS = 4
EXAMPLES = 300_000
"""Of each member, which has its own."""
EPOCHS = 4
BATCH = 64
LEARNING_RATE = 2e-3
WORD_DROPOUT = 0.1
"""Share of words made unknown, and of rules silenced, so that neither is relied upon alone."""
LEAST_COUNT = 3


def main(arguments: list[str] | None = None) -> int:
    """Train and write the weights; return 0."""
    parser = argparse.ArgumentParser(description="Train the question network.")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--examples", type=int, default=EXAMPLES)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--members", type=int, default=MEMBERS)
    options = parser.parse_args(arguments)
    began = time.monotonic()
    corpus = read_corpus()
    vocabulary = known_words(corpus)
    print(f"{options.examples} examples a member, {len(vocabulary)} words", flush=True)
    members = train_all(
        corpus, vocabulary, members=options.members, examples=options.examples, epochs=options.epochs
    )
    save(options.out, vocabulary, members)
    print(f"{options.out}: {options.out.stat().st_size} bytes after {time.monotonic() - began:.0f} s")
    return 0


def known_words(corpus: Corpus) -> list[str]:
    """Return the words that get a row of their own: those that occur often enough."""
    texts = [" ".join(line.words) for line in (*corpus.questions, *corpus.statements)]
    texts += [*corpus.question_frames, *corpus.statement_frames]
    texts += [filling for fillings in corpus.fillings.values() for filling in fillings]
    texts += [" ".join(heard.words) for _, heard in corpus.heard]
    counted = Counter(form for text in texts for sentence in split_sentences(text) for form in sentence.forms)
    return sorted(word for word, count in counted.items() if count >= LEAST_COUNT)


def train_all(
    corpus: Corpus, vocabulary: Sequence[str], *, members: int, examples: int, epochs: int
) -> list[Parameters]:
    """Return the weights of all members of the ensemble, trained beside each other on as many cores.

    Each has so many examples of its own: what one of them has never seen another has.
    """
    # Forked, so that the corpus is there already.
    with ProcessPoolExecutor(min(members, os.cpu_count() or 1), mp_context=get_context("fork")) as pool:
        _shared[:] = [corpus, vocabulary]
        futures = [pool.submit(_train_shared, seed, examples, epochs) for seed in range(members)]
        return [future.result() for future in futures]


_shared: list[Any] = []


def _train_shared(seed: int, number: int, epochs: int) -> Parameters:
    corpus, vocabulary = _shared
    examples = list(make_examples(corpus, number=number, seed=seed + 1))
    return train(examples, vocabulary, seed=seed, epochs=epochs)


def train(examples: Sequence[Example], vocabulary: Sequence[str], *, seed: int, epochs: int) -> Parameters:
    """Return the weights of one member of the ensemble."""
    chance = np.random.default_rng(seed)
    rows_of = {word: row for row, word in enumerate(vocabulary, start=1)}
    rows = [feature_rows(example.forms, example.marks, rows_of) for example in examples]
    total = len(vocabulary) + 1 + SOUNDS + ENDINGS + len(MARKS)
    parameters = initial(rows=total, channels=CHANNELS, hidden=HIDDEN, chance=chance)
    optimiser = _Adam(parameters)
    steps = epochs * (len(examples) // BATCH)
    step = 0
    for epoch in range(epochs):
        order = chance.permutation(len(examples))
        losses = []
        for start in range(0, len(order) - BATCH + 1, BATCH):
            picked = order[start : start + BATCH]
            batch = Batch.of(
                [_dropped(rows[index], total, chance) for index in picked],
                [examples[index] for index in picked],
            )
            loss, slopes = gradients(parameters, batch, chance)
            rate = LEARNING_RATE * min(1.0, (step + 1) / 200) * (1 - step / steps)
            optimiser.update(parameters, slopes, rate)
            losses.append(loss)
            step += 1
        print(f"member {seed}, epoch {epoch}: loss {np.mean(losses):.4f}", flush=True)
    return parameters


def _dropped(rows: NDArray[np.int32], total: int, chance: np.random.Generator) -> NDArray[np.int32]:
    rows = rows.copy()
    rows[chance.random(len(rows)) < WORD_DROPOUT, 0] = 0
    rows[chance.random(len(rows)) < WORD_DROPOUT, 3] = total - len(MARKS)
    return rows


class _Adam:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    def __init__(self, parameters: Parameters, *, decay: float = 0.01) -> None:
        self._mean = {name: np.zeros_like(value) for name, value in parameters.items()}
        self._square = {name: np.zeros_like(value) for name, value in parameters.items()}
        self._decay = decay
        self._step = 0

    def update(self, parameters: Parameters, slopes: Mapping[str, NDArray[np.float32]], rate: float) -> None:
        self._step += 1
        for name, slope in slopes.items():
            mean, square = self._mean[name], self._square[name]
            mean += 0.1 * (slope - mean)
            square += 0.001 * (slope * slope - square)
            change = mean / (1 - 0.9**self._step)
            change /= np.sqrt(square / (1 - 0.999**self._step)) + 1e-8
            parameters[name] -= rate * (change + self._decay * parameters[name])


def save(path: Path, vocabulary: Sequence[str], members: Sequence[Parameters]) -> None:
    """Write the weights as 8-bit integers with one step width a layer (a table has one for each column)."""
    stored: dict[str, NDArray[np.generic]] = {}
    for member, parameters in enumerate(members):
        for name in LAYERS:
            value = parameters[name]
            largest = np.abs(value).max(axis=0, keepdims=True)
            step = np.where(largest > 0, largest / 127, 1).astype(np.float32)
            stored[f"{member}/{name}"] = np.rint(value / step).astype(np.int8)
            stored[f"{member}/{name}/step"] = step
    about = {"layers": LAYERS, "members": len(members), "vocabulary": list(vocabulary)}
    stored["about"] = np.array(json.dumps(about))
    np.savez_compressed(path, **stored)  # type: ignore[arg-type]  # names of arrays, not its options


if __name__ == "__main__":
    sys.exit(main())
