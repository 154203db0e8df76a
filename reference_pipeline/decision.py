"""From a turn's text to the questions that deserve an answer: segmentation, detection, deduplication.

Also the judgement whether the words so far may be all, for the endpointer.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

from reference_pipeline.events import Completeness, Question
from reference_pipeline.ports import CompletenessJudge, QuestionDetector
from reference_pipeline.questions.follow_up import (
    in_context,
    may_go_on,
    needs_context,
    says_something,
)
from reference_pipeline.transcription.deduplication import Deduplicator
from reference_pipeline.transcription.normalisation import normalise
from reference_pipeline.transcription.segmentation import Segmenter, is_unfinished, split_sentences
from reference_pipeline.turn import Turn

__all__ = ["Decider", "Decision"]

CONTEXT_NS = 180_000_000_000
"""How long "and why" still means the question before it: about the longest answer that is given in a talk."""

TORN_WITHIN_NS = 1_500_000_000
"""Silence after which what goes on is no rest of the question before: who was cut off goes on at once."""

_SAYS_MORE = ("follow-up", "joined")
"""Kinds of questions that repeat another one in order to ask more: only the same words are a repetition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a turn asks.

    Attributes:
        questions: All questions found, in the order they were asked; one that means nothing alone comes
            with the question that it follows.
        new: Those of them that were not answered just before.
        held: What is asked by the words that break off and wait for their rest, if none comes.
    """

    questions: tuple[Question, ...]
    new: tuple[Question, ...]
    held: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True)
class _Asked:
    question: Question
    end_ns: int
    open: bool


class Decider:
    """Decides turn by turn, in the order in which they were spoken.

    * A question is new at most once within the deduplicator's window, unless it is given back unanswered.
    * What a cut left unfinished is judged together with the next turn; so is what looked whole and goes on
      at once.
    * Where no rest comes the unfinished words are judged as they are, once, for the turn that said them; a
      rest that comes late is still understood with them.
    * "And why" is asked together with the question before it.

    Args:
        judge: Judges whether words may be all, beside the segmenter's own rules; without one, what is a
            question is taken to be whole.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        detector: QuestionDetector,
        deduplicator: Deduplicator,
        judge: CompletenessJudge | None = None,
    ) -> None:
        self._segmenter = segmenter
        self._detector = detector
        self._deduplicator = deduplicator
        self._judge = judge
        self._judged = ("", Completeness.UNKNOWN)
        self._before: _Asked | None = None
        self._holder: Turn | None = None

    @property
    def join_within_ns(self) -> int:
        """How long unfinished words can be joined with their rest, in nanoseconds."""
        return self._segmenter.join_within_ns

    def decide(self, turn: Turn) -> Decision:
        """Measure and run the three stages on the turn's text."""
        with turn.stage("transcription", "segment"):
            segments = self._segmenter.segment(turn.said.text)
        self._holder = turn
        return self._decided(turn, segments, end_ns=turn.utterance.end_ns)

    def decide_held(self, turn: Turn, *, at_ns: int) -> Decision:
        """Decide on the words that the turn left unfinished, as they are: no rest has come.

        Where an utterance has taken them meanwhile there is nothing to decide.

        Args:
            turn: Whose words they are.
            at_ns: Until when the rest was waited for.
        """
        if self._holder is not turn:
            return Decision(questions=(), new=())
        self._holder = None
        # A few words such as "how do you" ask for nothing yet; who is slow to go on is not cut off by them.
        segments = self._segmenter.flush(leave=not says_something(self._segmenter.held))
        return self._decided(turn, segments, end_ns=at_ns)

    def unanswered(self, question: Question) -> None:
        """Take it that a new question got no answer: asked again, it is new again."""
        self._deduplicator.forget(question.normalised)

    def completeness(self, text: str) -> Completeness:
        """Judge by its last sentence whether the text of an utterance so far may be all of it.

        In a pause several ask about the same text, which is judged once.
        """
        judged_text, judged = self._judged
        if text != judged_text:
            judged = self._judge_words(text)
            self._judged = (text, judged)
        return judged

    def _judge_words(self, text: str) -> Completeness:
        if not text or text.isspace():
            return Completeness.UNKNOWN
        last = split_sentences(text)[-1]
        if is_unfinished(last):
            return Completeness.UNFINISHED
        if self._judge is not None:
            return self._judge.completeness(last)
        return Completeness.COMPLETE if self._detector.detect(last) else Completeness.UNKNOWN

    def foresee(self, text: str) -> tuple[Question, ...]:
        """Return what an utterance would ask that said `text` and no more; nothing is remembered of it."""
        segments = copy.copy(self._segmenter).segment(text)
        # When the utterance began is not known yet; most often it is no rest of one that was torn.
        start_ns = self._before.end_ns + TORN_WITHIN_NS + 1 if self._before is not None else 0
        return self._understand(segments, start_ns=start_ns, end_ns=start_ns)[0]

    def _decided(self, turn: Turn, segments: Sequence[str], *, end_ns: int) -> Decision:
        start_ns = turn.utterance.start_ns
        held: tuple[Question, ...] = ()
        with turn.stage("questions", "detect"):
            questions, self._before = self._understand(segments, start_ns=start_ns, end_ns=end_ns)
            if self._holder is turn and self._segmenter.held:
                held = self._understand([self._segmenter.held], start_ns=start_ns, end_ns=end_ns)[0]
        with turn.stage("transcription", "deduplicate"):
            new = tuple(question for question in questions if self._is_new(question))
        return Decision(questions=questions, new=new, held=held)

    def _understand(
        self, segments: Sequence[str], *, start_ns: int, end_ns: int
    ) -> tuple[tuple[Question, ...], _Asked | None]:
        """Return the questions, and what the next utterance is to be understood with."""
        before = self._before
        if before is not None and start_ns - before.end_ns > CONTEXT_NS:
            before = None
        found: list[Question] = []
        for segment in segments:
            questions = self._detector.detect(segment)
            unseen = all(question.kind == "learned" for question in questions)
            if unseen and not found and before is not None and _is_torn(before, segment, start_ns):
                questions = [_mended(before.question, segment)]
            for question in questions:
                if before is not None and needs_context(question):
                    found.append(in_context(question, before.question))
                    continue
                found.append(question)
                ends_it = normalise(segment).endswith(question.normalised)
                before = _Asked(question, end_ns, ends_it and segment is segments[-1])
        if segments and not found and before is not None:
            before = _Asked(before.question, before.end_ns, open=False)
        return tuple(found), before

    def _is_new(self, question: Question) -> bool:
        return self._deduplicator.is_new(question.normalised, exactly=question.kind in _SAYS_MORE)


def _is_torn(before: _Asked, segment: str, start_ns: int) -> bool:
    """Whether `segment` is the rest of the question before it, which a cut ended too early."""
    return before.open and start_ns - before.end_ns <= TORN_WITHIN_NS and may_go_on(segment)


def _mended(question: Question, rest: str) -> Question:
    """Return the question with the rest that a cut had torn off."""
    text = f"{question.text} {rest}"
    return Question(text=text, normalised=normalise(text), kind="joined")
