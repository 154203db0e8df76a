"""The words that notes use, found by how alike a heard word is: an index over trigrams and sounds.

Gives what comparing with each known word would give (`likeness`), in a hundredth of the time.
"""

from collections import Counter
from collections.abc import Iterable

from reference_pipeline.answering.likeness import MIN_SOUND, SAME_SOUND, sound_key, trigrams

__all__ = ["Vocabulary"]


class Vocabulary:
    """An index over known words, built once.

    * `near` returns exactly the words whose `likeness` is at least `least`, with it.
    """

    def __init__(self, known: Iterable[str], *, least: float) -> None:
        self._least = least
        self._sizes: dict[str, int] = {}
        self._by_trigram: dict[str, list[str]] = {}
        self._by_sound: dict[str, list[str]] = {}
        for word in dict.fromkeys(known):
            parts = trigrams(word)
            self._sizes[word] = len(parts)
            for part in parts:
                self._by_trigram.setdefault(part, []).append(word)
            key = sound_key(word)
            if len(key) >= MIN_SOUND:
                self._by_sound.setdefault(key, []).append(word)

    def near(self, heard: str) -> dict[str, float]:
        """Return the known words that `heard` may have been, with their likeness."""
        if heard in self._sizes:
            return self._near(heard) | {heard: 1.0}
        return self._near(heard)

    def _near(self, heard: str) -> dict[str, float]:
        parts = trigrams(heard)
        shared = Counter(word for part in parts for word in self._by_trigram.get(part, ()))
        found = {
            word: alike
            for word, count in shared.items()
            if word != heard and (alike := 2 * count / (len(parts) + self._sizes[word])) >= self._least
        }
        for word in self._by_sound.get(sound_key(heard), ()):
            if word != heard:
                found[word] = max(found.get(word, 0.0), SAME_SOUND)
        return found
