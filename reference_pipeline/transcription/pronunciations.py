"""Pronunciations of words that the dictionary may lack: names, acronyms, inflections, compounds, the rest.

Rule-based and without a model: the packages for this need a download at run time, are under the GPL, or are
no longer kept.
"""

import itertools
from collections.abc import Callable, Sequence

from reference_pipeline.transcription.letter_to_sound import DIGIT_PHONES, LETTER_PHONES, phones_of_letters

__all__ = ["Lookup", "pronounce", "pronounce_phrase"]

Lookup = Callable[[str], Sequence[str]]
"""Returns the pronunciations of a word, each as phones between spaces; none where the word is unknown."""

MOST_VARIANTS = 4
"""Of one word or phrase: each is one more path for the decoder to follow."""

_NAMES = {
    "async": "EY S IH NG K", "cassandra": "K AH S AE N D R AH", "cpython": "S IY P AY TH AA N",
    "cron": "K R AA N", "daemon": "D IY M AH N", "django": "JH AE NG G OW", "github": "G IH T HH AH B",
    "gitlab": "G IH T L AE B", "grafana": "G R AH F AA N AH", "graphql": "G R AE F K Y UW EH L",
    "grpc": "JH IY AA R P IY S IY", "jenkins": "JH EH NG K IH N Z", "json": "JH EY S AH N",
    "kafka": "K AA F K AH", "kubectl": "K Y UW B K AH N T R OW L", "kubernetes": "K UW B ER N EH T IY Z",
    "linux": "L IH N AH K S", "mongodb": "M AA NG G OW D IY B IY", "mutex": "M Y UW T EH K S",
    "mysql": "M AY EH S K Y UW EH L", "nginx": "EH N JH AH N EH K S", "nosql": "N OW S IY K W AH L",
    "numpy": "N AH M P AY", "oauth": "OW AO TH", "postgres": "P OW S T G R EH S",
    "postgresql": "P OW S T G R EH S K Y UW EH L", "prometheus": "P R AH M IY TH IY AH S",
    "pytest": "P AY T EH S T", "rabbitmq": "R AE B IH T EH M K Y UW", "redis": "R EH D IH S",
    "regex": "R EH JH EH K S", "sqlite": "EH S K Y UW EH L AY T", "terraform": "T EH R AH F AO R M",
    "tuple": "T UW P AH L", "ubuntu": "UH B UH N T UW", "yaml": "Y AE M AH L",
}  # fmt: skip  # a table
"""Technical names that are not said as they are written."""

_VOICELESS = frozenset(("P", "T", "K", "F", "TH"))
_HISSING = frozenset(("S", "Z", "SH", "ZH", "CH", "JH"))
_PREFIXES = {
    "anti": "AE N T IY", "auto": "AO T OW", "de": "D IY", "hyper": "HH AY P ER", "inter": "IH N T ER",
    "micro": "M AY K R OW", "multi": "M AH L T IY", "non": "N AA N", "over": "OW V ER", "pre": "P R IY",
    "re": "R IY", "sub": "S AH B", "super": "S UW P ER", "un": "AH N", "under": "AH N D ER",
}  # fmt: skip  # a table
_SUFFIXES = {
    "able": "AH B AH L", "er": "ER", "ers": "ER Z", "ing": "IH NG", "ings": "IH NG Z", "ize": "AY Z",
    "less": "L AH S", "ly": "L IY", "ment": "M AH N T", "ness": "N AH S",
}  # fmt: skip  # a table
_SHORTEST_PART = 3
_LONGEST_ACRONYM = 5


def pronounce(word: str, lookup: Lookup) -> Sequence[str]:
    """Return pronunciations of one word, the likeliest first; none for what has no letter or digit.

    Args:
        word: As it was written: capitals say that it may be spelled letter by letter.
        lookup: The dictionary, which goes before every rule.
    """
    lower = word.lower()
    known = [*lookup(lower)]
    if known or lower in _NAMES:
        return (known or [_NAMES[lower]])[:MOST_VARIANTS]
    if not lower.isascii() or not lower.isalnum():
        return ()
    spelled = " ".join(LETTER_PHONES.get(sign) or DIGIT_PHONES[sign] for sign in lower)
    if not lower.isalpha() or not set(lower) & set("aeiouy"):
        return (spelled,)
    said = _inflected(lower, lookup) or _compound(lower, lookup) or " ".join(phones_of_letters(lower))
    short = word.isupper() and len(word) <= _LONGEST_ACRONYM
    variants = (spelled, said) if short or len(lower) <= _SHORTEST_PART else (said,)
    return tuple(dict.fromkeys(variant for variant in variants if variant))


def pronounce_phrase(words: Sequence[str], lookup: Lookup) -> Sequence[str]:
    """Return pronunciations of words said one after the other; none where one of them has none."""
    variants = [pronounce(word, lookup) for word in words]
    if not variants or not all(variants):
        return ()
    joined = (" ".join(parts) for parts in itertools.product(*variants))
    return tuple(itertools.islice(dict.fromkeys(joined), MOST_VARIANTS))


def _inflected(word: str, lookup: Lookup) -> str:
    """Return the phones of a known stem with an ending or a beginning, or nothing."""
    for ending, sound in (("s", _plural), ("ed", _past), ("d", _past)):
        stem = word.removesuffix(ending)
        if stem == word or len(stem) < _SHORTEST_PART or (ending == "d" and not stem.endswith("e")):
            continue
        if phones := _first(stem, lookup):
            return f"{phones} {sound(phones.split()[-1])}"
    for ending, sounds in _SUFFIXES.items():
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= _SHORTEST_PART:
            shortened = stem[:-1] if stem[-1:] == stem[-2:-1] else stem
            phones = _first(stem, lookup) or _first(f"{stem}e", lookup) or _first(shortened, lookup)
            if phones:
                return f"{phones} {sounds}"
    for beginning, sounds in _PREFIXES.items():
        stem = word.removeprefix(beginning)
        if stem != word and len(stem) > _SHORTEST_PART:
            phones = _first(stem, lookup) or _inflected(stem, lookup)
            if phones:
                return f"{sounds} {phones}"
    return ""


def _compound(word: str, lookup: Lookup) -> str:
    """Return the phones of two known words written as one, split as evenly as possible, or nothing."""
    cuts = range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1)
    for cut in sorted(cuts, key=lambda cut: abs(2 * cut - len(word))):
        first, second = _first(word[:cut], lookup), _first(word[cut:], lookup)
        if first and second:
            return f"{first} {second}"
    return ""


def _first(word: str, lookup: Lookup) -> str:
    return next(iter(lookup(word)), "") or _NAMES.get(word, "")


def _plural(last: str) -> str:
    if last in _HISSING:
        return "IH Z"
    return "S" if last in _VOICELESS else "Z"


def _past(last: str) -> str:
    if last in ("T", "D"):
        return "IH D"
    return "T" if last in _VOICELESS | _HISSING - {"Z", "ZH", "JH"} else "D"
