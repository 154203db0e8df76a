"""Make recognition errors: words replaced by ones that a recogniser has mistaken them for, lost, or added.

Confusions come from three places, mixed by chance, so that no single kind of error is learned by heart: from
sentences that pocketsphinx truly misheard, from words that sound alike, and from words drawn blindly.
"""

import difflib
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Sequence

from reference_pipeline.questions.features import sound_of
from reference_pipeline.questions.training.corpus import Corpus, Line

__all__ = ["Mishearing"]

_STRAY = ("the", "a", "of", "and", "to", "in", "it", "is", "that", "i", "or", "uh")
_SHORT = 3
"""Words up to this length are lost twice as often as others."""
_MOST_NEIGHBOURS = 8


class Mishearing:
    """Makes errors in lines, at a rate, with the words of a corpus."""

    def __init__(self, corpus: Corpus) -> None:
        self._confusions: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        self._inserted: list[str] = list(_STRAY)
        for written, heard in corpus.heard:
            self._learn(written.words, heard.words)
        counted = Counter(word for line in (*corpus.questions, *corpus.statements) for word in line.words)
        counted.update(word for _, heard in corpus.heard for word in heard.words)
        self._vocabulary = sorted(counted)
        self._frequencies = [counted[word] for word in self._vocabulary]
        self._neighbours: dict[str, list[str]] = {}
        self._by_sound: dict[str, list[str]] = defaultdict(list)
        for word in self._vocabulary:
            for key in _keys(word):
                self._by_sound[key].append(word)

    def apply(self, line: Line, *, rate: float, chance: random.Random) -> Line:
        """Return the line with about `rate` errors a word; never empty."""
        lost, added = chance.uniform(0.1, 0.35), chance.uniform(0.05, 0.2)
        blind = chance.choice((0.05, 0.3, 0.7))
        heads = set(line.heads)
        words: list[str] = []
        moved: list[int] = []
        head_waits = False
        for index, word in enumerate(line.words):
            head_waits = head_waits or index in heads
            out: tuple[str, ...] = (word,)
            if chance.random() < rate:
                out = self._wrong(word, lost=lost, added=added, blind=blind, chance=chance)
            if out and head_waits:
                moved.append(len(words))
                head_waits = False
            words.extend(out)
        if not words:
            return line
        if head_waits:
            moved.append(len(words) - 1)
        return Line(tuple(words), tuple(dict.fromkeys(moved)))

    def _wrong(
        self, word: str, *, lost: float, added: float, blind: float, chance: random.Random
    ) -> tuple[str, ...]:
        kind = chance.random()
        if kind < lost * (1.5 if len(word) <= _SHORT else 0.75):
            return ()
        if kind > 1 - added:
            return (word, chance.choice(self._inserted))
        if chance.random() < blind:
            if chance.random() < 0.5:
                return (chance.choice(self._vocabulary),)
            return tuple(chance.choices(self._vocabulary, self._frequencies))
        known = self._confusions.get(word)
        if known and chance.random() < 0.6:
            return chance.choice(known)
        near = self._near(word)
        return (chance.choice(near),) if near else tuple(chance.choices(self._vocabulary, self._frequencies))

    def _near(self, word: str) -> Sequence[str]:
        if word not in self._neighbours:
            near = {other for key in _keys(word) for other in self._by_sound.get(key, ()) if other != word}
            ranked = sorted(near, key=lambda other: (abs(len(other) - len(word)), other))
            self._neighbours[word] = ranked[:_MOST_NEIGHBOURS]
        return self._neighbours[word]

    def _learn(self, written: Sequence[str], heard: Sequence[str]) -> None:
        matcher = difflib.SequenceMatcher(None, written, heard, autojunk=False)
        for what, start, end, heard_start, heard_end in matcher.get_opcodes():
            if what == "insert":
                self._inserted.extend(heard[heard_start:heard_end])
            if what != "replace":
                continue
            pairs = zip(
                written[start:end], _shared_out(heard[heard_start:heard_end], end - start), strict=True
            )
            for word, instead in pairs:
                self._confusions[word].append(instead)


def _shared_out(words: Sequence[str], places: int) -> list[tuple[str, ...]]:
    """Return the words divided evenly, in order, over so many places."""
    bounds = [round(place * len(words) / places) for place in range(places + 1)]
    return [tuple(words[start:end]) for start, end in itertools.pairwise(bounds)]


def _keys(word: str) -> set[str]:
    """Return the word's sound, and that with one consonant less: near words share one of them."""
    sound = sound_of(word)
    return {sound} | {sound[:at] + sound[at + 1 :] for at in range(len(sound)) if len(sound) > 1}
