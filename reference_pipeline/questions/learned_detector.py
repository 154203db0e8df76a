"""The question detector that has learned: a small network judges what the rules have read.

Whether anything is asked the network decides, from the words and from what the rules say of them. Where the
question begins and ends the rules say, if they found it too, since they know grammar; else the network.
"""

from collections.abc import Sequence

from reference_pipeline.events import Question
from reference_pipeline.questions.detector import Reading, Span, cut, read, spans_between
from reference_pipeline.questions.features import MARKS
from reference_pipeline.questions.leading import skip_leading
from reference_pipeline.questions.network import Judgement, Network, load_network
from reference_pipeline.questions.splitting import stands_alone
from reference_pipeline.questions.words import Sentence, split_sentences

__all__ = ["THRESHOLD", "LearnedQuestionDetector", "judge"]

THRESHOLD = 0.6
"""Probability from which a sentence is taken for a question: the one place where false alarms are weighed
against questions that are missed. `docs/questions.md` shows what other values would bring."""

_LONG = 12
"""In more words than these, said in one breath, something sooner or later looks like a question."""

_LONG_THRESHOLD = 0.8
"""The least threshold for so long a sentence where rules see a question too."""

_LONG_THRESHOLD_ALONE = 0.7
"""Where no rule sees one: for each member of the ensemble, since one of them is easily taken in."""

_SHORT = 3
_SHORT_THRESHOLD = 0.06
"""The same in so few words, where rules see a question: "how so" has little for a network to read."""

_INVERTED_THRESHOLD = 0.2
"""The same where a direct question begins with the first word: "what skills are needed" is seldom anything
else, though a network has read "what skills there are nobody knows"."""

_BROKEN_OFF = 0.2
"""Probability of being whole below which so short a request has only begun: "so tell me"."""

_MARKED_THRESHOLD = 0.02
"""The same where a recogniser has printed a question mark and the rules do not know better: Whisper hears the
melody, and its word is nearly enough."""

_SURELY_BEGINS = 0.6
"""Probability from which another question begins within a sentence where the rules see none."""

_LEAST_WORDS_APART = 3
"""Between two questions that only the network tells apart."""

_MARK_NUMBERS = {mark: number for number, mark in enumerate(MARKS)}


class LearnedQuestionDetector:
    """Finds questions in text with or without punctuation, and with words misheard.

    - Pure: the same text gives the same questions.
    - Questions are returned in the order they were asked, each once.
    - A statement, and the empty text, give none.

    Args:
        threshold: Probability from which a sentence is taken for a question, above 0 and below 1.
        network: In place of the one that ships with the package.
    """

    def __init__(self, *, threshold: float = THRESHOLD, network: Network | None = None) -> None:
        if not 0 < threshold < 1:
            raise ValueError(f"a threshold is a probability above 0 and below 1, got {threshold:g}")
        self._threshold = threshold
        self._network = load_network() if network is None else network

    def detect(self, text: str) -> Sequence[Question]:
        """Return the questions of `text` in the order they were asked; empty for a statement.

        Each `Question.kind` is one of `RuleQuestionDetector`, or "learned" where no rule saw the question.
        """
        return [
            cut(text, sentence, span) for sentence in split_sentences(text) for span in self._spans(sentence)
        ]

    def is_question(self, text: str) -> bool:
        """Return whether anything in `text`, which may go on, is a question already."""
        return any(self._spans(sentence) for sentence in split_sentences(text))

    def _spans(self, sentence: Sentence) -> Sequence[Span]:
        reading = read(sentence)
        judgement = judge(self._network, sentence, reading)
        kinds = {span.kind for span in reading.spans}
        if len(sentence.forms) <= _SHORT and kinds == {"imperative"} and judgement.whole < _BROKEN_OFF:
            return ()
        if not self._asks(judgement, sentence, reading.spans):
            return ()
        return spans_between(sentence.forms, _heads(sentence, reading, judgement))

    def _asks(self, judgement: Judgement, sentence: Sentence, spans: Sequence[Span]) -> bool:
        """Return whether the sentence asks, knowing which questions rules see in it."""
        kinds = {span.kind for span in spans}
        first = skip_leading(sentence.forms, 0)
        begins_with_it = any(span.kind == "direct" and span.start <= first for span in spans)
        if sentence.marked and kinds:
            return judgement.asks >= min(self._threshold, _MARKED_THRESHOLD)
        if "direct" in kinds and len(sentence.forms) <= _SHORT:
            return judgement.asks >= min(self._threshold, _SHORT_THRESHOLD)
        if begins_with_it and len(sentence.forms) <= _LONG:
            return judgement.asks >= min(self._threshold, _INVERTED_THRESHOLD)
        if len(sentence.forms) <= _LONG:
            return judgement.asks >= self._threshold
        if kinds:
            return judgement.asks >= max(self._threshold, _LONG_THRESHOLD)
        return judgement.least >= max(self._threshold, _LONG_THRESHOLD_ALONE)


def judge(network: Network, sentence: Sentence, reading: Reading) -> Judgement:
    """Return what the network makes of a sentence that the rules have read."""
    return network.judge(sentence.forms, [_MARK_NUMBERS[mark] for mark in reading.marks])


def _heads(sentence: Sentence, reading: Reading, judgement: Judgement) -> list[tuple[int, str]]:
    forms = sentence.forms
    heads = [(span.start, span.kind) for span in reading.spans]
    if not heads:
        likeliest = max(range(len(forms)), key=judgement.begins.__getitem__)
        heads.append((min(skip_leading(forms, likeliest), len(forms) - 1), "learned"))
    for at, probability in enumerate(judgement.begins):
        if probability < _SURELY_BEGINS or any(abs(at - head) < _LEAST_WORDS_APART for head, _ in heads):
            continue
        before = max((head for head, _ in heads if head < at), default=None)
        if before is None or stands_alone(forms[at:], forms[before:at]):
            heads.append((at, "learned"))
    return sorted(heads)
