"""Sets of words and of fixed phrases, written as readable data; phrases are matched word by word.

Knows nothing of questions: the rule modules hold the phrases.
"""

from collections.abc import Sequence

__all__ = ["PhraseSet", "word_set"]

_Step = tuple[frozenset[str], bool]


def word_set(listed: str) -> frozenset[str]:
    """Return the words of a list that is written as plain text."""
    return frozenset(listed.split())


class PhraseSet:
    """Phrases such as ``"please? tell me/us about"``, looked up at a position of a sentence.

    - A slash separates alternatives for one word.
    - A question mark after a word makes it optional.
    - ``*`` stands for any one word.
    - ``$`` as the last word demands the end of the sentence.
    - The longest phrase that matches wins.
    """

    def __init__(self, *patterns: str) -> None:
        self._by_first: dict[str, list[tuple[_Step, ...]]] = {}
        for pattern in patterns:
            steps = tuple(_step(piece) for piece in pattern.split())
            for first in _first_words(steps):
                self._by_first.setdefault(first, []).append(steps)

    def match(self, forms: Sequence[str], at: int) -> int:
        """Return how many words the longest phrase that begins at `at` takes, 0 where none does."""
        if at >= len(forms):
            return 0
        candidates = self._by_first.get(forms[at], ())
        return max((_length(steps, forms, at) for steps in candidates), default=0)

    def found_in(self, forms: Sequence[str]) -> bool:
        """Return whether a phrase begins anywhere in `forms`."""
        return any(self.match(forms, at) for at in range(len(forms)))


def _step(piece: str) -> _Step:
    optional = piece.endswith("?")
    return frozenset(piece.removesuffix("?").split("/")), optional


def _first_words(steps: tuple[_Step, ...]) -> set[str]:
    """Words that the phrase can begin with; an optional first word adds those of the next step."""
    words: set[str] = set()
    for alternatives, optional in steps:
        words |= alternatives
        if not optional:
            break
    return words


def _length(steps: tuple[_Step, ...], forms: Sequence[str], at: int) -> int:
    here = at
    for alternatives, optional in steps:
        if "$" in alternatives:
            return here - at if here == len(forms) else 0
        if here < len(forms) and (forms[here] in alternatives or "*" in alternatives):
            here += 1
        elif not optional:
            return 0
    return here - at
