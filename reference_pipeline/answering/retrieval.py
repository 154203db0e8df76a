"""Finding the note that answers a question: BM25 over title, questions and body, tolerant of mishearing.

Ranking is BM25F (Robertson, Zaragoza and Taylor, "Simple BM25 extension to multiple weighted fields",
2004): field frequencies are weighted and added before they saturate. It is written out because the
tolerance sits inside it: each query word counts as the notes' words that it resembles. The score is
divided by the highest that the question could reach, so that it is a confidence and can be held against a
threshold.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from reference_pipeline.answering.likeness import STOP_WORDS, stem, trigram_likeness, trigrams
from reference_pipeline.answering.notes import Note
from reference_pipeline.answering.vocabulary import Vocabulary
from reference_pipeline.transcription.normalisation import words

__all__ = ["FoundNote", "NoteIndex"]

_TITLE_WEIGHT = 3.0
_ASKED_AS_WEIGHT = 3.0
_BODY_WEIGHT = 0.6
_SATURATION = 1.2
"""BM25's k1, at its usual value."""
_LENGTH_NORM = 0.75
"""BM25's b, at its usual value; applied to the body alone, whose length varies."""
_MIN_LIKENESS = 0.45
"""Below this a heard word and a known one are different words."""
_PHRASE_SHARE = 0.4
"""Share of the score that the question's likeness to a note's own question, as a whole, decides."""
_LONE_PHRASE_SHARE = 0.75
"""The same for a question with one telling word, which many notes mention and few are about."""
_UNHEARD_OF = 0.6
"""How much a word that no note resembles counts against all of them; it may be an error of hearing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundNote:
    """A note with the confidence that it answers the question.

    Attributes:
        confidence: 0 (nothing in common) to 1 (the note lists this very question).
    """

    note: Note
    confidence: float


class NoteIndex:
    """An index over notes, built once.

    - The same question finds the same notes in the same order.
    - A question without a telling word ("why is that") finds nothing.
    - Ties are broken by the note's name.
    """

    def __init__(self, notes: Sequence[Note]) -> None:
        self._notes = sorted(notes, key=lambda note: note.name)
        self._phrases = [
            [_run_together(phrase) for phrase in (note.title, *note.asked_as)] for note in self._notes
        ]
        for phrases in self._phrases:
            for phrase in phrases:
                trigrams(phrase)  # kept by its cache, so that the first question need not wait for it
        bodies = [Counter(_stems(note.body)) for note in self._notes]
        heads = [
            _weighted(Counter(_stems(note.title)), Counter(_stems(" ".join(note.asked_as))))
            for note in self._notes
        ]
        mean = sum(map(Counter.total, bodies)) / len(bodies) if bodies else 1.0
        self._frequencies = [
            _with_body(head, body, mean or 1.0) for head, body in zip(heads, bodies, strict=True)
        ]
        holding = Counter(word for frequency in self._frequencies for word in frequency)
        self._rarity = {word: _rarity(count, len(self._notes)) for word, count in holding.items()}
        self._vocabulary = Vocabulary(self._rarity, least=_MIN_LIKENESS)
        self._highest_rarity = _rarity(0, len(self._notes))

    def search(self, text: str, *, limit: int = 3) -> Sequence[FoundNote]:
        """Return at most `limit` notes with a confidence above 0, the best first."""
        query = _stems(text)
        if not query:
            return []
        meanings = [self._meanings(word) for word in query]
        possible = sum(self._weight(meaning) for meaning in meanings)
        together = _run_together(text)
        share = _PHRASE_SHARE if len(query) > 1 else _LONE_PHRASE_SHARE
        found = [
            FoundNote(
                note=note,
                confidence=(1 - share) * self._score(index, meanings) / possible
                + share * max(trigram_likeness(together, phrase) for phrase in self._phrases[index]),
            )
            for index, note in enumerate(self._notes)
        ]
        found.sort(key=lambda one: (-one.confidence, one.note.name))
        return [one for one in found[:limit] if one.confidence > 0]

    def _meanings(self, heard: str) -> dict[str, float]:
        """Words of the notes that `heard` may have been, with their likeness."""
        if heard in self._rarity:
            return {heard: 1.0}
        return self._vocabulary.near(heard)

    def _weight(self, meaning: dict[str, float]) -> float:
        if not meaning:
            return self._highest_rarity * _UNHEARD_OF
        return max(self._rarity[word] for word in meaning)

    def _score(self, index: int, meanings: Sequence[dict[str, float]]) -> float:
        frequency = self._frequencies[index]
        score = 0.0
        for meaning in meanings:
            present = [
                value * self._rarity[word] * _saturated(frequency[word])
                for word, value in meaning.items()
                if word in frequency
            ]
            score += max(present, default=0.0)
        return score


def _stems(text: str) -> list[str]:
    return [stem(word) for word in words(text) if word not in STOP_WORDS]


def _run_together(text: str) -> str:
    """The telling words without spaces, so that "dead lock" and "deadlock" are alike."""
    return "".join(_stems(text))


def _weighted(title: Counter[str], asked_as: Counter[str]) -> dict[str, float]:
    return {
        word: _TITLE_WEIGHT * min(title[word], 1) + _ASKED_AS_WEIGHT * min(asked_as[word], 2)
        for word in title | asked_as
    }


def _with_body(head: dict[str, float], body: Counter[str], mean_length: float) -> dict[str, float]:
    norm = 1 - _LENGTH_NORM + _LENGTH_NORM * body.total() / mean_length
    return {word: head.get(word, 0.0) + _BODY_WEIGHT * body[word] / norm for word in {*head, *body}}


def _rarity(holding: int, notes: int) -> float:
    """BM25's inverse document frequency, kept above zero (as Lucene does)."""
    return math.log(1 + (notes - holding + 0.5) / (holding + 0.5))


def _saturated(frequency: float) -> float:
    return frequency / (_SATURATION + frequency)
