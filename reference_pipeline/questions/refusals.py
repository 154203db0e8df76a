"""What has the form of a question and is not asked: quoted, rhetorical, and set phrases."""

from collections.abc import Sequence

from reference_pipeline.questions.phrases import PhraseSet, word_set

__all__ = ["is_quoted", "is_rhetorical"]

_REPORTING = word_set(
    "asked ask asks asking say says said saying told wondered wondering goes like thought thinking "
    "think thinks joked wrote reads shouted replied inquired"
)
_OWN_ASKING = PhraseSet(
    "let me ask/say",
    "let us say",
    "may/can/could/might i ask",
    "i want/wanted/need/have/like/love to ask",
    "would like/love to ask",
    "i will ask",
    "i am asking",
    "going to ask",
    "you say/think",
    "i was/am just? wondering",
    "we are asking",
    "i must ask",
    "before i ask",
    "would/do/did you say/think",
)
_OBJECTS = word_set(
    "me us him her them myself himself herself ourselves themselves you people everyone somebody "
    "someone okay so well hey that oh hm like and the my a our candidate candidates team boss manager "
    "colleague colleagues interviewer customer customers"
)
"""What may stand between the verb of saying and what is quoted."""

_QUESTION_NOUN = PhraseSet(
    "question/thing/problem/point/issue was/is/becomes/became/were always/often/never/then/still?"
)
_OWN_QUESTION = word_set("my next first last second final main other")

_MAX_BACK = 5

_RHETORICAL = PhraseSet(
    "you know what",
    "tell me about it",
    "do you know what $",
    "do you know what i mean",
    "do you see what i mean",
    "know what i mean",
    "guess what",
    "who knows",
    "who cares",
    "so what $",
    "what the hell/heck",
    "what can i say",
    "what do i know",
    "what do you know $",
    "what else is new",
    "what is new $",
    "what is up $",
    "what is not to like/love",
    "what was i saying/thinking/going",
    "what are the odds/chances",
    "what is the word $",
    "what is it called",
    "what was it called",
    "what do you/they/we call it/that/them/this",
    "how do you say",
    "how do/should/can/shall i put/say it/this/that?",
    "how dare",
    "how could i forget",
    "how can i forget",
    "how hard can it/that be",
    "how hard could it/that be",
    "how cool/nice/great/crazy/weird/awesome/funny/lucky is that",
    "where was i",
    "where were we",
    "why would i",
    "why should i care",
    "why bother",
    "why on earth",
    "who would have thought/guessed/known",
    "who am i to",
    "who does not",
    "can you believe",
    "would you believe",
    "could you believe",
    "can you imagine $",
    "are you kidding",
    "is it just me",
    "what could possibly go wrong",
    "what could go wrong $",
    "what have you $",
    "or what have you",
    "or whatever",
    "if you will",
    "as it were",
    "would not you know",
    "is not that something/great/nice $",
    "what about it $",
    "what did i tell you",
    "what did i say",
    "did i mention",
    "can i be honest",
    "may i say",
    "shall we say",
    "do i need to say",
    "need i say",
    "you know how it is",
    "can i ask you? something/a?/one? question/quick? $",
    "may i ask you? something/a? question? $",
    "could i ask you? something/a? question? $",
)


def is_rhetorical(forms: Sequence[str], at: int) -> bool:
    """Return whether a set phrase begins here that expects no answer."""
    return bool(_RHETORICAL.match(forms, at))


def is_quoted(forms: Sequence[str], at: int) -> bool:
    """Return whether the words from `at` on are what someone else asked ("he asked me what is your name")."""
    nearest = max(at - 1 - _MAX_BACK, -1)
    for index in range(at - 1, nearest, -1):
        if _QUESTION_NOUN.match(forms, index) == at - index:
            return index == 0 or forms[index - 1] not in _OWN_QUESTION
    for index in range(at - 1, nearest, -1):
        if forms[index] in _REPORTING:
            return not _is_own_asking(forms, index)
        if forms[index] not in _OBJECTS:
            return False
    return False


def _is_own_asking(forms: Sequence[str], verb: int) -> bool:
    """Whether the speaker announces a question to the listener with this verb."""
    return any(start + _OWN_ASKING.match(forms, start) == verb + 1 for start in range(max(verb - 4, 0), verb))
