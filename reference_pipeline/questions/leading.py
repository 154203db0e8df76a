"""What may be said before a question without being part of it: "okay great thank you so ...".

Data and the one function that skips it.
"""

from collections.abc import Sequence

from reference_pipeline.questions.phrases import PhraseSet, word_set

__all__ = ["BREAKS", "LEADING_WORDS", "skip_leading"]

BREAKS = word_set("okay ok alright right great well now um uh so anyway anyways perfect excellent thanks")
"""Words after which even a turn that began with something else may begin anew."""

LEADING_WORDS = BREAKS | word_set(
    "hmm mm hm ah oh er hey hi hello yes yeah yep no nope sure good nice cool wonderful fantastic "
    "interesting awesome fine first firstly second secondly third finally next lastly actually "
    "basically please just brilliant lovely super sorry and but or then also plus again honestly "
    "maybe perhaps"
)

_PHRASES = PhraseSet(
    "thank you very? much?",
    "thanks very? much? a? lot?",
    "thank/thanks you? for that/sharing/this/coming/joining/explaining",
    "thank you for your *",
    "i see",
    "i got it",
    "got it",
    "i understand",
    "fair enough",
    "that is/was very/really/pretty? great/good/interesting/helpful/fine/nice/fair",
    "that is/was very/really/pretty? perfect/cool/awesome/impressive",
    "that makes sense",
    "makes sense",
    "sounds good/great/interesting",
    "moving on",
    "let us move on",
    "let us begin/start",
    "next question",
    "first/second/third/last/final/quick question",
    "one more/last/final question/thing",
    "another question",
    "my first/next/last/final/second/other question is/would be?",
    "the first/next/last/final/second question is/would be?",
    "let me ask you? this?",
    "may/can/could i ask you?",
    "i want/wanted to ask you?",
    "i would like/love to ask you?",
    "i have to ask you?",
    "i have a/another/one question for? you?",
    "just? out of curiosity",
    "by the way",
    "nice to meet you",
    "good morning/afternoon/evening",
    "before we start/begin/finish/end/continue",
    "to start/begin with?",
    "i mean",
    "of course",
    "no problem",
    "very good/nice/interesting/well/impressive",
    "all right",
    "as well",
    "a question for you",
    "question for you",
)


_CONTINUING = word_set("about whether if")
"""After these words the phrase is no preamble but a part of what is said ("let me ask you about ...")."""


def skip_leading(forms: Sequence[str], at: int = 0) -> int:
    """Return the index of the first word from `at` on that may belong to a question."""
    while at < len(forms):
        taken = _PHRASES.match(forms, at)
        if taken and at + taken < len(forms) and forms[at + taken] in _CONTINUING:
            taken = 0
        if not taken and forms[at] in LEADING_WORDS:
            taken = 1
        if not taken:
            break
        at += taken
    return at
