"""A turn's text as words and sentences: where each word stands, contractions taken apart.

What the words mean to a question lives in the rule modules; this one knows spelling only.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from reference_pipeline.questions.phrases import word_set

__all__ = ["Sentence", "Word", "split_sentences"]

_TOKEN = re.compile(r"[^\W_]+(?:['\N{RIGHT SINGLE QUOTATION MARK}][^\W_]+)*|[.?!;:\n]+")
_ENDS = frozenset(".?!;\n")

_ENDINGS = {"'re": "are", "'ve": "have", "'ll": "will", "'m": "am", "'d": "would"}

# After these a final 's is "is"; after other words it may be a possessive and stays.
_BEFORE_IS = word_set("what who where when why how that it there he she here")

_WHOLE = {
    "let's": ("let", "us"),
    "lets": ("let", "us"),
    "can't": ("can", "not"),
    "cant": ("can", "not"),
    "cannot": ("can", "not"),
    "won't": ("will", "not"),
    "wont": ("will", "not"),
    "shan't": ("shall", "not"),
    "ain't": ("is", "not"),
    "how'd": ("how", "did"),
    "why'd": ("why", "did"),
    "where'd": ("where", "did"),
    "what'd": ("what", "did"),
    "whats": ("what", "is"),
    "hows": ("how", "is"),
    "whos": ("who", "is"),
    "im": ("i", "am"),
    "ive": ("i", "have"),
    "youve": ("you", "have"),
    "youre": ("you", "are"),
}
_NEGATED = word_set("do does did have has had is are was were would could should must need")


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One word as the rules see it.

    Attributes:
        form: Lower case, one part of a contraction ("haven't" is the two words "have" and "not").
        start: Index of the first character of what was written.
        end: Index after its last character; the parts of a contraction share both.
    """

    form: str
    start: int
    end: int


@dataclass(frozen=True)
class Sentence:
    """Words between two full stops, or the whole turn where the recogniser prints none.

    Attributes:
        words: In order, never empty.
        marked: Whether a question mark ended it.
    """

    words: tuple[Word, ...]
    marked: bool

    @cached_property
    def forms(self) -> tuple[str, ...]:
        """The words' forms alone."""
        return tuple(word.form for word in self.words)


def split_sentences(text: str) -> Sequence[Sentence]:
    """Return the sentences of `text`, cut at full stops, question marks and line ends."""
    sentences: list[Sentence] = []
    words: list[Word] = []
    for token in _TOKEN.finditer(text):
        if token[0][0] in _ENDS:
            if words:
                sentences.append(Sentence(tuple(words), "?" in token[0]))
                words = []
        elif token[0][0] != ":":
            words.extend(
                Word(form=form, start=token.start(), end=token.end()) for form in _forms(token[0].lower())
            )
    if words:
        sentences.append(Sentence(tuple(words), marked=False))
    return sentences


def _forms(token: str) -> Iterator[str]:
    token = token.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    if token in _WHOLE:
        yield from _WHOLE[token]
        return
    for negation in ("n't", "nt"):
        stem = token.removesuffix(negation)
        if stem != token and stem in _NEGATED:
            yield stem
            yield "not"
            return
    stem, apostrophe, rest = token.rpartition("'")
    ending = _ENDINGS.get(apostrophe + rest)
    if ending is None and apostrophe and rest == "s" and stem in _BEFORE_IS:
        ending = "is"
    if ending is None:
        yield token
    else:
        yield stem
        yield ending
