"""How much silence ends an utterance: by what has been said, and by the rhythm of who says it.

The silence limit is the price that every answer pays, so it was set by measuring
(tests/performance/endpointing_study.py). Voice activity stays off inside whole sentences for 96 ms at most in
nine of ten, and for 256 ms at a reader's commas. What is complete needs no more than that the speaker is
silent; who breaks off ("and how would you ...") is thinking; in between, the limit is what this speaker's
pauses make likely.
"""

from reference_pipeline.capture.endpointing_settings import EndpointingSettings
from reference_pipeline.capture.speaking_rhythm import SpeakingRhythm
from reference_pipeline.events import SAMPLE_RATE, Completeness, Understanding

__all__ = ["Patience"]

_MARGIN_MS = 64
"""Above the longest usual pause: two blocks, by which the detector may be late at the onset after a pause."""
_WENT_ON_MS = 700
"""Who begins again so soon after a cut goes on with what was cut; between two speakers it is mostly less than
half of that, and such a turn counts as a pause too: the price is a longer wait, never an utterance lost."""


class Patience:
    """The silence limit of the open utterance, in samples.

    * A judgement that does not rest on the last voiced sample is stale and is not heeded.
    * Complete: `complete_limit_ms`. Unfinished: `hold_limit_ms`. Otherwise, from `complete_limit_ms` to
      `patient_limit_ms`, the longest usual pause of the speaker and a margin.
    """

    def __init__(self, settings: EndpointingSettings) -> None:
        self._settings = settings
        self._rhythm = SpeakingRhythm(prior_ms=settings.silence_limit_ms - _MARGIN_MS)
        self._longest_pause = 0
        self._ended_at: int | None = None

    @property
    def unknown_limit_ms(self) -> int:
        """The limit where the words do not tell."""
        learned = self._rhythm.usual_longest_pause_ms + _MARGIN_MS
        return min(max(learned, self._settings.complete_limit_ms), self._settings.patient_limit_ms)

    def limit(self, understood: Understanding | None, *, last_sample: int) -> int:
        """Return the silence after `last_sample` that ends the utterance."""
        completeness = Completeness.UNKNOWN
        if understood is not None and understood.heard_to_sample >= last_sample:
            completeness = understood.completeness
        match completeness:
            case Completeness.COMPLETE:
                limit_ms = self._settings.complete_limit_ms
            case Completeness.UNFINISHED:
                limit_ms = self._settings.hold_limit_ms
            case Completeness.UNKNOWN:
                limit_ms = self.unknown_limit_ms
        return limit_ms * SAMPLE_RATE // 1000

    def began(self, first_sample: int) -> None:
        """Take note that an utterance begins."""
        if self._ended_at is not None:
            gap_ms = (first_sample - self._ended_at) * 1000 // SAMPLE_RATE
            if gap_ms <= _WENT_ON_MS:
                self._rhythm.went_on_after(gap_ms)
        self._longest_pause = 0

    def went_on(self, last_sample: int, next_sample: int) -> None:
        """Take note that the speaker goes on after a silence."""
        self._longest_pause = max(self._longest_pause, next_sample - last_sample)

    def ended(self, last_sample: int, *, forced: bool) -> None:
        """Take note that an utterance has ended; one cut at its maximum length has no end to learn from."""
        self._ended_at = None if forced else last_sample
        if not forced:
            self._rhythm.spoke(self._longest_pause * 1000 // SAMPLE_RATE)
