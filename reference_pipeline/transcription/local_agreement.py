"""Which part of interim text may be shown for good: what two successive hypotheses agree on.

LocalAgreement-2 (Liu, Spanakis and Niehues, "Low-Latency Sequence-to-Sequence Speech Recognition and
Translation by Partial Hypothesis Selection", 2020; for Whisper: Macháček, Dabre and Bojar, "Turning Whisper
into Real-Time Transcription System", 2023). Works on tokens and knows no engine.
"""

from collections.abc import Callable, Sequence

__all__ = ["LocalAgreement"]


class LocalAgreement:
    """The tokens that are agreed on, over the hypotheses of one utterance.

    * What is agreed on only ever grows.
    * It ends where a word ends: a token is in it only if the one after it, in both hypotheses, is agreed on
      too or begins a word.

    Args:
        begins_word: Whether a token is the first one of a word.
    """

    def __init__(self, begins_word: Callable[[int], bool]) -> None:
        self._begins_word = begins_word
        self._agreed: tuple[int, ...] = ()
        self._last: Sequence[int] = ()

    @property
    def agreed(self) -> tuple[int, ...]:
        """What will not change any more."""
        return self._agreed

    def compare(self, hypothesis: Sequence[int]) -> bool:
        """Take the next hypothesis, which begins with what is agreed on; return whether that has grown.

        One that does not begin so is no hypothesis of this utterance, and is passed over.
        """
        known = len(self._agreed)
        if tuple(hypothesis[:known]) != self._agreed:
            return False
        common = known
        for one, other in zip(hypothesis[known:], self._last[known:], strict=False):
            if one != other:
                break
            common += 1
        while common > known and not (
            self._ends_word(hypothesis, common) and self._ends_word(self._last, common)
        ):
            common -= 1
        self._last = tuple(hypothesis)
        self._agreed = self._last[:common]
        return common > known

    def forget(self) -> None:
        """Begin a new utterance."""
        self._agreed, self._last = (), ()

    def _ends_word(self, tokens: Sequence[int], length: int) -> bool:
        """Whether a word ends after `length` tokens; the last word of a hypothesis may still go on."""
        return length < len(tokens) and self._begins_word(tokens[length])
