"""A short memory of what has been asked, so that nothing is answered twice.

Compares normalised texts only; knows nothing of turns and answers. Answers that are kept for later are
another thing (a cache shows them again; this says that there is nothing to show).
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from difflib import SequenceMatcher

import latency_kit
from reference_pipeline.ports import PipelineError
from reference_pipeline.transcription.normalisation import normalise, words

__all__ = ["Deduplicator", "are_same_question"]

DEFAULT_WINDOW_NS = 60_000_000_000
"""After this long a question that is asked again is meant to be answered again."""

DEFAULT_MOST_ENTRIES = 256

_MIN_OVERLAP = 0.8
"""Share of common words (Jaccard index) from which a text that only adds words is a repetition."""

_MIN_WORDS_FOR_MISHEARING = 6
"""In a shorter question one other word makes another question: "what is a binary search", "... tree"."""

_MIN_LETTER_RATIO = 0.6
"""Likeness of letters (Ratcliff-Obershelp, as difflib computes it) from which one word is another misheard:
cash and cache 0.67, servers and service 0.71, manager and mentor 0.46."""

_LONGEST_WHOLE = 5
"""Words up to this length keep their last letter."""

_FILLERS = frozenset(
    words(
        "a an the um uh er hm so okay ok well now and also then please just again alright right you me us i "
        "we to of can could would will do does did is are was were tell"
    )
)
"""Words that recognisers confuse first and that do not tell questions apart."""

_TELLING = frozenset(words("what how why when where who which whose not never no without before after"))
"""Words of which one more, or another one, makes another question, however long it is."""


class Deduplicator:
    """Tells whether a question was asked a short while ago.

    * A question is new once within the window, in the same words or in words that mean it
      (`are_same_question`).
    * The window begins when the question was new, not with its last repetition: a question that is asked
      again after the window is new.
    * What is forgotten, since it was not answered, is new again.
    * At most `most_entries` are remembered; the oldest is forgotten first.

    Args:
        window_ns: How long a question is remembered, in nanoseconds.
        most_entries: How many are remembered.
        clock: Monotonic nanoseconds.

    Raises:
        PipelineError: The window or the number of entries is not positive.
    """

    def __init__(
        self,
        *,
        window_ns: int = DEFAULT_WINDOW_NS,
        most_entries: int = DEFAULT_MOST_ENTRIES,
        clock: Callable[[], int] = latency_kit.now_ns,
    ) -> None:
        if window_ns <= 0 or most_entries <= 0:
            raise PipelineError(
                "deduplication needs a window and a number of entries above zero, "
                f"got {window_ns} ns and {most_entries}"
            )
        self._window_ns = window_ns
        self._most_entries = most_entries
        self._clock = clock
        self._asked: OrderedDict[str, _Asked] = OrderedDict()

    def __len__(self) -> int:
        return len(self._asked)

    def is_new(self, text: str, *, exactly: bool = False) -> bool:
        """Return whether `text` was not asked within the window, and remember it where it was not.

        Text without any word is never new.

        Args:
            text: The question.
            exactly: Whether only the same words are a repetition: for a question that repeats another one
                in order to ask more about it.
        """
        now_ns = self._clock()
        self._forget_old(now_ns)
        normalised = normalise(text)
        if not normalised or normalised in self._asked:
            return False
        content = _content(normalised)
        if not exactly and content and self._knows(content):
            return False
        self._asked[normalised] = _Asked(content, now_ns)
        if len(self._asked) > self._most_entries:
            self._asked.popitem(last=False)
        return True

    def forget(self, text: str) -> None:
        """Forget that `text` was asked, so that it is new when it is asked again; idempotent."""
        self._asked.pop(normalise(text), None)

    def _knows(self, content: frozenset[str]) -> bool:
        return any(_is_same(content, asked.content) for asked in reversed(self._asked.values()))

    def _forget_old(self, now_ns: int) -> None:
        while self._asked:
            oldest = next(iter(self._asked))
            if now_ns - self._asked[oldest].at_ns < self._window_ns:
                return
            del self._asked[oldest]


@dataclass(frozen=True, slots=True)
class _Asked:
    content: frozenset[str]
    at_ns: int


def are_same_question(one: str, other: str) -> bool:
    """Return whether two questions differ only in what a speaker or a recogniser varies.

    That is: articles, fillers and plurals; order; one word in five more; and in a question of at least six
    words that matter, one word of like sound. To answer twice is the smaller harm: in doubt they differ.
    """
    first, second = _content(one), _content(other)
    if not first or not second:
        return normalise(one) == normalise(other)
    return _is_same(first, second)


def _is_same(first: frozenset[str], second: frozenset[str]) -> bool:
    if first == second:
        return True
    common = first & second
    only_first, only_second = first - common, second - common
    if (only_first | only_second) & _TELLING:
        return False
    if not only_first or not only_second:
        return len(common) >= _MIN_OVERLAP * len(first | second)
    if len(only_first) > 1 or len(only_second) > 1 or len(first) < _MIN_WORDS_FOR_MISHEARING:
        return False
    return _sounds_like(next(iter(only_first)), next(iter(only_second)))


def _content(text: str) -> frozenset[str]:
    return frozenset(_stem(word) for word in words(text) if word not in _FILLERS)


def _stem(word: str) -> str:
    """Return the word without the ending of a plural or a possessive; https, css and the like stay whole."""
    word = word.removesuffix("'s")
    if len(word) <= _LONGEST_WHOLE or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith(("sses", "xes", "zes", "ches", "shes")):
        return word.removesuffix("es")
    return word.removesuffix("s")


def _sounds_like(one: str, other: str) -> bool:
    # The first letter tells mutable from immutable and synchronous from asynchronous.
    return one[0] == other[0] and SequenceMatcher(None, one, other).ratio() >= _MIN_LETTER_RATIO
