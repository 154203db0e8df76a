"""What has been understood of the open utterance, for the endpointer: a judgement and what it rests on.

It stands between two threads: the transcribing one tells what it has heard, the listening one asks once a
block. Judging words is a `CompletenessJudge`'s matter, waiting the endpointer's.
"""

from reference_pipeline.events import Completeness, HeardText, Understanding
from reference_pipeline.ports import CompletenessJudge

__all__ = ["LatestUnderstanding"]


class LatestUnderstanding:
    """The latest judgement of the open utterance.

    * A judgement and the sample that it rests on are replaced as one: no thread sees one without the other.
    * The same text is judged once, however often it is told.
    * What was told before `forget` is never returned after it, but by one that was being judged meanwhile;
      that one rests on samples before the new utterance, and so applies to nothing.
    """

    def __init__(self, judge: CompletenessJudge) -> None:
        self._judge = judge
        self._latest: Understanding | None = None
        self._judged_text = ""
        self._completeness = Completeness.UNKNOWN

    def heard(self, heard: HeardText) -> None:
        """Judge what has been heard; called on the transcribing thread only."""
        if heard.text != self._judged_text:
            self._completeness = self._judge.completeness(heard.text)
            self._judged_text = heard.text
        self._latest = Understanding(completeness=self._completeness, heard_to_sample=heard.heard_to_sample)

    def latest(self) -> Understanding | None:
        """Return the latest judgement, or None where nothing has been heard of the utterance."""
        return self._latest

    def forget(self) -> None:
        """Begin a new utterance; called on the listening thread."""
        self._latest = None
