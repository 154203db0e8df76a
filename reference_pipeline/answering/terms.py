"""Explaining the technical terms of a question from a glossary of the user's own.

The glossary is a Markdown list, `- **term** (other name): explanation.`; other lines are for people.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import latency_kit
from latency_kit.units import NS_PER_S
from reference_pipeline.answering.expiring_cache import ExpiringCache
from reference_pipeline.answering.likeness import stem
from reference_pipeline.answering.notes import GLOSSARY, NotesError, read_text
from reference_pipeline.events import Question, TermExplanation
from reference_pipeline.transcription.normalisation import words

__all__ = ["GlossaryExplainer", "load_glossary"]

_ENTRY = re.compile(
    r"^[ \t]*[-*+][ \t]+\*\*(?P<term>[^*]+)\*\*[ \t]*(?:\((?P<other>[^)]+)\))?[ \t]*:[ \t]*(?P<text>.*)$"
)
_LONGEST_LEARNED = 4
"""Words of a term."""

_CONTINUED = re.compile(r"^[ \t]+(?P<text>[^ \t*+-].*)$")


def load_glossary(directory: Path) -> Sequence[TermExplanation]:
    """Read the glossary of a notes directory; a directory without one has no terms.

    Another name in brackets gives a second entry with the same explanation.

    Raises:
        NotesError: The file cannot be read, or a term has no explanation or stands there twice.
    """
    path = directory / GLOSSARY
    if not path.exists():
        return []
    entries: dict[str, str] = {}
    others: dict[str, str] = {}
    term = ""
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if entry := _ENTRY.match(line):
            term = entry["term"].strip()
            if term in entries:
                raise NotesError(f"{path}, line {number}: {term!r} stands there twice; keep one of the two")
            entries[term] = entry["text"].strip()
            if entry["other"]:
                others[entry["other"].strip()] = term
        elif term and (more := _CONTINUED.match(line)):
            entries[term] = f"{entries[term]} {more['text'].strip()}".strip()
        else:
            term = ""
    for name, text in entries.items():
        if not text:
            raise NotesError(f"{path}: {name!r} has no explanation; write one after the colon")
    entries |= {other: entries[name] for other, name in others.items() if other not in entries}
    return [TermExplanation(term=name, explanation=text) for name, text in entries.items()]


MOST_LEARNED = 200
LEARNED_LIVES_NS = 3600 * NS_PER_S


class GlossaryExplainer:
    """Finds known terms in a question, word by word, in any number ("hash tables").

    The glossary's are known for good, those that models explained for an hour, at most 200 of them; the
    glossary's word counts more.

    - A term inside a longer one that was found is not explained again.
    - No explanation is given twice, even where the question uses both names of it.
    - At most `limit` terms are explained, in the order in which the question uses them.
    """

    def __init__(
        self,
        entries: Sequence[TermExplanation],
        *,
        limit: int = 3,
        now_ns: Callable[[], int] = latency_kit.now_ns,
    ) -> None:
        self._limit = limit
        self._by_first: Mapping[str, list[tuple[tuple[str, ...], TermExplanation]]] = _by_first(entries)
        self._glossary = {_key(entry.term) for entry in entries}
        self._learned: ExpiringCache[TermExplanation] = ExpiringCache(
            most_entries=MOST_LEARNED, lives_ns=LEARNED_LIVES_NS, now_ns=now_ns
        )

    def learn(self, terms: Iterable[TermExplanation]) -> None:
        """Keep explanations that came from a model, but of terms that the glossary has."""
        for term in terms:
            key = _key(term.term)
            if key and key not in self._glossary:
                self._learned.put(" ".join(key), term)

    @latency_kit.measure_latency("answering", "explain_terms")
    def explain(self, question: Question) -> Sequence[TermExplanation]:
        """Return explanations of the terms found; none where none is known."""
        stems = [stem(word) for word in words(question.text)]
        explained: list[TermExplanation] = []
        at = 0
        while at < len(stems) and len(explained) < self._limit:
            length, entry = self._longest(stems, at)
            if entry is not None and all(entry.explanation != known.explanation for known in explained):
                explained.append(entry)
            at += length
        return explained

    def _longest(self, stems: Sequence[str], at: int) -> tuple[int, TermExplanation | None]:
        """The longest term that begins here with its length in words; one word and None where none does."""
        best: tuple[int, TermExplanation | None] = (1, None)
        for term, entry in self._by_first.get(stems[at], ()):
            if tuple(stems[at : at + len(term)]) == term and (best[1] is None or len(term) > best[0]):
                best = (len(term), entry)
        for length in range(min(_LONGEST_LEARNED, len(stems) - at), best[0] if best[1] else 0, -1):
            learned = self._learned.find(" ".join(stems[at : at + length]))
            if learned is not None:
                return length, learned
        return best


def _key(term: str) -> tuple[str, ...]:
    return tuple(stem(word) for word in words(term))


def _by_first(
    entries: Sequence[TermExplanation],
) -> Mapping[str, list[tuple[tuple[str, ...], TermExplanation]]]:
    index: dict[str, list[tuple[tuple[str, ...], TermExplanation]]] = {}
    for entry in entries:
        term = _key(entry.term)
        if term:
            index.setdefault(term[0], []).append((term, entry))
    return index
