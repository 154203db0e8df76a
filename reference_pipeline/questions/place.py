"""Where in a turn a rule looks: the position, and how likely it is that a clause begins there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

__all__ = ["Level", "Place", "Rule"]


class Level(IntEnum):
    """How the words before a position make it the beginning of a clause."""

    INSIDE = 0
    """Something else runs up to here; only unmistakable forms count."""

    JOINED = 1
    """After "and", "so", "okay" in the middle of a turn, or after a fronted "if ..." or "when ..."."""

    LEADING = 2
    """At the beginning, or after nothing but "okay great so"."""


@dataclass(frozen=True, slots=True)
class Place:
    """A position that a rule is asked about.

    Attributes:
        forms: The sentence's words.
        at: The position in question.
        level: How likely a clause begins here.
        first: Where the running clause began (after leading words, or at the question before).
        asked: Whether a question was found earlier in the sentence.
    """

    forms: Sequence[str]
    at: int
    level: Level
    first: int
    asked: bool

    def form(self, offset: int = 0) -> str:
        """Return the word at `offset` from the position, the empty string beyond either end."""
        index = self.at + offset
        return self.forms[index] if 0 <= index < len(self.forms) else ""

    @property
    def rest(self) -> Sequence[str]:
        """The words from the position to the end."""
        return self.forms[self.at :]


Rule = Callable[[Place], int]
"""Returns how many words the cue takes that makes a question begin at the place, 0 where none begins."""
