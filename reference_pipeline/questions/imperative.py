"""Questions put as requests: "tell me about a time", "describe", "walk us through"."""

from reference_pipeline.questions.phrases import PhraseSet, word_set
from reference_pipeline.questions.place import Level, Place

__all__ = ["begins"]

_ANYWHERE = PhraseSet(
    "tell me/us about",
    "tell me/us a/an/more/something/one/everything/all",
    "tell me/us how/why/what/when/where/which/who/whether/if/your",
    "walk/talk/take/run/guide/lead me/us through",
    "give me/us an/some/one/two/three/your/any *? example/examples/idea/overview/insight",
    "give an example",
    "explain to me/us",
    "help me/us understand",
    "share with me/us",
    "describe a/an/your *",
    "describe how you/a/the",
    "explain your *",
    "explain how/why/what *",
    "explain the difference/concept/idea/importance",
    "introduce yourself",
    "do your best to",
    "rate yourself/your",
)
"""Said to a listener wherever they stand, unless someone else is their subject."""

_OPENING = PhraseSet(
    "describe/explain/discuss/compare/contrast/define/outline/summarise/summarize/elaborate/clarify *",
    "differentiate/distinguish between? *",
    "illustrate/demonstrate/justify/estimate/calculate/implement/evaluate/prove/highlight/identify *",
    "name a/an/one/two/three/four/five/some/any/your/all/the",
    "list a/all/some/the/any/your/two/three/four/five/out *",
    "share a/an/your/some/one",
    "think of/about a/an/the/your",
    "write a/an/some/the",
    "design a/an/the",
    "draw a/an/the",
    "sketch a/an/the",
    "sell me *",
    "convince me/us",
    "persuade me/us",
    "teach me/us",
    "talk about/to/me/us *",
    "talk a bit/little about",
    "speak to/about *",
    "speak a bit/little about",
    "show me/us how/your/a/an/the/what/where",
    "give me/us/a/an/some/your *",
    "provide a/an/some/your/examples *?",
    "try to explain/describe/convince",
    "go ahead and tell/describe/explain/introduce",
    "start/begin by/with telling/describing/explaining/introducing/your/a *?",
    "let us talk/discuss/hear/go/dive about/your/into/through/over/some/the *",
    "pick a/an/one/your/any/two",
    "choose a/an/one/your/any/two",
    "recommend/suggest a/an/some",
    "paint me/us",
    "put yourself",
    "say something/more about",
    "state the/your/two/three",
    "mention some/a/any/two/three",
    "feel free to tell/describe/explain",
    "tell *",
    "argue for/against",
    "predict *",
    "reverse a/an/the",
    "find the/a/an *",
    "recall a/an/the",
    "remember a time",
    "let me/us hear",
)
"""Ordinary verbs and nouns elsewhere; a request only where a clause begins."""

_NO_REQUEST = PhraseSet(
    "tell me about it $",
    "tell you/him/her/them/that/it/people/my/a",
    "give me/us a? second/minute/moment/sec/break/hand/call/shout/while/chance/bit",
    "give me/us a few/couple/quick *?",
    "give it/him/her/them",
    "give me a lot/little",
    "talk to you",
    "talk about a/an surprise/coincidence/disaster/mess",
    "show me the money",
    "describe/explain/discuss/define/compare/list/name it/that/this/them/is/was/are/were",
    "find the time",
    "explain/describe to him/her/them/people",
    "contrast/design/outline/estimate/list/state is/was/of/are",
    "let us go/dive over? and",
)

_HAS_SUBJECT = word_set(
    "to i you we they he she who that which can could would will should might may must did do does "
    "not never always often let me us him her them best people really had has have just cannot is was "
    "helped helps and or then someone somebody interviewers managers users customers"
)
"""Words right before the verb that give it another subject than the listener ("they tell me about")."""

_POLITE = word_set("please and or then just")


def begins(place: Place) -> int:
    """Return how many words the request's head takes; 0 where none begins."""
    if _NO_REQUEST.match(place.forms, place.at):
        return 0
    before = place.form(-1)
    if place.level == Level.LEADING or (place.level == Level.JOINED and before not in ("and", "or", "then")):
        return _ANYWHERE.match(place.forms, place.at) or _OPENING.match(place.forms, place.at)
    if place.asked and before in _POLITE:
        return _ANYWHERE.match(place.forms, place.at) or _OPENING.match(place.forms, place.at)
    if before in _HAS_SUBJECT and before not in _POLITE:
        return 0
    return _ANYWHERE.match(place.forms, place.at)
