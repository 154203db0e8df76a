"""What came of one utterance in transcription: the data that the inference thread hands on."""

from dataclasses import dataclass
from enum import StrEnum

from reference_pipeline.events import Transcript, Utterance

__all__ = ["FinalState", "FinalTranscript"]


class FinalState(StrEnum):
    """How the transcription of an utterance ended."""

    COMPLETE = "complete"
    TRUNCATED = "truncated"
    DROPPED = "dropped"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalTranscript:
    """What came of one utterance. There is exactly one for each utterance that ended.

    * There is a transcript where the state is COMPLETE or TRUNCATED, an error where it is FAILED.
    * queued_ns <= started_ns <= finished_ns.

    Attributes:
        utterance: As the endpointer cut it.
        state: COMPLETE; TRUNCATED when some blocks were lost because the queue was full, DROPPED when all
            were; FAILED when the engine raised; CANCELLED when the worker was closed first.
        transcript: The final text.
        error: What the engine raised.
        queued_ns: When the end of the utterance was told.
        started_ns: When the engine came to it, having decoded what was spoken; the queue wait ends here.
        finished_ns: When the final text was there.
        lost_blocks: How many blocks the engine did not get.
        was_speculated: Whether the text was decoded in the pause before the decision, and adopted. The
            engine then counts as started no later than the decision, and there is hardly anything to finish.
    """

    utterance: Utterance
    state: FinalState
    transcript: Transcript | None = None
    error: Exception | None = None
    queued_ns: int
    started_ns: int
    finished_ns: int
    lost_blocks: int = 0
    was_speculated: bool = False

    @property
    def text(self) -> str:
        """What was heard; empty where there is no transcript."""
        return self.transcript.text if self.transcript is not None else ""
