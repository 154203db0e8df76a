"""What every question detector holds to, by rules or learned."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_pipeline.ports import QuestionDetector
from reference_pipeline.questions.detector import RuleQuestionDetector
from reference_pipeline.questions.learned_detector import LearnedQuestionDetector
from reference_pipeline.questions.phrases import word_set
from reference_pipeline.transcription.normalisation import normalise

DETECTORS = (RuleQuestionDetector(), LearnedQuestionDetector())
WORDS = sorted(word_set("what how is do you your the i we which tell me about if and so ? . not"))

QUESTIONS = (
    ("direct", "how many people were on your last team"),
    ("direct", "what made you choose rust"),
    ("direct", "have you ever led a team"),
    ("direct", "is a tuple faster than a list"),
    ("imperative", "tell me about a time you failed"),
    ("imperative", "walk me through your last project"),
    ("imperative", "explain how dns works"),
    ("indirect", "i would like to know how you handle pressure"),
    ("indirect", "i wonder whether you could tell us about your degree"),
    ("tag", "you have used python haven't you"),
    ("follow-up", "and why"),
    ("follow-up", "what about testing"),
    ("marked", "You prefer working remotely?"),
)
STATEMENTS = (
    ("relative clause", "which is why we moved to the cloud"),
    ("free relative clause", "what we did was rewrite the parser"),
    ("clause as subject", "how we got there is a long story"),
    ("adverbial clause", "when we deployed it everything broke"),
    ("embedded clause", "i know what you mean"),
    ("embedded request", "they tell me about every problem"),
    ("rhetorical", "guess what it worked"),
    ("quoted", "he asked me what is your name"),
    ("quoted", "my boss always says what would the customer want"),
    ("agreement", "neither do i"),
    ("order to the listener", "do it now"),
    ("the speaker's own wish", "let me explain how the system works"),
    ("nothing", ""),
    ("punctuation alone", "... ? !"),
    ("leading words alone", "okay great so"),
)

each_detector = pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: type(detector).__name__)


@each_detector
@pytest.mark.parametrize(("kind", "text"), QUESTIONS)
def test_a_question_of_each_kind_is_found_once_and_whole(
    detector: QuestionDetector, kind: str, text: str
) -> None:
    (question,) = detector.detect(text)
    assert question.text == text.removeprefix("and ").rstrip("?"), kind
    assert question.normalised == normalise(question.text)


@each_detector
@pytest.mark.parametrize(("why", "text"), STATEMENTS)
def test_what_only_looks_like_a_question_is_none(detector: QuestionDetector, why: str, text: str) -> None:
    assert list(detector.detect(text)) == [], why


@each_detector
def test_several_questions_in_a_turn_are_returned_in_order_and_halves_stay_together(
    detector: QuestionDetector, sentences: Callable[[str], Sequence[str]]
) -> None:
    for line in sentences("several"):
        text, *expected = (part.strip() for part in line.split("|"))
        assert [question.text for question in detector.detect(text)] == expected, text


@each_detector
@settings(deadline=None)
@given(text=st.lists(st.sampled_from(WORDS)).map(" ".join) | st.text(max_size=200))
def test_any_text_gives_the_same_ordered_pieces_of_itself_each_time(
    detector: QuestionDetector, text: str
) -> None:
    questions = detector.detect(text)
    assert detector.detect(text) == questions
    position = 0
    for question in questions:
        found = text.find(question.text, position)
        assert found >= 0
        assert question.normalised == normalise(question.text)
        position = found + len(question.text)
