"""The speaker's rhythm: how long this speaker pauses inside what belongs together, learned as it is heard.

Pure arithmetic over pauses. What follows from it for the endpoint is `patience`'s matter.

Of each utterance its longest inner pause counts, 0 where it had none, for one cut is enough to spoil it. The
newest of them are kept and the ninth decile is taken: a few long pauses of thinking move it little, and the
speakers of a talk who take turns are heard alike. Until enough has been heard, the prior stands in for the
rest, so that the first pauses change the wait by steps and not at once.
"""

from collections import deque

__all__ = ["SpeakingRhythm"]

MEMORY = 24
"""Utterances remembered: some five minutes of one speaker's part in a talk."""
PRIOR_WEIGHT = 8
"""Utterances that the prior counts for; it is forgotten as that many are heard."""


class SpeakingRhythm:
    """Learns the longest pause that the speaker usually makes inside an utterance.

    * It never leaves the range of the prior and the pauses heard.
    * One pause, however long, moves it by no more than one place in the order of `MEMORY` utterances.
    * `MEMORY` utterances after a change of habit nothing is left of the old one.
    """

    __slots__ = ("_longest", "_prior_ms")

    def __init__(self, *, prior_ms: int) -> None:
        self._prior_ms = prior_ms
        self._longest: deque[int] = deque(maxlen=MEMORY)

    @property
    def usual_longest_pause_ms(self) -> int:
        """The ninth decile of the longest pauses, in milliseconds."""
        prior = [self._prior_ms] * max(0, PRIOR_WEIGHT - len(self._longest))
        ordered = sorted((*self._longest, *prior))
        # The smallest value with at least nine tenths at or below it; -(-a // b) rounds up.
        return ordered[-(-9 * len(ordered) // 10) - 1]

    def spoke(self, longest_pause_ms: int) -> None:
        """Take note of an utterance by its longest inner pause."""
        self._longest.append(longest_pause_ms)

    def went_on_after(self, pause_ms: int) -> None:
        """Correct the last utterance: it was cut, for its speaker went on after this pause."""
        if self._longest:
            self._longest[-1] = max(self._longest[-1], pause_ms)
