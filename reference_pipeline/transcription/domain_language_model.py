"""What the user's notes add to a general language model: their rare words and the phrases that they repeat.

Each becomes an entry of the model's vocabulary with a unigram probability of its own; a phrase is one entry
and so holds together as an n-gram would ("multi-words"). The general model's own n-grams stay as they are:
that of pocketsphinx's wheel has 3.8 million, and to weigh them anew would take tens of seconds at each change
of a note, and a file of 60 megabytes. Knows no engine: what is general, and how a word is said, it is told.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reference_pipeline.ports import TranscriberError
from reference_pipeline.transcription.pronunciations import Lookup, pronounce_phrase

__all__ = ["DomainEntry", "Term", "domain_entries", "read_notes", "spoken_text", "terms_of"]

MOST_TERMS = 1000
MOST_PHRASE_WORDS = 3
MOST_NOTE_BYTES = 4 * 1024 * 1024
"""Of all notes together; what is beyond is not looked at."""

TERM_PROBABILITY = 1e-4
"""Of each entry, given no history."""

MOST_MASS = 0.05
"""Of all entries together: with many terms each gets less."""

_JOIN = "_"
"""Joins the words of an entry and ends it; no word of the dictionary has it."""

_EMPHASIS = 3
"""What an occurrence in a heading, a list or in bold type counts for."""

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:'[a-z]+)?")
_BREAK = re.compile(r"[^A-Za-z0-9'\s/-]+")
_EMPHASISED = re.compile(
    r"^[ \t]*#+[ \t](.*)$|^[ \t]*[-*+][ \t]+([^:]*?)(?::.*)?$|\*\*(.+?)\*\*", re.MULTILINE
)
_LINK = re.compile(r"\]\([^)]*\)|https?://\S+")

_COMMON_WORDS = """
    a about above after again all also am an and any are as asked at be because been before being below
    between both but by can cannot could did do does doing done down during each every few first for from
    further get give given go had has have having he her here hers him his how i if in into is it its itself
    just know last let like look made make many me more most much must my never next no nor not nothing now of
    off on once one only or other our ours out over own rather same say see set shall she should since so some
    something such take tell than that the their theirs them then there these they this those three through
    time to too two under until up upon us use used very was we were what when where whether which while who
    whole whom whose why will with within without would yet you your yours
"""
_COMMON = frozenset(_COMMON_WORDS.split())
"""Words that no phrase begins, ends with or holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A word or phrase of the notes.

    Attributes:
        words: As they are written.
        count: How often, an emphasised place counting for several.
    """

    words: tuple[str, ...]
    count: int

    @property
    def text(self) -> str:
        """The words as a recogniser prints them."""
        return " ".join(self.words).lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainEntry:
    """One entry for the vocabulary of a recogniser.

    Attributes:
        name: Unlike every word of a dictionary; `spoken_text` turns it into words again.
        pronunciations: At least one, each as phones between spaces.
        probability: Without a history.
    """

    name: str
    pronunciations: tuple[str, ...]
    probability: float


def read_notes(directory: Path) -> Sequence[str]:
    """Return the texts of the notes (`*.md`) of a directory, as far as `MOST_NOTE_BYTES` go.

    Raises:
        TranscriberError: There is no such directory, or a note cannot be read.
    """
    if not directory.is_dir():
        raise TranscriberError(f"{directory}: no such directory of notes to take domain words from")
    texts: list[str] = []
    left = MOST_NOTE_BYTES
    for path in sorted(directory.glob("*.md")):
        try:
            with path.open("rb") as file:
                raw = file.read(left)
        except OSError as error:
            raise TranscriberError(f"{path}: cannot be read ({error.strerror or error})") from error
        texts.append(raw.decode("utf-8-sig", errors="replace"))
        left -= len(raw)
        if not left:
            break
    return texts


def terms_of(texts: Iterable[str]) -> Sequence[Term]:
    """Return the content words and the phrases of notes in Markdown, the most frequent first.

    A phrase is two or three content words side by side that occur together at least twice, or once where it
    is emphasised.
    """
    counts: Counter[tuple[str, ...]] = Counter()
    written: dict[tuple[str, ...], Counter[tuple[str, ...]]] = {}
    for text in texts:
        plain = _LINK.sub(" ", text)
        _count(plain, 1, counts, written)
        for parts in _EMPHASISED.findall(plain):
            _count(" ".join(parts), _EMPHASIS - 1, counts, written)
    return [
        Term(words=written[key].most_common(1)[0][0], count=count)
        for key, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        if len(key) == 1 or count > 1
    ]


def _count(
    text: str,
    weight: int,
    counts: Counter[tuple[str, ...]],
    written: dict[tuple[str, ...], Counter[tuple[str, ...]]],
) -> None:
    for segment in _BREAK.split(text):
        run: list[str] = []
        for word in (*_WORD.findall(segment), ""):
            if word and word.lower() not in _COMMON and len(word) > 1:
                run.append(word)
                for length in range(1, min(len(run), MOST_PHRASE_WORDS) + 1):
                    form = tuple(run[-length:])
                    key = tuple(part.lower() for part in form)
                    counts[key] += weight
                    written.setdefault(key, Counter())[form] += 1
            else:
                run.clear()


def domain_entries(
    terms: Iterable[Term],
    *,
    general: Callable[[Sequence[str]], float],
    lookup: Lookup,
    probability: float = TERM_PROBABILITY,
) -> Sequence[DomainEntry]:
    """Return entries for the terms that the general model finds less probable than they will be.

    * There are at most `MOST_TERMS`, and together they have at most the probability `MOST_MASS`.

    Args:
        terms: The most important first.
        general: The natural logarithm of a phrase's probability; minus infinity where a word is unknown.
        lookup: The pronunciation dictionary.
        probability: Of one entry, where they are few.

    Raises:
        TranscriberError: `probability` is not between 0 and 1.
    """
    if not 0.0 < probability < 1.0:
        raise TranscriberError(f"a term's probability is between 0 and 1, got {probability}")
    found: dict[str, tuple[str, ...]] = {}
    for term in terms:
        if len(found) >= MOST_TERMS:
            break
        words = term.text.split()
        if general(words) >= math.log(probability):
            continue
        sounds = pronounce_phrase(term.words, lookup)
        if sounds:
            found.setdefault(_JOIN.join((*words, "")), tuple(sounds))
    each = min(probability, MOST_MASS / max(1, len(found)))
    return [DomainEntry(name=name, pronunciations=sounds, probability=each) for name, sounds in found.items()]


def spoken_text(recognised: str) -> str:
    """Return what was recognised with the entries' names as the words that they stand for."""
    return " ".join(recognised.replace(_JOIN, " ").split()) if _JOIN in recognised else recognised
