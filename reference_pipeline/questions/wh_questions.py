"""Direct questions that begin with a question word: "what is", "how many years have you", "what made you".

The mark is inversion: an auxiliary stands before its subject. Clauses without it ("what we did was",
"which is why we") are relative or embedded, and are not asked.
"""

from collections.abc import Sequence

from reference_pipeline.questions.lexicon import (
    ADVERBS,
    ARTICLES,
    AUXILIARIES,
    BE,
    DETERMINERS,
    DO_SUPPORT,
    EMBEDDERS,
    MODALS,
    POSSESSIVES,
    PREPOSITIONS,
    SUBJECTS,
    WH,
)
from reference_pipeline.questions.phrases import PhraseSet, word_set
from reference_pipeline.questions.place import Level, Place

__all__ = ["begins"]

_MAX_NOUN_PHRASE = 7
"""Words between "what/which/how" and its auxiliary ("what kind of version control system have you")."""

_RELATIVE = word_set("which who whom whose where when")
"""Question words that also introduce relative and adverbial clauses."""

_ASKING_VERBS = word_set(
    "made makes drives drove motivates motivated inspires inspired excites excited interests "
    "interested happens happened led leads brought brings drew attracted attracts sets gives gave "
    "keeps kept helps helped comes goes triggers causes caused distinguishes differentiates scares "
    "worries prompted convinced surprised surprises qualifies frustrates bothers separates stops "
    "prevents matters works changed got gets wins owns decides taught pushed pushes"
)
"""Verbs that "what" and "who" are the subject of ("what made you choose python")."""

_DEGREES = word_set(
    "many much long often far well big large small fast quickly quick soon late early old new "
    "important difficult hard easy comfortable familiar confident deep deeply good bad experienced "
    "likely frequent complex close different useful effective efficient expensive successful do "
    "common proficient strong aware involved safe"
)
"""What "how" can ask the degree of."""

_ELLIPTICAL = PhraseSet(
    "what/how about *",
    "what if *",
    "how come",
    "why not$",
    "why not *",
    "what else",
    "how so",
    "like what",
    "what for $",
    "what next $",
    "since when",
    "why so $",
    "why $",
    "how $",
    "why or why not",
    "how to *",
    "what to do *",
)

_CHOICE = PhraseSet(
    "which is/are/was/were/would/will be? the? better/best/faster/fastest/easier/safer/right",
    "which is/are/was/were/would/will be? the? more/most/preferable",
    "which is/are/was/were your",
    "which is/are it/they",
    "which one/ones",
)

_LONE_BE_ADJECTIVES = word_set(
    "important interesting great nice hard difficult funny cool good bad really very so more most "
    "worse worst best better striking strange surprising crazy amazing true clear missing needed "
    "called different special even also happening going left often actually rare unusual"
)


def begins(place: Place) -> int:
    """Return how many words the question's head takes, up to its subject; 0 where none begins."""
    if place.form() in PREPOSITIONS and place.level > Level.INSIDE and place.form(1) in WH:
        return _inverted(place, place.at + 1)
    if place.form() not in WH:
        return 0
    if place.level > Level.INSIDE and (taken := _elliptical(place)):
        return taken
    if place.form(1) in _ASKING_VERBS:
        return 2 if _asks_by_verb(place) else 0
    return _inverted(place, place.at)


def _inverted(place: Place, wh: int) -> int:
    """Return the words up to the subject behind the auxiliary that the question word calls forth."""
    forms = place.forms
    auxiliary = _auxiliary(forms, wh)
    if auxiliary is None:
        return 0
    subject = auxiliary + 2 if forms[auxiliary + 1 : auxiliary + 2] == ("not",) else auxiliary + 1
    if subject >= len(forms) and auxiliary == wh + 1:
        return 0
    asks = _is_strong(forms, wh, auxiliary, subject)
    if not asks and place.level > Level.INSIDE:
        asks = _weak_passes(place, auxiliary)
    return subject + 1 - place.at if asks else 0


def _auxiliary(forms: Sequence[str], wh: int) -> int | None:
    """Find the auxiliary that the question word's phrase ends at, None where a subject comes first."""
    takes_noun = forms[wh] in ("what", "which", "whose", "how")
    for index in range(wh + 1, min(wh + 2 + _MAX_NOUN_PHRASE, len(forms))):
        form = forms[index]
        if form in AUXILIARIES:
            return index
        if form in SUBJECTS and forms[index - 1] != "of":
            return None
        if form in WH or (not takes_noun and form not in ADVERBS):
            return None
        if index == wh + 1 and (form in ARTICLES or (forms[wh] == "how" and not _is_degree(form))):
            return None
    return None


def _is_degree(form: str) -> bool:
    return form in _DEGREES or form in ADVERBS or form.endswith("ly")


def _is_strong(forms: Sequence[str], wh: int, auxiliary: int, subject: int) -> bool:
    """Whether the inversion cannot be anything but a question, wherever it stands."""
    word, verb = forms[wh], forms[auxiliary]
    after = forms[subject] if subject < len(forms) else ""
    if word == "which" and auxiliary == wh + 1 and verb in BE:
        return bool(_CHOICE.match(forms, wh))
    if after in ("you", "we", "they", "he", "she", "i"):
        return True
    before = forms[wh - 1] if wh else ""
    if verb in DO_SUPPORT:
        return after != "" and before not in EMBEDDERS
    if before in EMBEDDERS or before in SUBJECTS or before in AUXILIARIES:
        return False
    if after in DETERMINERS or after in SUBJECTS:
        return word not in _RELATIVE or after in POSSESSIVES or verb in MODALS
    return word in ("why", "how") and verb in MODALS


def _weak_passes(place: Place, auxiliary: int) -> bool:
    """Whether a form that might also be relative ("what is", "who was") asks at the beginning of a clause."""
    forms, word = place.forms, place.form()
    if word == "which" and auxiliary == place.at + 1:
        return bool(_CHOICE.match(forms, place.at))
    if place.level == Level.JOINED and (word in _RELATIVE or place.form(-1) in EMBEDDERS):
        return False
    return not _is_free_relative(forms, place.at, auxiliary)


def _is_free_relative(forms: Sequence[str], wh: int, auxiliary: int) -> bool:
    """Whether "what is important is that we ..." goes on to a second main verb."""
    after = forms[auxiliary + 1] if auxiliary + 1 < len(forms) else ""
    if forms[wh] != "what" or auxiliary != wh + 1 or after in DETERMINERS or after in SUBJECTS:
        return False
    bound = after in _LONE_BE_ADJECTIVES or after.endswith(("ing", "ed"))
    return bound and _has_second_verb(forms, auxiliary + 2)


def _has_second_verb(forms: Sequence[str], start: int) -> bool:
    return any(
        forms[index] in BE and forms[index - 1] not in WH and forms[index - 1] not in SUBJECTS
        for index in range(start, len(forms))
    )


def _asks_by_verb(place: Place) -> bool:
    """Whether "what" or "who" is itself the subject: "what made you", "who inspired your"."""
    if place.level == Level.INSIDE or place.form() not in ("what", "who", "which"):
        return False
    if place.form(2) in ("me", "us", "my", "our", "i", "we"):
        return False
    if place.form() == "which" or (place.form() == "who" and place.level != Level.LEADING):
        return False
    return not _has_second_verb(place.forms, place.at + 2)


def _elliptical(place: Place) -> int:
    taken = _ELLIPTICAL.match(place.forms, place.at)
    if place.form(1) == "to" and _has_second_verb(place.forms, place.at + 2):
        return 0
    return taken
