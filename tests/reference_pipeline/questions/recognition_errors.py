"""Simulated recognition errors: words replaced by ones that sound alike, lost, or added, at a given rate."""

import difflib
import random
from collections.abc import Sequence

_SOUNDS_LIKE = {
    "what": ("but", "one", "that"),
    "how": ("her", "have", "hell"),
    "do": ("to", "the", "two"),
    "did": ("that", "dead", "it"),
    "you": ("to", "the", "ya"),
    "your": ("or", "you're", "the"),
    "is": ("as", "his", "this"),
    "are": ("or", "our", "her"),
    "would": ("what", "with", "wood"),
    "could": ("good", "can", "cut"),
    "can": ("and", "ken", "could"),
    "have": ("of", "had", "half"),
    "tell": ("till", "told", "to"),
    "me": ("may", "the", "be"),
    "a": ("the", "of", "uh"),
    "the": ("a", "of", "to"),
    "about": ("but", "above", "around"),
    "describe": ("the scribe", "described", "just cried"),
    "explain": ("explained", "it's plain", "plane"),
    "where": ("were", "wear", "there"),
    "when": ("went", "one", "and"),
    "why": ("white", "while", "by"),
    "which": ("switch", "with", "rich"),
}


def with_errors(text: str, *, rate: float, vocabulary: Sequence[str], chance: random.Random) -> str:
    """Return `text` with about `rate` errors a word: 60 % replaced, 25 % lost, 15 % with a stray word."""
    heard: list[str] = []
    for word in text.split():
        if chance.random() >= rate:
            heard.append(word)
            continue
        kind = chance.random()
        if kind < 0.6:
            heard.append(_misheard(word, vocabulary, chance))
        elif kind >= 0.85:
            heard.extend((word, chance.choice(("the", "a", "of", "and", "to", "in"))))
    return " ".join(heard)


def _misheard(word: str, vocabulary: Sequence[str], chance: random.Random) -> str:
    known = _SOUNDS_LIKE.get(word.lower())
    if known is None:
        known = tuple(
            near
            for near in difflib.get_close_matches(word.lower(), vocabulary, n=4, cutoff=0.5)
            if near != word
        )
    return chance.choice(known or tuple(vocabulary))
