"""How the question network is trained: with right slopes, repeatably, and on the corpus that ships."""

import random
from pathlib import Path

import numpy as np
import pytest

from reference_pipeline.questions.features import ENDINGS, MARKS, SOUNDS, feature_rows
from reference_pipeline.questions.network import Network, load_network
from reference_pipeline.questions.training.corpus import Corpus, Line, heard_as, parse, read_corpus
from reference_pipeline.questions.training.examples import Example, example_of, make_examples
from reference_pipeline.questions.training.layers import Batch, Parameters, gradients, initial
from reference_pipeline.questions.training.mishearing import Mishearing
from reference_pipeline.questions.training.train import known_words, save, train

WORDS = ["a", "closure", "is", "me", "tell", "what", "you"]


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    return read_corpus()


@pytest.fixture
def examples(corpus: Corpus) -> list[Example]:
    return list(make_examples(corpus, number=130, seed=7))


@pytest.fixture
def parameters() -> Parameters:
    total = len(WORDS) + 1 + SOUNDS + ENDINGS + len(MARKS)
    chance = np.random.default_rng(1)
    made = initial(rows=total, channels=4, hidden=5, chance=chance)
    # Away from zero, where a rectifier has no slope: words that a layer ignores would stand right there.
    return {
        name: value + chance.normal(0.0, 0.1, value.shape).astype(np.float32) for name, value in made.items()
    }


def _batch(examples: list[Example]) -> Batch:
    rows_of = {word: row for row, word in enumerate(WORDS, start=1)}
    return Batch.of([feature_rows(example.forms, example.marks, rows_of) for example in examples], examples)


class NoDropout(np.random.Generator):
    """Draws ones only, so that nothing is dropped."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(1))

    def random(self, size: object = None) -> object:  # type: ignore[override]
        return np.ones(size)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "name",
    [
        "table",
        "kernel_1",
        "bias_1",
        "edge_1",
        "kernel_2",
        "edge_2",
        "kernel_3",
        "edge_3",
        "asks",
        "whole",
        "begins",
        "whole_bias",
    ],
)
def test_each_slope_is_what_the_loss_changes_by(
    name: str, parameters: Parameters, examples: list[Example]
) -> None:
    batch = _batch(examples[:6])
    doubles: Parameters = {key: value.astype(np.float64) for key, value in parameters.items()}  # type: ignore[misc]
    _, slopes = gradients(doubles, batch, NoDropout())
    place = np.unravel_index(np.abs(slopes[name]).argmax(), slopes[name].shape)
    step = 1e-4
    losses = []
    for sign in (1, -1):
        moved = {key: value.copy() for key, value in doubles.items()}
        moved[name][place] += sign * step
        losses.append(gradients(moved, batch, NoDropout())[0])
    assert (losses[0] - losses[1]) / (2 * step) == pytest.approx(slopes[name][place], rel=0.02)


def test_training_is_repeatable_and_what_is_stored_judges_as_what_was_trained(
    examples: list[Example], corpus: Corpus, tmp_path: Path
) -> None:
    vocabulary = known_words(corpus)
    first, second = (train(examples, vocabulary, seed=3, epochs=1) for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    save(tmp_path / "weights.npz", vocabulary, [first])
    stored, exact = load_network(tmp_path / "weights.npz"), Network(vocabulary, [first])
    for example in examples[:20]:
        near, true = (network.judge(example.forms, example.marks) for network in (stored, exact))
        assert near.asks == pytest.approx(true.asks, abs=0.02)
        assert near.begins == pytest.approx(true.begins, abs=0.02)


def test_the_weights_that_ship_were_trained_on_the_corpus_that_ships(corpus: Corpus) -> None:
    assert load_network().vocabulary == known_words(corpus), "run: nox -s train-questions"


def test_the_same_seed_makes_the_same_examples(corpus: Corpus) -> None:
    one, other = (list(make_examples(corpus, number=50, seed=5)) for _ in range(2))
    assert one == other


def test_no_sentence_that_is_evaluated_on_is_trained_on(corpus: Corpus) -> None:
    home = Path(__file__).parent / "sentences"
    evaluated = {
        line
        for file in (*home.glob("*-questions.txt"), *home.glob("*-statements.txt"), *home.glob("*talk.txt"))
        if not file.name.startswith("tuning")
        for line in file.read_text(encoding="utf-8").splitlines()
        if len(line.split()) > 4  # everybody says "what happened in the end"
    }
    trained = {" ".join(line.words) for line in (*corpus.questions, *corpus.statements)}
    assert evaluated & trained == set()


def test_brackets_mark_where_questions_begin() -> None:
    line = parse("i see [what is a thread] and [what is a process]", asks=True)
    assert " ".join(line.words) == "i see what is a thread and what is a process"
    assert line.heads == (2, 7)
    assert parse("what is a thread", asks=True).heads == (0,)
    assert parse("it is a thread", asks=False).heads == ()


@pytest.mark.parametrize(
    ("heard", "head"),
    [("i see what is a red", 2), ("i see but is a thread", 2), ("see is a thread", 1), ("i", 0)],
)
def test_the_beginning_of_a_question_is_found_again_in_what_was_heard(heard: str, head: int) -> None:
    assert heard_as(parse("i see [what is a thread]", asks=True), heard.split()).heads == (head,)


def test_errors_come_at_their_rate_and_move_the_beginning_of_a_question_with_its_words(
    corpus: Corpus,
) -> None:
    mishearing, chance = Mishearing(corpus), random.Random(1)  # noqa: S311  # repeatable, not secret
    line = Line(("alpha",) * 50 + ("what", "is") + ("omega",) * 50, (50,))
    assert mishearing.apply(line, rate=0, chance=chance) == line
    kept = []
    for _ in range(200):
        heard = mishearing.apply(line, rate=0.2, chance=chance)
        kept.append(heard.words.count("alpha") / 50)
        (head,) = heard.heads
        assert abs(head - heard.words.index("omega")) <= 8  # two words, and a few misheard after them
    assert 0.8 <= np.mean(kept) <= 0.9  # an added word leaves the one before it as it was


def test_a_contraction_is_two_words_and_the_question_begins_at_its_first() -> None:
    example = example_of(Line(("well", "what's", "that"), (1,)))
    assert example is not None
    assert example.forms == ("well", "what", "is", "that")
    assert example.begins == (1,)
