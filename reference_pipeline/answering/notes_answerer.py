"""The answerer that is always there: the best of the user's own notes, shown as it was written."""

from collections.abc import AsyncIterator

from reference_pipeline.answering.retrieval import NoteIndex
from reference_pipeline.events import AnswerChunk, Provider, Question

__all__ = ["MIN_CONFIDENCE", "NOTHING_FOUND", "NotesAnswerer"]

MIN_CONFIDENCE = 0.33
"""Confidence below which a note is not shown: a wrong answer costs more than none."""

NOTHING_FOUND = "My notes hold nothing about this."


class NotesAnswerer:
    """Answers from notes.

    - It is always available and never raises.
    - The whole note comes as one chunk, whose source is the note's name.
    - Where no note is good enough it says so, and the source is empty.
    """

    def __init__(self, index: NoteIndex, *, min_confidence: float = MIN_CONFIDENCE) -> None:
        self._index = index
        self._min_confidence = min_confidence

    @property
    def provider(self) -> Provider:
        """`Provider.NOTES`."""
        return Provider.NOTES

    async def available(self) -> bool:
        """Return True: notes are in memory."""
        return True

    async def answer(self, question: Question) -> AsyncIterator[AnswerChunk]:
        """Yield the best note, or the sentence that there is none."""
        found = self._index.search(question.normalised, limit=1)
        if found and found[0].confidence >= self._min_confidence:
            yield self._chunk(found[0].note.body, source=found[0].note.name)
        else:
            yield self._chunk(NOTHING_FOUND, source="")

    async def close(self) -> None:
        """Do nothing; there is nothing to give back."""

    def _chunk(self, text: str, *, source: str) -> AnswerChunk:
        return AnswerChunk(text=text, provider=self.provider, source=source, last=True)
