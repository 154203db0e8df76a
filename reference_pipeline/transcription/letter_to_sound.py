"""Letters to sounds for English words that no dictionary has: a small ordered set of rules.

The form of the rules (left context, letters, right context, phones; the first that fits wins) is that of
Elovitz et al., "Automatic Translation of English Text to Phonetics by Means of Letter-to-Sound Rules", Naval
Research Laboratory report 7948 (1976). Phones are the 39 of CMUdict, without stress.
"""

import re
from collections.abc import Sequence

__all__ = ["DIGIT_PHONES", "LETTER_PHONES", "phones_of_letters"]

LETTER_PHONES = {
    "a": "EY", "b": "B IY", "c": "S IY", "d": "D IY", "e": "IY", "f": "EH F", "g": "JH IY", "h": "EY CH",
    "i": "AY", "j": "JH EY", "k": "K EY", "l": "EH L", "m": "EH M", "n": "EH N", "o": "OW", "p": "P IY",
    "q": "K Y UW", "r": "AA R", "s": "EH S", "t": "T IY", "u": "Y UW", "v": "V IY",
    "w": "D AH B AH L Y UW", "x": "EH K S", "y": "W AY", "z": "Z IY",
}  # fmt: skip  # a table of one line a letter says no more
"""The names of the letters, as an acronym is spelled."""

DIGIT_PHONES = {
    "0": "Z IH R OW", "1": "W AH N", "2": "T UW", "3": "TH R IY", "4": "F AO R", "5": "F AY V",
    "6": "S IH K S", "7": "S EH V AH N", "8": "EY T", "9": "N AY N",
}  # fmt: skip  # as above

_CONSONANT = "[bcdfghjklmnpqrstvwxz]"
_SILENT_E = rf"{_CONSONANT}e(s|d)?$"
"""What makes the vowel before it long: one consonant and a final e."""

