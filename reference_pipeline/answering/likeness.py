"""How words of a question are compared with words of the notes: stems, character trigrams, sound keys.

Recognisers err towards words that sound alike, so a word that the notes do not know is compared by its
spelling and by its sound with those that they do.
"""

import re
from functools import lru_cache

from reference_pipeline.transcription.normalisation import words

__all__ = [
    "MIN_SOUND",
    "SAME_SOUND",
    "STOP_WORDS",
    "likeness",
    "sound_key",
    "stem",
    "trigram_likeness",
    "trigrams",
]

STOP_WORDS = frozenset(
    words(
        "a about am an and any are as at be been being but by can could did do does doing else ever every "
        "explain describe example for from get give got had has have he her him his how i if in into is "
        "it its just kind know let like made make may me more most much my no not of okay on one or our "
        "out own please say she should so some something sort such tell than that the their them then "
        "there these they thing things this time to us use used uh um up very was we well were what when "
        "where which who why will with would you your yourself great good now s t re ve ll d m another "
        "talk walk through think thank thanks"
    )
)
"""Words that say nothing about what is asked, those that ask included."""

SAME_SOUND = 0.8
"""Likeness of two words that sound alike but are spelt differently."""

MIN_SOUND = 3
"""Letters that a sound key needs to be telling."""


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """Return `word` without the endings of plural, past and progress (a light stem, not a lexeme)."""
    word = word.removesuffix("'s")
    for ending, replacement, keep in (
        ("ies", "y", 3),
        ("sses", "ss", 2),
        ("ations", "ate", 4),
        ("ation", "ate", 4),
        ("ings", "", 4),
        ("ing", "", 4),
        ("edly", "", 4),
        ("ed", "", 4),
        ("ors", "", 5),
        ("or", "", 5),
        ("es", "e", 3),
        ("s", "", 3),
    ):
        if word.endswith(ending) and len(word) - len(ending) >= keep and not word.endswith("ss"):
            word = word[: -len(ending)] + replacement
            break
    if len(word) > 4 and word[-1] == word[-2] and word[-1] not in "sl":  # noqa: PLR2004  # "planned", not "add"
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 4 else word  # noqa: PLR2004  # "use" keeps its e


@lru_cache(maxsize=65536)
def likeness(heard: str, known: str) -> float:
    """Return how probable it is that `heard` was `known`: 1 for the same word, 0 for nothing in common."""
    if heard == known:
        return 1.0
    spelt = trigram_likeness(heard, known)
    key = sound_key(heard)
    if len(key) >= MIN_SOUND and key == sound_key(known):
        return max(spelt, SAME_SOUND)
    return spelt


def trigram_likeness(one: str, other: str) -> float:
    """Return the Dice coefficient of the two texts' character trigrams (padded at both ends), 0 to 1."""
    mine, theirs = trigrams(one), trigrams(other)
    if not mine or not theirs:
        return 0.0
    return 2 * len(mine & theirs) / (len(mine) + len(theirs))


@lru_cache(maxsize=65536)
def trigrams(text: str) -> frozenset[str]:
    """Return the character trigrams of `text`, padded at both ends."""
    padded = f"  {text} " if text else ""
    return frozenset(padded[index : index + 3] for index in range(len(padded) - 2))


_SOUNDS = (
    (re.compile(r"^(?:kn|gn|pn)"), "n"),
    (re.compile(r"^wr"), "r"),
    (re.compile(r"ph"), "f"),
    (re.compile(r"(?:tch|ch|sh|tio|sio|ssio)"), "X"),
    (re.compile(r"gh"), ""),
    (re.compile(r"ck|q|c(?![eiy])|x"), "k"),
    (re.compile(r"c|z"), "s"),
    (re.compile(r"dge?|g(?=[eiy])"), "j"),
    (re.compile(r"th"), "t"),
    (re.compile(r"b"), "p"),
    (re.compile(r"d"), "t"),
    (re.compile(r"v"), "f"),
    (re.compile(r"g"), "k"),
)
"""Spelling to sound, coarsely, voiced and unvoiced taken as one; after Lawrence Philips's Metaphone."""

_VOWELS = re.compile(r"(?<!^)[aeiouywh']")
_DOUBLED = re.compile(r"(.)\1+")


@lru_cache(maxsize=8192)
def sound_key(word: str) -> str:
    """Return a key that words with the same consonants in speech share ("right" and "write" do)."""
    for pattern, sound in _SOUNDS:
        word = pattern.sub(sound, word)
    return _DOUBLED.sub(r"\1", _VOWELS.sub("", word))
