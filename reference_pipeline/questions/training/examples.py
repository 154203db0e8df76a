"""Make training examples of the corpus: turns composed of its lines, with fillers and recognition errors."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reference_pipeline.questions.detector import read
from reference_pipeline.questions.features import MARKS
from reference_pipeline.questions.training.corpus import Corpus, Line
from reference_pipeline.questions.training.mishearing import Mishearing
from reference_pipeline.questions.words import split_sentences

__all__ = ["Example", "example_of", "make_examples"]

SHARE_OF_QUESTIONS = 0.45
SHARE_OF_FRAMES = 0.06
SHARE_HEARD = 0.03
SHARE_WITH_ERRORS = 0.68
SHARE_CUT_SHORT = 0.25
MOST_ERRORS = 0.38

_OPENERS = (
    "okay", "so", "and", "um", "well", "great", "right", "but", "now", "alright", "okay so", "great so",
    "okay great", "yeah so", "yes and", "um so", "uh", "hm", "i see", "i see and", "got it",
    "thank you", "thanks", "all right so", "oh", "perfect", "cool", "interesting", "sure", "no", "yes",
    "yeah", "actually", "then", "first", "next", "you know", "i mean", "also", "sorry", "hello", "good",
    "nice", "fair enough", "makes sense", "anyway",
)  # fmt: skip
_FILLERS = ("um", "uh", "like", "you know", "i mean", "er", "sort of", "actually", "kind of")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A turn and the truth about it.

    Attributes:
        forms: Its words, contractions taken apart.
        marks: For each word the index in `MARKS` of what the rules say.
        begins: Indices of the words at which questions begin.
        asks: Whether anything is asked.
        asks_weight: How much that truth is to be trusted: little where the turn was cut short.
        whole: Whether nothing needs to follow.
    """

    forms: tuple[str, ...]
    marks: tuple[int, ...]
    begins: tuple[int, ...]
    asks: bool
    asks_weight: float
    whole: bool


def make_examples(corpus: Corpus, *, number: int, seed: int) -> Iterator[Example]:
    """Yield so many examples; the same seed yields the same ones."""
    chance = random.Random(seed)
    mishearing = Mishearing(corpus)
    made = 0
    while made < number:
        line = _heard(corpus, chance) if corpus.heard and chance.random() < SHARE_HEARD else None
        if line is None:
            line = _turn(corpus, chance)
            if chance.random() < 0.15:
                line = _hesitating(line, chance)
            if chance.random() < SHARE_WITH_ERRORS:
                line = mishearing.apply(line, rate=chance.uniform(0.03, MOST_ERRORS), chance=chance)
        example = _cut_short(line, chance) if chance.random() < SHARE_CUT_SHORT else example_of(line)
        if example is not None:
            made += 1
            yield example


def example_of(line: Line, *, asks_weight: float = 1.0, whole: bool = True) -> Example | None:
    """Return the line as an example, None where no word is left of it."""
    sentences = split_sentences(" ".join(line.words))
    if len(sentences) != 1:
        return None
    (sentence,) = sentences
    offsets, at = [], 0
    for word in line.words:
        offsets.append(at)
        at += len(word) + 1
    by_offset = {word.start: index for index, word in reversed(list(enumerate(sentence.words)))}
    begins = tuple(by_offset[offsets[head]] for head in line.heads if offsets[head] in by_offset)
    return Example(
        forms=sentence.forms,
        marks=tuple(MARKS.index(mark) for mark in read(sentence).marks),
        begins=begins,
        asks=bool(line.heads),
        asks_weight=asks_weight,
        whole=whole,
    )


def _turn(corpus: Corpus, chance: random.Random) -> Line:
    if chance.random() < SHARE_OF_QUESTIONS:
        return _joined(_asking_parts(corpus, chance))
    return _joined(_stating_parts(corpus, chance))


def _asking_parts(corpus: Corpus, chance: random.Random) -> list[Line]:
    kind, question = chance.random(), _question(corpus, chance)
    if kind < 0.56:
        return [question]
    if kind < 0.73:
        return [_opener(chance), question]
    if kind < 0.88:
        return [*_statements(corpus, chance, chance.choice((1, 1, 2))), question]
    if kind < 0.94:
        return [question, *_statements(corpus, chance, 1)]
    return [question, _question(corpus, chance)]


def _stating_parts(corpus: Corpus, chance: random.Random) -> list[Line]:
    kind = chance.random()
    if kind < 0.55:
        return _statements(corpus, chance, 1)
    if kind < 0.7:
        return [_opener(chance), *_statements(corpus, chance, 1)]
    return _statements(corpus, chance, chance.choice((2, 2, 3, 4)))


def _question(corpus: Corpus, chance: random.Random) -> Line:
    if chance.random() < SHARE_OF_FRAMES:
        words = corpus.filled(chance.choice(corpus.question_frames), chance).split()
        return Line(tuple(words), (0,))
    return chance.choice(corpus.questions)


def _statements(corpus: Corpus, chance: random.Random, number: int) -> list[Line]:
    lines = []
    for _ in range(number):
        if chance.random() < SHARE_OF_FRAMES:
            words = corpus.filled(chance.choice(corpus.statement_frames), chance).split()
            lines.append(Line(tuple(words), ()))
        else:
            lines.append(chance.choice(corpus.statements))
    return lines


def _opener(chance: random.Random) -> Line:
    return Line(tuple(chance.choice(_OPENERS).split()), ())


def _joined(lines: Sequence[Line]) -> Line:
    words: list[str] = []
    heads: list[int] = []
    for line in lines:
        heads.extend(len(words) + head for head in line.heads)
        words.extend(line.words)
    return Line(tuple(words), tuple(heads))


def _heard(corpus: Corpus, chance: random.Random) -> Line | None:
    _, heard = chance.choice(corpus.heard)
    return heard if heard.words else None


def _hesitating(line: Line, chance: random.Random) -> Line:
    at = chance.randrange(len(line.words))
    filler = tuple(chance.choice(_FILLERS).split())
    words = (*line.words[:at], *filler, *line.words[at:])
    return Line(words, tuple(head + len(filler) if head >= at else head for head in line.heads))


def _cut_short(line: Line, chance: random.Random) -> Example | None:
    """Return the beginning of a line: a question where three of its words or more are there."""
    if len(line.words) < 3:
        return example_of(line)
    end = chance.randrange(1, len(line.words))
    heads = tuple(head for head in line.heads if head + 3 <= end)
    return example_of(Line(line.words[:end], heads), asks_weight=0.3, whole=False)