_RULES = (
    # endings
    ("", "tions", "$", "SH AH N Z"), ("", "tion", "", "SH AH N"), ("s", "sion", "", "SH AH N"),
    ("", "sion", "", "ZH AH N"), ("", "tial", "", "SH AH L"), ("", "cial", "", "SH AH L"),
    ("", "cious", "", "SH AH S"), ("", "ture", "$", "CH ER"), ("", "ous", "$", "AH S"),
    ("[bcdfgkpstxz]", "le", "s?$", "AH L"), (".", "able", "$", "AH B AH L"), (".", "age", "$", "IH JH"),
    ("[td]", "ed", "$", "IH D"), ("[pkfsx]", "ed", "$", "T"), (".", "ed", "$", "D"),
    ("[sxz]", "es", "$", "IH Z"), (".", "e", "s?$", ""), ("..", "y", "$", "IY"), ("..", "ies", "$", "IY Z"),
    # several letters, one sound
    ("", "tch", "", "CH"), ("^", "sch", "", "SH"), ("", "sch", "", "S K"), ("^", "chr", "", "K R"),
    ("", "ch", "", "CH"), ("", "sh", "", "SH"), ("", "th", "", "TH"), ("", "ph", "", "F"),
    ("", "ck", "", "K"), ("^", "kn", "", "N"), ("^", "wr", "", "R"), ("^", "ps", "", "S"),
    ("^", "wh", "", "W"), ("", "wh", "", "W"), ("", "qu", "", "K W"), ("", "q", "", "K"),
    ("^", "gh", "", "G"), ("", "igh", "", "AY"), ("", "gh", "", ""), ("^", "gn", "", "N"),
    ("", "dg", "e", "JH"), ("", "ng", "$", "NG"), ("", "nk", "", "NG K"), ("", "ng", "", "NG G"),
    # pairs of vowels, and vowels before r
    ("", "eau", "", "OW"), ("", "eer", "", "IH R"), ("", "ear", "", "IH R"), ("", "air", "", "EH R"),
    ("", "are", "$", "EH R"), ("", "ore", "$", "AO R"), ("", "oor", "", "AO R"), ("", "our", "", "AO R"),
    ("", "ire", "$", "AY ER"), ("", "ure", "$", "Y UH R"), ("", "ar", _CONSONANT + "|$", "AA R"),
    ("", "or", "", "AO R"), ("", "[eiu]r", _CONSONANT + "|$", "ER"), ("", "ai", "", "EY"),
    ("", "ay", "", "EY"), ("", "ee", "", "IY"), ("", "ea", "", "IY"), ("", "eu", "", "Y UW"),
    ("", "ew", "", "UW"), ("", "ei", "", "EY"), ("", "ey", "", "IY"), ("", "ie", "", "IY"),
    ("", "oa", "", "OW"), ("", "oo", "", "UW"), ("", "ou", "", "AW"), ("", "ow", "$", "OW"),
    ("", "ow", "", "AW"), ("", "oi", "", "OY"), ("", "oy", "", "OY"), ("", "au", "", "AO"),
    ("", "aw", "", "AO"), ("", "ue", "", "UW"), ("", "ui", "", "UW"),
    # single vowels
    ("", "a", "tion|ble|" + _SILENT_E, "EY"), ("", "i", _SILENT_E, "AY"), ("", "o", _SILENT_E, "OW"),
    ("", "u", _SILENT_E, "UW"), ("", "e", _SILENT_E, "IY"), ("", "y", _SILENT_E, "AY"),
    ("..", "a", "$", "AH"), ("", "a", "", "AE"), ("^", "e", "", "EH"), ("", "e", "", "EH"),
    ("", "i", "$", "IY"), ("", "i", "", "IH"), ("", "o", "$", "OW"), ("", "o", "", "AA"),
    ("[bcfhkmp]", "u", _CONSONANT + "[aeiouy]", "Y UW"), ("", "u", "$", "UW"), ("", "u", "", "AH"),
    ("^", "y", "", "Y"), ("", "y", "$", "AY"), ("", "y", "", "IH"),
    # single consonants
    ("", "(.)\\1", "", ""), ("", "c", "[eiy]", "S"), ("", "c", "", "K"), ("", "g", "[eiy]", "JH"),
    ("", "g", "", "G"), ("[aeioubdgvnmlr]", "s", "$", "Z"), ("", "s", "", "S"), ("^", "x", "", "Z"),
    ("", "x", "", "K S"), ("", "b", "", "B"), ("", "d", "", "D"), ("", "f", "", "F"), ("", "h", "", "HH"),
    ("", "j", "", "JH"), ("", "k", "", "K"), ("", "l", "", "L"), ("", "m", "", "M"), ("", "n", "", "N"),
    ("", "p", "", "P"), ("", "r", "", "R"), ("", "t", "", "T"), ("", "v", "", "V"), ("", "w", "", "W"),
    ("", "z", "", "Z"),
)  # fmt: skip  # a table

_COMPILED = tuple(
    (re.compile(f"(?:{left})$") if left not in ("", "^") else left, re.compile(letters), right, phones)
    for left, letters, right, phones in _RULES
)
_RIGHT = {right: re.compile(right) for _, _, right, _ in _RULES}


def phones_of_letters(word: str) -> Sequence[str]:
    """Return the phones of a word of the letters a to z; other characters have none."""
    phones: list[str] = []
    at = 0
    while at < len(word):
        taken, sounds = _first_rule(word, at)
        phones.extend(sounds.split())
        at += taken
    return phones


def _first_rule(word: str, at: int) -> tuple[int, str]:
    """Return how many letters the first fitting rule takes, and their phones."""
    for left, letters, right, phones in _COMPILED:
        found = letters.match(word, at)
        if found is None or not _RIGHT[right].match(word[found.end() :]):
            continue
        if left == "^" and at > 0:
            continue
        if isinstance(left, re.Pattern) and not left.search(word[:at]):
            continue
        if letters.groups:  # a letter that is doubled sounds as the second one does
            return 1, phones
        return found.end() - at, phones
    return 1, ""
