"""Terms that a model explains after its answer, in the same stream: told apart while it comes in.

    The answer, some sentences.
    TERMS:
    - mutex: a lock that one thread holds at a time.

Knows text only. A model that ignores the form has given an answer without terms, nothing worse.
"""

import re

from reference_pipeline.events import TermExplanation

__all__ = ["MARK", "TermsTail"]

MARK = "TERMS:"
"""What the prompt asks for between the answer and its terms, on a line of its own."""

MOST_TERMS = 3
LONGEST_LINE = 300
"""Characters; a longer line is prose, not a term."""

LONGEST_TERM = 40

_MARK_LINE = re.compile(r"\n[ \t*_#>]*terms[ \t*_]*:[ \t*_]*", re.IGNORECASE)
_MARK_BEGUN = re.compile(r"\n[ \t*_#>]*(?:t(?:e(?:r(?:ms?)?)?)?)?[ \t*_]*\Z", re.IGNORECASE)
"""The end of a text that may yet become a mark: it is held back until it is decided."""

_NONE = {"none", "no", "n/a", "-", ""}


class TermsTail:
    """Takes a stream's text piece by piece; gives the answer's text and, after the mark, terms.

    * Joined, the texts are all that came before the mark, but the white space before it.
    * Only a line break and what may become the mark after it is ever held back.
    * A mark before any answer is no mark: something must be the answer.
    * At most `MOST_TERMS` terms come, each once, and none from a line that is not "term: explanation".
    """

    def __init__(self) -> None:
        self._held = ""
        self._has_answer = False
        self._line = ""
        self._known: set[str] = set()
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Whether the answer's text is complete, since the mark has come."""
        return self._is_over

    def take(self, text: str) -> tuple[str, tuple[TermExplanation, ...]]:
        """Take a piece; return the text to show and the terms that it completes."""
        if self._is_over:
            return "", self._terms(text)
        text, self._held = self._held + text, ""
        mark = _MARK_LINE.search(text)
        if mark is not None and (self._has_answer or text[: mark.start()].strip()):
            self._is_over = True
            return text[: mark.start()].rstrip(), self._terms(text[mark.end() :])
        begun = _MARK_BEGUN.search(text)
        if begun is not None and (self._has_answer or text[: begun.start()].strip()):
            keep = len(text[: begun.start()].rstrip())
            text, self._held = text[:keep], text[keep:]
        self._has_answer = self._has_answer or bool(text.strip())
        return text, ()

    def end(self, *, cut: bool) -> tuple[str, tuple[TermExplanation, ...]]:
        """Return what is still held at the stream's end; the last line of a `cut` stream is no term."""
        if self._is_over:
            return "", () if cut else self._terms("\n")
        held, self._held = self._held, ""
        return held.rstrip(), ()

    def _terms(self, text: str) -> tuple[TermExplanation, ...]:
        *lines, self._line = (self._line + text).split("\n")
        if len(self._line) > LONGEST_LINE:
            self._line = self._line[: LONGEST_LINE + 1]
        found = [term for line in lines if (term := _term(line)) is not None]
        new: list[TermExplanation] = []
        for term in found:
            key = term.term.casefold()
            if key not in self._known and len(self._known) < MOST_TERMS:
                self._known.add(key)
                new.append(term)
        return tuple(new)


def _term(line: str) -> TermExplanation | None:
    term, colon, explanation = line.strip().lstrip("-*+0123456789.) \t").partition(":")
    term, explanation = term.strip(" *_`\"'"), explanation.strip(" *_")
    if not colon or len(line) > LONGEST_LINE or len(term) > LONGEST_TERM:
        return None
    if term.casefold() in _NONE or explanation.casefold().rstrip(".") in _NONE:
        return None
    return TermExplanation(term=term, explanation=explanation, origin="model")
