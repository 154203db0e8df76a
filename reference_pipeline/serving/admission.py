"""Admission: who is let in beside those who are heard already."""

from reference_pipeline.serving.pressure import Pressure
from reference_pipeline.serving.refusal import CLOSE_TRY_LATER, Refusal

__all__ = ["REFUSE_FROM", "Admission"]

REFUSE_FROM = 1.0
"""The pressure at which nobody more is let in."""

_AGAIN_BELOW = 0.8
"""And below which somebody is again: a door that opened and shut with every look would let too many in."""


class Admission:
    """Lets so many sessions in at a time, and fewer while the load presses.

    * The places are what was set; beyond them everybody is refused.
    * From a pressure of `REFUSE_FROM` on everybody is refused, until it has fallen below `_AGAIN_BELOW`.
    * Who is in stays in: under pressure quality is shed instead.
    """

    def __init__(self, *, sessions: int) -> None:
        self._sessions = sessions
        self._refuses = False
        self._pressure = Pressure(value=0.0, cause="")

    @property
    def pressure(self) -> Pressure:
        """The pressure as it was told last."""
        return self._pressure

    def press(self, pressure: Pressure) -> None:
        """Take how hard the load presses now."""
        self._pressure = pressure
        self._refuses = pressure.value >= (_AGAIN_BELOW if self._refuses else REFUSE_FROM)

    def refusal(self, sessions: int) -> Refusal | None:
        """Return why nobody is let in beside `sessions` that run or are about to; None where one is."""
        if sessions >= self._sessions:
            return Refusal(
                code=CLOSE_TRY_LATER,
                kind="full",
                reason=f"all {self._sessions} places are taken; try again later",
            )
        if self._refuses:
            return Refusal(
                code=CLOSE_TRY_LATER,
                kind="pressure",
                reason=f"the load is at its limit ({self._pressure.cause}); try again later",
            )
        return None
