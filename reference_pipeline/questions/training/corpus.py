"""Read the sentences that the network is trained on; `corpus/README.md` says what each file holds."""

import difflib
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

__all__ = ["Corpus", "Line", "heard_as", "parse", "read_corpus"]

HOME = Path(__file__).parent / "corpus"

_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence or a turn.

    Attributes:
        words: As a recogniser prints them.
        heads: Indices of the words at which questions begin; empty for a statement.
    """

    words: tuple[str, ...]
    heads: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """All there is to train on.

    Attributes:
        questions: Turns that ask, written by hand.
        statements: Turns that ask nothing.
        question_frames: Patterns of questions, with slots for `fillings`.
        statement_frames: Patterns of statements.
        fillings: What may stand in a slot, by its name.
        heard: What a recogniser made of some of the turns: as written, and as heard.
    """

    questions: Sequence[Line]
    statements: Sequence[Line]
    question_frames: Sequence[str]
    statement_frames: Sequence[str]
    fillings: Mapping[str, Sequence[str]]
    heard: Sequence[tuple[Line, Line]] = field(default=())

    def filled(self, frame: str, chance: random.Random) -> str:
        """Return the frame with something in each of its slots."""
        return _SLOT.sub(lambda slot: chance.choice(self.fillings[slot[1]]), frame)


def parse(text: str, *, asks: bool) -> Line:
    """Read a line of the corpus: brackets mark its questions; without any, it asks as a whole or not."""
    words: list[str] = []
    heads: list[int] = []
    for piece in text.replace("[", " [ ").replace("]", " ] ").split():
        if piece == "[":
            heads.append(len(words))
        elif piece != "]":
            words.append(piece)
    return Line(tuple(words), tuple(heads or ([0] if asks else [])))


def heard_as(written: Line, heard: Sequence[str]) -> Line:
    """Return the heard words, with the heads of questions where their words came through or should have."""
    if not heard:
        return Line((), ())
    matcher = difflib.SequenceMatcher(None, written.words, heard, autojunk=False)
    heads: set[int] = set()
    for _, start, end, heard_start, heard_end in matcher.get_opcodes():
        for head in written.heads:
            if start <= head < end:
                into = min(heard_start + head - start, max(heard_end - 1, heard_start))
                heads.add(min(into, len(heard) - 1))
    return Line(tuple(heard), tuple(sorted(heads)))


@cache
def read_corpus(home: Path = HOME) -> Corpus:
    """Read all files of the corpus."""
    questions = _lines(home, "*-questions.txt", asks=True)
    statements = _lines(home, "*-statements.txt", asks=False)
    asks = {line.words: True for line in questions}
    heard: list[tuple[Line, Line]] = []
    for entry in _read(home / "heard.tsv"):
        text, _, what = entry.partition("\t")
        words = parse(text, asks=False).words
        written = parse(text, asks=words in asks)
        heard.append((written, heard_as(written, what.split())))
    return Corpus(
        questions=questions,
        statements=statements,
        question_frames=_read(home / "frames-questions.txt"),
        statement_frames=_read(home / "frames-statements.txt"),
        fillings=_fillings(home / "fillings.txt"),
        heard=heard,
    )


def _lines(home: Path, pattern: str, *, asks: bool) -> list[Line]:
    return [
        parse(text, asks=asks)
        for file in sorted(home.glob(pattern))
        if not file.name.startswith("frames-")
        for text in _read(file)
    ]


def _read(file: Path) -> list[str]:
    if not file.exists():
        return []
    return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def _fillings(file: Path) -> dict[str, list[str]]:
    fillings: dict[str, list[str]] = {}
    name = ""
    for line in _read(file):
        if line.startswith("# "):
            name = line.removeprefix("# ")
            fillings[name] = []
        else:
            fillings[name].append(line)
    return fillings
