"""What was lost or went wrong on the way of sessions, added up for the report: nothing in silence."""

from collections import Counter
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from reference_pipeline.capture.device_losses import losses_of
from reference_pipeline.display.channel import ChannelCounts
from reference_pipeline.ports import AudioSource, Display
from reference_pipeline.session import Session

__all__ = ["SessionLosses"]

_LOST_AT_CAPTURE = "blocks lost at capture"


class SessionLosses:
    """Counts over any number of sessions that have ended; it keeps none of them.

    * What a report says: always the blocks that were lost at capture, all else where there was any.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, session: Session, *, source: AudioSource, display: Display) -> None:
        """Take what happened to a session that has ended."""
        cost = session.unclaimed_cost
        self._counts.update(
            {
                "requests for no turn": cost.requests,
                "tokens for no turn": cost.answer_tokens,
                _LOST_AT_CAPTURE: source.overruns,
                "devices lost": losses_of(source),
                "blocks lost before transcription": session.lost_blocks,
            }
        )
        if isinstance(display, _Counting):
            self._counts.update(_of_display(display))

    def as_facts(self) -> Mapping[str, str]:
        """Return what a report says."""
        told = {name: str(count) for name, count in self._counts.items() if count}
        return {_LOST_AT_CAPTURE: str(self._counts[_LOST_AT_CAPTURE]), **told}


@runtime_checkable
class _Counting(Protocol):
    """A display that has viewers."""

    unanswered: int

    @property
    def counts(self) -> ChannelCounts: ...


def _of_display(display: _Counting) -> Mapping[str, int]:
    counts = display.counts
    return {
        "paints that pages told": counts.paints,
        "paints that no page told in time": display.unanswered,
        "reports by hidden pages": counts.hidden,
        "paint times moved to fit": counts.clamped,
        "viewers not yet written to at the first paint": counts.behind,
        "viewers that fell behind": counts.dropped_viewers,
        "viewers refused": counts.refused_viewers,
        "messages of pages without sense": counts.malformed,
    }
