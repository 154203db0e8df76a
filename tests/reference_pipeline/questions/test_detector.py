"""What the rules take for a question, kind by kind, and what they do not."""

import pytest

from reference_pipeline.questions.detector import RuleQuestionDetector
from reference_pipeline.transcription.normalisation import normalise

QUESTIONS = [
    ("what is a memory leak", "direct"),
    ("how many people were on your last team", "direct"),
    ("in which situations would you denormalise a schema", "direct"),
    ("what made you choose rust", "direct"),
    ("have you ever led a team", "direct"),
    ("is a tuple faster than a list", "direct"),
    ("what about testing", "direct"),
    ("tell me about a time you failed", "imperative"),
    ("describe your ideal working day", "imperative"),
    ("explain how dns works", "imperative"),
    ("walk me through your last project", "imperative"),
    ("i would like to know how you handle pressure", "indirect"),
    ("i wonder whether you could tell us about your degree", "indirect"),
    ("you have used python haven't you", "tag"),
    ("you know how to write sql right", "tag"),
    ("You prefer working remotely?", "marked"),
    ("what your greatest weakness", "misheard"),
    ("me about a time you failed", "misheard"),
]

STATEMENTS = [
    ("relative clause", "which is why we moved to the cloud"),
    ("free relative clause", "what we did was rewrite the parser"),
    ("clause as subject", "how we got there is a long story"),
    ("adverbial clause", "when we deployed it everything broke"),
    ("embedded clause", "i know what you mean"),
    ("embedded request", "they tell me about every problem"),
    ("rhetorical", "you know what i think that is enough"),
    ("rhetorical", "guess what it worked"),
    ("quoted", "he asked me what is your name"),
    ("quoted", "my boss always says what would the customer want"),
    ("quoted with more after it", "she asked me how are you and what do you do"),
    ("agreement", "neither do i"),
    ("order to the listener", "do it now"),
    ("condition", "should you need anything just call me"),
    ("subject not heard", "was a great experience overall"),
    ("marked but rhetorical", "You know what? I liked it."),
    ("nothing", ""),
    ("punctuation alone", "... ? !"),
    ("leading words alone", "okay great so"),
]


@pytest.mark.parametrize(("text", "kind"), QUESTIONS)
def test_a_question_of_each_kind_is_found_whole(text: str, kind: str, detector: RuleQuestionDetector) -> None:
    (question,) = detector.detect(text)
    assert question.text == text.rstrip("?")
    assert question.kind == kind
    assert question.normalised == normalise(text)


@pytest.mark.parametrize(("why", "text"), STATEMENTS)
def test_what_only_looks_like_a_question_is_none(why: str, text: str, detector: RuleQuestionDetector) -> None:
    assert detector.detect(text) == [], why


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("okay so what is a closure", "what is a closure"),
        ("great and how did you solve it", "how did you solve it"),
        ("thank you for that how did the team react", "how did the team react"),
        ("let me ask you this what is your biggest fear", "what is your biggest fear"),
        ("we use python here have you worked with it", "have you worked with it"),
        ("Well, I see. Why did you leave?", "Why did you leave"),
    ],
)
def test_what_is_said_before_a_question_is_left_out(
    text: str, asked: str, detector: RuleQuestionDetector
) -> None:
    assert [question.text for question in detector.detect(text)] == [asked]


def test_a_condition_in_front_belongs_to_the_question(detector: RuleQuestionDetector) -> None:
    text = "if you could change one thing about your last job what would it be"
    assert [question.text for question in detector.detect(text)] == [text]


def test_contractions_are_understood_with_and_without_apostrophe(detector: RuleQuestionDetector) -> None:
    for text in ("what's a closure", "what\N{RIGHT SINGLE QUOTATION MARK}s a closure", "whats a closure"):
        assert [question.text for question in detector.detect(text)] == [text]
