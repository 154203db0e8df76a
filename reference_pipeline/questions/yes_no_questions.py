"""Direct questions that an auxiliary opens: "have you ever", "can you explain", "is the heap sorted"."""

from reference_pipeline.questions.lexicon import (
    ADVERBS,
    AUXILIARIES,
    BE,
    DETERMINERS,
    FUNCTION_WORDS,
    MODALS,
    POSSESSIVES,
    SUBJECTS,
    WH,
)
from reference_pipeline.questions.phrases import PhraseSet, word_set
from reference_pipeline.questions.place import Level, Place

__all__ = ["begins"]

_ELLIPTICAL = PhraseSet(
    "any experience/idea/ideas/thoughts/questions/examples/favourite/favorite/plans/reason/chance/preference/"
    "advice/tips/concerns/regrets",
    "ever used/worked/built/tried/had/been/written/done/seen/led/managed/deployed/wondered",
)

_IDIOMS = PhraseSet(
    "should you need/have/want/wish/ever/decide/choose",
    "had i/you/we/they/it",
    "were i/it",
    "may the/you/it",
    "do it/this/that/these/those/not",
    "have it/this/that/these/those/a",
    "can do/not",
    "will do/not",
    "did not",
    "would have/be/not",
    "might/must it",
)
"""What looks inverted and is a condition, a wish, an order or a statement without its subject."""

_BLOCKING = (
    SUBJECTS
    | WH
    | MODALS
    | word_set("to as than neither nor let never not rarely hardly seldom only who please be")
)
"""Words after which "can you" in the middle of a turn is no inversion ("as much as you can you should")."""

_ELIDED = word_set(
    "great good nice fine true correct right important called just really very so not about what how "
    "why where because all when too more most less now like pretty quite probably definitely "
    "basically nothing everything something one two to in on at for of from with by going sure always "
    "never often only"
)
"""Words after a leading "is" or "was" that show a statement whose subject was not said or not heard."""

_TAKES_NOUN = {
    "is": DETERMINERS,
    "are": DETERMINERS - {"a", "an"},
    "was": POSSESSIVES | {"there"},
    "were": POSSESSIVES | {"the", "any"},
    "does": DETERMINERS,
    "did": POSSESSIVES | {"the", "any", "anyone", "anything", "everyone"},
    "do": POSSESSIVES | {"people", "most", "all", "any", "developers", "engineers"},
    "has": POSSESSIVES | {"the", "anyone", "anything"},
    "have": {"your", "people", "any"},
}


def begins(place: Place) -> int:
    """Return how many words the auxiliary and its subject take; 0 where no question begins."""
    if place.level > Level.INSIDE and (taken := _ELLIPTICAL.match(place.forms, place.at)):
        return taken
    if place.form() not in AUXILIARIES or _IDIOMS.match(place.forms, place.at):
        return 0
    taken = 3 if place.form(1) == "not" else 2
    subject = place.form(taken - 1)
    if subject == "you":
        asks = place.level == Level.LEADING or place.form(-1) not in _BLOCKING
    elif subject in SUBJECTS:
        # "So do we" agrees; "this is it" ends; inside a sentence "what i like is it" runs on.
        agrees = place.form(-1) == "so" and subject in ("i", "we")
        asks = place.level > Level.INSIDE and not agrees and len(place.rest) > taken
    else:
        asks = place.level == Level.LEADING and _takes_noun(place, place.form(), subject)
    return taken if asks else 0


def _takes_noun(place: Place, auxiliary: str, subject: str) -> bool:
    if subject in _TAKES_NOUN.get(auxiliary, DETERMINERS if auxiliary in MODALS else ()):
        return len(place.rest) > 3  # noqa: PLR2004  # auxiliary, determiner, noun, and what is said of it
    if len(place.rest) < 3 or subject in FUNCTION_WORDS or subject in ADVERBS or subject in _ELIDED:  # noqa: PLR2004  # the same
        return False
    if auxiliary == "does":
        return True
    if auxiliary in BE:
        return auxiliary in ("is", "are") and not subject.endswith(("ing", "ed", "ly"))
    return auxiliary in ("do", "can", "should", "could", "will") and subject.endswith("s")
