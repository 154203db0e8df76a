"""Questions whose one telling word the recogniser lost: "what your greatest weakness", "me about a time".

Asked only at the very beginning of a turn and only after every other rule, since these forms are weak.
"""

from reference_pipeline.questions.lexicon import AUXILIARIES, WH
from reference_pipeline.questions.phrases import PhraseSet, word_set
from reference_pipeline.questions.place import Level, Place

__all__ = ["begins"]

_REQUESTS = PhraseSet(
    "me/us about a/an/the/your/yourself/some/how/what",
    "till/tail/tall/tale/tells/tale/to/told/the/tom me/us about a/an/your/yourself/some *",
    "till/tail/tall/tale/tells me/us a/how/what/why/more/something",
    "me/us through your/how/a/the",
    "work/wake/walked/woke me/us through",
    "the scribe/scribes *",
    "just cried a/an/the/your",
    "described your/how/why/what *",
    "explained your/how/why/what *",
    "give me/us and/in/the example",
    "get/gave me/us an example",
)
"""Requests with their verb lost or turned into a word that sounds alike."""

_OPENERS = word_set("what how why who")
"""Question words that open no subordinate clause by themselves as "when" and "where" do."""

_LISTENER = word_set("you your you're yourself")
_REPEATED = word_set("and but so or then because which that")

_MIN_WORDS = 4
_MAX_WORDS = 16
"""A longer turn without inversion is a tale."""


def begins(place: Place) -> int:
    """Return how many words the remains of a question's head take; 0 where there are none."""
    if place.level < Level.LEADING or place.asked or place.at != place.first:
        return 0
    if taken := _REQUESTS.match(place.forms, place.at):
        return taken
    return 2 if _lost_auxiliary(place) else 0


def _lost_auxiliary(place: Place) -> bool:
    """Whether "how you handle conflict" stands alone: a statement would go on to a verb of its own."""
    if place.form() not in _OPENERS or place.form(1) not in _LISTENER:
        return False
    rest = place.rest[2:]
    if not _MIN_WORDS <= len(place.rest) <= _MAX_WORDS:
        return False
    return not any(form in AUXILIARIES or form in WH or form in _REPEATED for form in rest)
