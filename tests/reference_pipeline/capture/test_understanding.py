"""The latest judgement of what is being said, between the transcribing thread and the listening one."""

from reference_pipeline.capture.understanding import LatestUnderstanding
from reference_pipeline.events import Completeness, HeardText, Understanding


class CountingJudge:
    """Calls a text complete that ends in a question mark, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def completeness(self, text: str) -> Completeness:
        self.asked.append(text)
        return Completeness.COMPLETE if text.endswith("?") else Completeness.UNFINISHED


def test_a_judgement_comes_with_the_sample_that_it_rests_on() -> None:
    latest = LatestUnderstanding(CountingJudge())
    assert latest.latest() is None
    latest.heard(HeardText(text="what is a", heard_to_sample=512))
    assert latest.latest() == Understanding(completeness=Completeness.UNFINISHED, heard_to_sample=512)
    latest.heard(HeardText(text="what is a leak?", heard_to_sample=1_024))
    assert latest.latest() == Understanding(completeness=Completeness.COMPLETE, heard_to_sample=1_024)


def test_the_same_text_is_judged_once_and_rests_on_ever_more() -> None:
    judge = CountingJudge()
    latest = LatestUnderstanding(judge)
    for end in (512, 1_024, 1_536):
        latest.heard(HeardText(text="what is a", heard_to_sample=end))
    assert judge.asked == ["what is a"]
    understood = latest.latest()
    assert understood is not None
    assert understood.heard_to_sample == 1_536


def test_a_new_utterance_begins_with_no_judgement() -> None:
    latest = LatestUnderstanding(CountingJudge())
    latest.heard(HeardText(text="what is a leak?", heard_to_sample=512))
    latest.forget()
    assert latest.latest() is None
