"""The one place where text is brought into the form that is compared: lower case words, single spaces.

Deduplication, the question detector and the caches compare what `normalise` returns, never raw text. What
the words mean is not known here; no word is dropped or replaced.
"""

import re
import unicodedata

__all__ = ["normalise", "words"]

_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\u00b4`", "'"))

# A word is letters and digits. An apostrophe stays inside a word (what's), a point between digits (3.5), and
# ++ or # right after a letter, so that C, C++ and C# remain three different things to ask about. The commas
# of thousands (10,000) are dropped.
_WORD = re.compile(
    r"(?<![\d,])\d{1,3}(?:,\d{3})+(?![\d,])|\d+(?:\.\d+)+|[^\W_]+(?:'[^\W_]+)*(?:(?<=[^\W\d_])(?:\+\+|#))?"
)


def normalise(text: str) -> str:
    """Return `text` in lower case, without punctuation, with single spaces.

    Typographic apostrophes become plain ones and stay inside words; hyphens and all other punctuation
    separate words. Idempotent. The text of a recogniser that prints no punctuation is only lowered.
    """
    return " ".join(words(text))


def words(text: str) -> list[str]:
    """Return the words of `normalise(text)`."""
    # Twice, since normalising takes the bare acute accent apart and case folding brings apostrophes forth.
    folded = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).casefold().translate(_APOSTROPHES)
    return [word.replace(",", "") for word in _WORD.findall(folded)]
