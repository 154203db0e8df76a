"""Whether the words so far may be all: what the endpointer shortens or prolongs its wait by.

The network judges it with the same reading as questions; how long is waited is the endpointer's matter.
"""

import re

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

_OPENING_CLAUSE = re.compile(
    r"^(?:(?:and|but|so|well|okay)\s+)*"
    r"(?:(?:if|when|whenever|while|because|since|unless|although|though|once|after|before)\s+"
    r"(?!(?:am|is|are|was|were|do|does|did|have|has|had|will|would|can|could|shall|should|might|must)\b)"
    r"(?:\S+\s+){0,7}\S+"
    r"|(?:in|at|on|during)\s+(?:a|an|the|my|your|our|their|this|that)\s+(?:\S+\s+)?\S+)$"
)
_MAIN_CLAUSE = re.compile(
    r"\s(?:what|how|why|where|which|who|tell|describe|explain|then|(?:do|did|would|can|could|will|have|are)\s+you)\b"
    r"|^(?:\S+\s+){4,}(?:i|we|you|they|he|she|it)\s"
)
"""A clause or a place in time that opens a sentence, and what shows that the sentence itself has begun."""

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
        said = " ".join(last.forms)
        opens = _OPENING_CLAUSE.match(said) is not None and _MAIN_CLAUSE.search(said) is None
        judgement = judge(self._network, last, read(last))
        if opens or judgement.whole <= _BROKEN_OFF:
            return Completeness.UNFINISHED
        if judgement.whole >= (_WHOLE if judgement.asks >= THRESHOLD else _WHOLE_STATEMENT):
            return Completeness.COMPLETE
        return Completeness.UNKNOWN
