"""From a turn's text to the questions that deserve an answer: segmentation, detection, deduplication."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

from reference_pipeline.events import Completeness, Question
from reference_pipeline.ports import QuestionDetector
from reference_pipeline.transcription.deduplication import Deduplicator
from reference_pipeline.transcription.segmentation import Segmenter, is_unfinished, split_sentences
from reference_pipeline.turn import Turn

__all__ = ["Decider", "Decision"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a turn asks.

    Attributes:
        questions: All questions found, in the order they were asked.
        new: Those of them that were not answered just before.
    """

    questions: tuple[Question, ...]
    new: tuple[Question, ...]


class Decider:
    """Decides turn by turn, in the order in which they were spoken.

    * A question is new at most once within the deduplicator's window.
    * What a cut left unfinished is judged together with the next turn.
    """

    def __init__(self, segmenter: Segmenter, detector: QuestionDetector, deduplicator: Deduplicator) -> None:
        self._segmenter = segmenter
        self._detector = detector
        self._deduplicator = deduplicator

    def decide(self, turn: Turn) -> Decision:
        """Measure and run the three stages on the turn's text."""
        with turn.stage("transcription", "segment"):
            segments = self._segmenter.segment(turn.said.text)
        with turn.stage("questions", "detect"):
            questions = self._detect(segments)
        with turn.stage("transcription", "deduplicate"):
            new = tuple(question for question in questions if self._deduplicator.is_new(question.normalised))
        return Decision(questions=questions, new=new)

    def completeness(self, text: str) -> Completeness:
        """Judge by its last sentence whether the text of an utterance so far may be all of it."""
        if not text or text.isspace():
            return Completeness.UNKNOWN
        last = split_sentences(text)[-1]
        if is_unfinished(last):
            return Completeness.UNFINISHED
        return Completeness.COMPLETE if self._detector.detect(last) else Completeness.UNKNOWN

    def foresee(self, text: str) -> tuple[Question, ...]:
        """Return what an utterance would ask that said `text` and no more; nothing is remembered of it."""
        segments = copy.copy(self._segmenter).segment(text)
        return self._detect(segments)

    def _detect(self, segments: Sequence[str]) -> tuple[Question, ...]:
        return tuple(question for segment in segments for question in self._detector.detect(segment))
