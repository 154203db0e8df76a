"""Whether the words so far may be all: what the endpointer shortens or prolongs its wait by.

The network judges it with the same reading as questions; how long is waited is the endpointer's matter.
"""

from reference_pipeline.events import Completeness
from reference_pipeline.questions.detector import read
from reference_pipeline.questions.learned_detector import THRESHOLD, judge
from reference_pipeline.questions.network import Network, load_network
from reference_pipeline.questions.words import split_sentences

__all__ = ["WordsCompletenessJudge"]

_WHOLE = 0.6
"""Probability from which a question may be committed at once. A false "complete" cuts a speaker off."""

_WHOLE_STATEMENT = 0.8
"""The same for a statement: nobody waits for its answer, so it need not be hurried."""

_BROKEN_OFF = 0.25
"""Probability below which more is to come. A false "unfinished" only costs half a second."""

_OPEN_ENDS = (",", "-", "...", "\N{HORIZONTAL ELLIPSIS}", ":")
_CLOSED_ENDS = (".", "?", "!")


class WordsCompletenessJudge:
    """A `CompletenessJudge` that has learned from the beginnings of questions and statements.

    - Pure: the same text is judged alike.
    - Punctuation, where a recogniser prints it, decides.
    """

    def __init__(self, *, network: Network | None = None) -> None:
        self._network = load_network() if network is None else network

    def completeness(self, text: str) -> Completeness:
        """Judge the text of an utterance so far, as recognisers print it (case and punctuation optional)."""
        sentences = split_sentences(text)
        stripped = text.rstrip("\"'\N{RIGHT DOUBLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}) \n")
        if not sentences:
            return Completeness.UNKNOWN
        if stripped.endswith(_OPEN_ENDS):
            return Completeness.UNFINISHED
        if stripped.endswith(_CLOSED_ENDS):
            return Completeness.COMPLETE
        last = sentences[-1]
        judgement = judge(self._network, last, read(last))
        if judgement.whole <= _BROKEN_OFF:
            return Completeness.UNFINISHED
        if judgement.whole >= (_WHOLE if judgement.asks >= THRESHOLD else _WHOLE_STATEMENT):
            return Completeness.COMPLETE
        return Completeness.UNKNOWN
