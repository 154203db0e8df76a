"""Words as the network sees them: who they are, how they sound, how they end, and what the rules say there.

Pure functions; the same code makes the input for training and at run time. No weights live here.
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["ENDINGS", "FEATURES_PER_WORD", "MARKS", "SOUNDS", "feature_rows", "sound_of"]

SOUNDS = 768
"""Rows for hashed sounds. Collisions are rare among the words that matter and harmless among the others."""

ENDINGS = 384
"""Rows for hashed endings."""

MARKS = ("none", "direct", "imperative", "indirect", "misheard", "refused", "tag")
"""What the rules may say of a word (`detector.Reading.marks`)."""

FEATURES_PER_WORD = 4

Rows = NDArray[np.int32]

_RULES_OF_SOUND = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"[^a-z]", ""),
        (r"^(?:wh|w)", "w"),
        (r"^who", "h"),
        (r"^kn", "n"),
        (r"^wr", "r"),
        (r"ould", "t"),
        (r"ought|aught", "t"),
        (r"igh", "i"),
        (r"tch|ch|sh|tion|sion|j|dge", "x"),
        (r"ph", "f"),
        (r"th", "t"),
        (r"ck|c(?![eiy])|q|g(?!e\b)", "k"),
        (r"c|z", "s"),
        (r"b", "p"),
        (r"d", "t"),
        (r"v", "f"),
        (r"m", "n"),
        (r"(?<=.)[aeiouyhw]", ""),
        (r"^[aeiouy]", "a"),
        (r"(.)\1+", r"\1"),
    )
)


@lru_cache(maxsize=16384)
def sound_of(word: str) -> str:
    """Return roughly how `word` sounds: its consonants, voiced and unvoiced alike.

    Words that recognisers confuse share it ("tell" and "tale", "what" and "would"), as in Metaphone, but
    coarser.
    """
    sound = word
    for pattern, replacement in _RULES_OF_SOUND:
        sound = pattern.sub(replacement, sound)
    return sound[:5] or word[:1]


@lru_cache(maxsize=16384)
def _hashed(word: str) -> tuple[int, int]:
    sound = zlib.crc32(sound_of(word).encode()) % SOUNDS
    ending = zlib.crc32(word[-3:].encode()) % ENDINGS
    return sound, ending


def feature_rows(forms: Sequence[str], marks: Sequence[int], vocabulary: Mapping[str, int]) -> Rows:
    """Return which rows of the table of embeddings stand for each word, shape (words, FEATURES_PER_WORD).

    Args:
        forms: The words, lower case, contractions taken apart.
        marks: For each word the index in `MARKS` of what the rules say.
        vocabulary: Row of each known word; row 0 is for all others.
    """
    sounds = len(vocabulary) + 1
    endings = sounds + SOUNDS
    rules = endings + ENDINGS
    rows = np.empty((len(forms), FEATURES_PER_WORD), np.int32)
    for index, (form, mark) in enumerate(zip(forms, marks, strict=True)):
        sound, ending = _hashed(form)
        rows[index] = (vocabulary.get(form, 0), sounds + sound, endings + ending, rules + mark)
    return rows
