"""Statements that a tag turns into a question: "you have used python haven't you"."""

from reference_pipeline.questions.lexicon import AUXILIARIES, WH
from reference_pipeline.questions.phrases import PhraseSet, word_set
from reference_pipeline.questions.place import Place

__all__ = ["begins"]

_PRONOUNS = word_set("you we they he she it there")
_NEGATIVE = word_set("not never no nothing nobody hardly rarely")
_AGREEING = word_set("so neither nor as than like which that")
"""Words before "do you" that make it no tag ("neither do we")."""

_CONFIRMING = PhraseSet(
    "right $",
    "correct $",
    "is that right/correct/true/so/fair $",
    "am i right $",
    "yes $",
    "no $",
    "or not $",
    "if i am not mistaken $",
    "if i understand/understood correctly $",
)

_MIN_BODY = 3
"""Words of statement that a tag needs before it; shorter ones are idioms ("this is it")."""


def begins(place: Place) -> int:
    """Return how many words the tag takes that ends the statement before it; 0 where there is none."""
    body = place.forms[place.first : place.at]
    if len(body) < _MIN_BODY or body[0] in WH:
        return 0
    if body[0] == "you" and (taken := _CONFIRMING.match(place.forms, place.at)):
        return taken
    if place.form() not in AUXILIARIES or place.form(-1) in _AGREEING or place.form(-1) in AUXILIARIES:
        return 0
    negated = int(place.form(1) == "not")
    if place.form(1 + negated) not in _PRONOUNS or place.form(2 + negated):
        return 0
    if negated or _NEGATIVE & set(body) or (place.form(1) == "you" and len(body) > _MIN_BODY):
        return 2 + negated
    return 0
