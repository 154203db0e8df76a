"""Admission: who is let in beside those who are heard already."""

from reference_pipeline.serving.refusal import CLOSE_TRY_LATER, Refusal

__all__ = ["Admission"]


class Admission:
    """Lets so many sessions in at a time."""

    def __init__(self, *, sessions: int) -> None:
        self._sessions = sessions

    def refusal(self, sessions: int) -> Refusal | None:
        """Return why nobody is let in beside `sessions` that run or are about to; None where one is."""
        if sessions >= self._sessions:
            return Refusal(
                code=CLOSE_TRY_LATER,
                kind="full",
                reason=f"all {self._sessions} places are taken; try again later",
            )
        return None
