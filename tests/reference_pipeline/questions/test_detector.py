"""What the detector takes for a question, kind by kind, and what it does not."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_pipeline.questions.detector import RuleQuestionDetector
from reference_pipeline.questions.phrases import word_set
from reference_pipeline.transcription.normalisation import normalise

DETECTOR = RuleQuestionDetector()

WORDS = sorted(word_set("what how is do you your the i we which tell me about if and so ? . not"))

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


def test_several_questions_in_a_turn_are_returned_in_order_and_halves_stay_together(
    detector: RuleQuestionDetector, sentences: Callable[[str], Sequence[str]]
) -> None:
    for line in sentences("several"):
        text, *expected = (part.strip() for part in line.split("|"))
        assert [question.text for question in detector.detect(text)] == expected, text


def test_contractions_are_understood_with_and_without_apostrophe(detector: RuleQuestionDetector) -> None:
    for text in ("what's a closure", "what\N{RIGHT SINGLE QUOTATION MARK}s a closure", "whats a closure"):
        assert [question.text for question in detector.detect(text)] == [text]


@given(st.lists(st.sampled_from(WORDS)))
def test_any_words_give_the_same_ordered_pieces_of_the_text_each_time(words: list[str]) -> None:
    text = " ".join(words)
    questions = DETECTOR.detect(text)
    assert DETECTOR.detect(text) == questions
    position = 0
    for question in questions:
        found = text.find(question.text, position)
        assert found >= 0
        assert question.normalised == normalise(question.text) != ""
        position = found + len(question.text)


@given(st.text(max_size=200))
def test_no_text_is_too_strange(text: str) -> None:
    for question in DETECTOR.detect(text):
        assert question.text in text
