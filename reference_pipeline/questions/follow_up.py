"""Questions that mean nothing alone ("and why", "what about java"), and what goes on after a false cut.

Decides by the words only; who asked what before, and when, is kept by `decision`.
"""

from collections.abc import Sequence

from reference_pipeline.events import Question
from reference_pipeline.questions.lexicon import FUNCTION_WORDS
from reference_pipeline.questions.phrases import PhraseSet, word_set
from reference_pipeline.questions.words import split_sentences
from reference_pipeline.transcription.normalisation import normalise

__all__ = ["in_context", "may_go_on", "needs_context", "says_something"]

_ANAPHORA = word_set("it its that this those these they them their there then he she him her")

_GENERIC = word_set(
    "example examples instance more elaborate explain specific specifics detail details work works worked "
    "working mean means meant happen happened happens difference next else exactly again precise expand "
    "further clarify repeat reason reasons result outcome so come matter matters important help helps like "
    "better worse true possible happy okay say said think did done go went going helped kind type one ones"
)
"""Words of content that point back at what was asked before."""

_POINTING_BACK = PhraseSet(
    "what/how about *",
    "what if *",
    "and for *",
    "and in *",
    "and with *",
    "compared to *",
    "why not $",
    "in what sense/way",
    "such as $",
    "like what $",
)

_TO_THE_LISTENER = word_set("you your yourself")

_MOST_WORDS = 9
"""A longer question says itself what it is about."""

_SHORTEST = 2

_GOES_ON = word_set(
    "when where that which who whose of in for with to from about between and or versus rather on at by "
    "under during without using within while you your because if than into over after before as the a an"
)
"""First words of what a false cut has torn off; each could not well begin another sentence to a listener."""

_OWN = word_set("i we my our me us mine ours yes no yeah well okay so")
"""Words of somebody who answers: what begins with or holds one is no rest of a question."""

_MOST_REST = 12


def says_something(text: str) -> bool:
    """Return whether there is a word of content in `text` ("what is a mutex and", not "how do you")."""
    return any(form not in FUNCTION_WORDS and form not in _GENERIC for form in _forms(text))


def needs_context(question: Question) -> bool:
    """Return whether the question can only be understood with the one before it."""
    forms = _forms(question.text)
    while forms and forms[0] in ("and", "but", "or", "so", "then", "okay", "right"):
        forms = forms[1:]
    if not forms or len(forms) > _MOST_WORDS:
        return False
    if _POINTING_BACK.match(forms, 0):
        return True
    content = [form for form in forms if form not in FUNCTION_WORDS and form not in _GENERIC]
    if content:
        return False
    if len(forms) <= _SHORTEST:
        return True
    points_back = any(form in _ANAPHORA or form in _GENERIC for form in forms)
    # "How are you" is about the listener, "who are they" about somebody named before.
    return points_back and not (forms[-1] in _TO_THE_LISTENER and not _ANAPHORA & set(forms))


def in_context(question: Question, before: Question) -> Question:
    """Return the question together with the one it refers to, as one that can be answered alone."""
    text = f"{before.text.rstrip(' .?!')} {question.text}"
    return Question(text=text, normalised=normalise(text), kind="follow-up")


def may_go_on(text: str) -> bool:
    """Return whether `text` can be the rest of a question that a cut has torn in two ("when you failed")."""
    forms = _forms(text)
    return 0 < len(forms) <= _MOST_REST and forms[0] in _GOES_ON and not _OWN & set(forms)


def _forms(text: str) -> Sequence[str]:
    return tuple(form for sentence in split_sentences(text) for form in sentence.forms)
