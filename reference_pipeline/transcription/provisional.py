"""Which texts of an utterance that is still open are worth beginning an answer on.

Whether a text asks something, and what is begun, is decided by those who are told.
"""

from dataclasses import dataclass

from reference_pipeline.events import Completeness
from reference_pipeline.ports import CompletenessJudge

__all__ = ["Provisional", "ProvisionalTexts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisional:
    """Text that is likely to be all of the utterance.

    Attributes:
        number: The number that the utterance will have.
        text: All of its text so far.
    """

    number: int
    text: str


class ProvisionalTexts:
    """Chooses the texts of one utterance after the other.

    * Every text that was made in a pause is chosen.
    * Text that will not change any more, while the speaker goes on, is chosen where its words are whole, once
      an utterance: at most two requests begin for one, and the pause is to have the other.
    * It is not chosen where a pause has told as much already.

    Args:
        judge: Tells whether words are whole; without one only pauses count.
    """

    def __init__(self, judge: CompletenessJudge | None = None) -> None:
        self._judge = judge
        self._longest = 0
        self._has_begun = False

    def begin(self) -> None:
        """Begin a new utterance."""
        self._longest = 0
        self._has_begun = False

    def chooses_paused(self, text: str) -> bool:
        """Take the text of the utterance if it ends at the pause that it is in."""
        self._longest = max(self._longest, len(text))
        return bool(text)

    def is_whole(self, text: str) -> bool:
        """Return whether the words seem to be all; without a judge none do."""
        return (
            bool(text) and self._judge is not None and self._judge.completeness(text) is Completeness.COMPLETE
        )

    def chooses_agreed(self, text: str) -> bool:
        """Take text that the final one will begin with."""
        if self._has_begun or len(text) <= self._longest:
            return False
        self._has_begun = self.is_whole(text)
        return self._has_begun
