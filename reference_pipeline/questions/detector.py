"""The question detector: asks the rules of each kind at each place of a turn, and cuts the questions out.

Rules and their data live in one module a kind; here is only the walk over the words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from reference_pipeline.events import Question
from reference_pipeline.questions import imperative, indirect, misheard, tag, wh_questions, yes_no_questions
from reference_pipeline.questions.leading import BREAKS, LEADING_WORDS, skip_leading
from reference_pipeline.questions.lexicon import CONNECTORS, FRONTING
from reference_pipeline.questions.phrases import word_set
from reference_pipeline.questions.place import Level, Place, Rule
from reference_pipeline.questions.refusals import is_quoted, is_rhetorical
from reference_pipeline.questions.splitting import stands_alone
from reference_pipeline.questions.words import Sentence, split_sentences
from reference_pipeline.transcription.normalisation import normalise

__all__ = ["Reading", "RuleQuestionDetector", "Span", "cut", "read", "spans_between"]

_RULES: tuple[tuple[str, Rule], ...] = (
    ("tag", tag.begins),
    ("imperative", imperative.begins),
    ("indirect", indirect.begins),
    ("direct", wh_questions.begins),
    ("direct", yes_no_questions.begins),
    ("misheard", misheard.begins),
)

_CONDITIONS = word_set("if suppose supposing imagine given assuming say when")
"""Words that open a condition which belongs to the question after it."""

_MAX_CONDITION = 25
"""Words that a condition may take before its question; longer ones are tales."""


class RuleQuestionDetector:
    """Finds questions by grammar, in text with or without punctuation.

    - Pure: the same text gives the same questions.
    - Questions are returned in the order they were asked, each once.
    - A statement, and the empty text, give none.
    """

    def detect(self, text: str) -> Sequence[Question]:
        """Return the questions of `text` in the order they were asked; empty for a statement.

        Each `Question.kind` is "direct", "imperative", "indirect", "tag", "marked" (a question mark
        alone) or "misheard".
        """
        return [
            cut(text, sentence, span) for sentence in split_sentences(text) for span in read(sentence).spans
        ]


@dataclass(frozen=True, slots=True)
class Span:
    """A question's words: from `start` up to, not including, `end`."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What the rules make of a sentence.

    Attributes:
        spans: The questions, in order.
        marks: For each word the kind of question that its rule sees begin there, "refused" where it is
            quoted or rhetorical, "none" elsewhere.
    """

    spans: tuple[Span, ...]
    marks: tuple[str, ...]


def read(sentence: Sentence) -> Reading:
    """Walk over the sentence once; each word is asked about at most once."""
    forms = sentence.forms
    marks = ["none"] * len(forms)
    heads: list[tuple[int, str]] = []
    first = at = skip_leading(forms)
    quoting = False
    while at < len(forms):
        place = Place(forms, at, _level(forms, at, first, asked=bool(heads)), first, bool(heads))
        kind, taken = _match(place)
        if taken == 0:
            at += 1
            continue
        if is_quoted(forms, at) or is_rhetorical(forms, at) or (quoting and not _breaks(forms, at)):
            quoting = quoting or is_quoted(forms, at)
            marks[at] = "refused"
            at += taken
            continue
        marks[at] = kind
        if not heads:
            start = first if kind == "tag" else _with_condition(forms, at, first)
            heads.append((start, kind))
        elif kind != "tag" and _may_split(place) and stands_alone(forms[at:], forms[heads[-1][0] : at]):
            heads.append((at, kind))
            first = at
        at += taken
    if not heads and sentence.marked and not quoting and first < len(forms) and not _ends_idly(forms):
        heads.append((first, "marked"))
    return Reading(spans_between(forms, heads), tuple(marks))


def spans_between(forms: Sequence[str], heads: Sequence[tuple[int, str]]) -> tuple[Span, ...]:
    """Return the questions that begin at `heads` (first word and kind), each up to the next one."""
    ends = [_trimmed(forms, start) for start, _ in heads[1:]] + [len(forms)]
    return tuple(Span(start, end, kind) for (start, kind), end in zip(heads, ends, strict=False))


def cut(text: str, sentence: Sentence, span: Span) -> Question:
    """Cut the question out of the text as it was written."""
    asked = text[sentence.words[span.start].start : sentence.words[span.end - 1].end]
    return Question(text=asked, normalised=normalise(asked), kind=span.kind)


def _level(forms: Sequence[str], at: int, first: int, *, asked: bool) -> Level:
    if at == first:
        return Level.LEADING
    before = forms[at - 1]
    if before in LEADING_WORDS:
        return Level.LEADING if before in BREAKS and not asked else Level.JOINED
    return Level.JOINED if forms[first] in FRONTING and not asked else Level.INSIDE


def _match(place: Place) -> tuple[str, int]:
    for kind, rule in _RULES:
        if taken := rule(place):
            return kind, taken
    return "", 0


def _may_split(place: Place) -> bool:
    """Whether what begins here in a running question is unmistakable, no clause of it ("and how to")."""
    inside = Place(place.forms, place.at, Level.INSIDE, place.first, asked=True)
    return _match(inside)[1] > 0 or _breaks(place.forms, place.at)


def _breaks(forms: Sequence[str], at: int) -> bool:
    return at > 0 and forms[at - 1] in BREAKS


def _ends_idly(forms: Sequence[str]) -> bool:
    return any(is_rhetorical(forms, at) for at in range(len(forms)))


def _with_condition(forms: Sequence[str], at: int, first: int) -> int:
    """Return where the question begins with the condition or circumstance in front of it."""
    if forms[first] in FRONTING and at - first <= _MAX_CONDITION:
        return first
    for index in range(at - 1, max(first, at - _MAX_CONDITION) - 1, -1):
        if forms[index] in _CONDITIONS and forms[index] != "when":
            return index
    return at


def _trimmed(forms: Sequence[str], end: int) -> int:
    """Return `end` without the "and" or "okay so" that led to the next question."""
    while end > 0 and (forms[end - 1] in CONNECTORS or forms[end - 1] in LEADING_WORDS):
        end -= 1
    return end
