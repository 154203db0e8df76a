"""The answerer that is always there: the best of the user's own notes, shown as it was written."""

import dataclasses
from collections.abc import AsyncIterator

import latency_kit
from reference_pipeline.answering.retrieval import NoteIndex
from reference_pipeline.events import AnswerChunk, Provider, Question

__all__ = ["MIN_CONFIDENCE", "NOTHING_FOUND", "NotesAnswerer"]

MIN_CONFIDENCE = 0.33
"""Confidence below which a note is not shown: a wrong answer costs more than none."""

NOTHING_FOUND = "My notes hold nothing about this."


class NotesAnswerer:
    """Answers from notes.

    - It is always available and never raises.
    - Its draft is what it would answer, where a note is good enough.
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

    @latency_kit.measure_latency("answering", "find_note")
    def draft(self, question: Question) -> AnswerChunk | None:
        """Return the best note as a draft; None where none is good enough."""
        found = self._index.search(question.normalised, limit=1)
        if not found or found[0].confidence < self._min_confidence:
            return None
        return AnswerChunk(
            text=found[0].note.body,
            provider=self.provider,
            source=found[0].note.name,
            last=False,
            draft=True,
        )

    async def answer(self, question: Question) -> AsyncIterator[AnswerChunk]:
        """Yield the best note, or the sentence that there is none."""
        draft = self.draft(question)
        if draft is None:
            yield AnswerChunk(text=NOTHING_FOUND, provider=self.provider, source="", last=True)
        else:
            yield dataclasses.replace(draft, last=True, draft=False)

    async def close(self) -> None:
        """Do nothing; there is nothing to give back."""
