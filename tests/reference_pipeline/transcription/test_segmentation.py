"""How utterances become sentences, and how sentences outlive the endpointer's cuts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_pipeline.transcription.segmentation import (
    MOST_HELD_WORDS,
    Segmenter,
    is_unfinished,
    split_sentences,
)

SECOND_NS = 1_000_000_000
SAID = (
    "so",
    "okay",
    "what",
    "is",
    "you",
    "tell",
    "me",
    "and",
    "how",
    "would",
    "the",
    "e.g.",
    "thread.",
    "why?",
    "stop!",
)


class Clock:
    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("what is a thread", ["what is a thread"]),
        ("Hello. What is a thread? Fine!", ["Hello.", "What is a thread?", "Fine!"]),
        ("Dr. Smith said 3.5 ms, e.g. here.", ["Dr. Smith said 3.5 ms, e.g. here."]),
        ('He said "why?" Then he left.', ['He said "why?"', "Then he left."]),
        (
            "we are a small team so tell me about yourself",
            ["we are a small team", "so tell me about yourself"],
        ),
        ("thank you okay so what is a mutex", ["thank you okay", "so what is a mutex"]),
        ("i see anyway can you explain recursion", ["i see", "anyway can you explain recursion"]),
        ("", []),
        ("   ", []),
    ],
)
def test_text_is_split_at_punctuation_and_before_words_that_lead_to_a_question(
    text: str, sentences: list[str]
) -> None:
    assert split_sentences(text) == sentences


@pytest.mark.parametrize(
    "text",
    [
        "what is a closure and how does it work",
        "have you used it and if so would you use it again",
        "i think so can you explain it",
        "it was raining so we stayed at home",
        "the build was slow so what we did was to cache it",
        "how well do you know python",
        "why so many threads",
    ],
)
def test_what_hangs_together_is_not_split(text: str) -> None:
    assert split_sentences(text) == [text]


@given(st.lists(st.sampled_from([*SAID, "3.5", "?", "\n", "  "])))
def test_the_sentences_together_are_the_text(pieces: list[str]) -> None:
    text = " ".join(pieces)
    assert " ".join(split_sentences(text)) == " ".join(text.split())


@pytest.mark.parametrize(
    "text",
    [
        "and how would you",
        "what is the difference between",
        "how do you test the",
        "can you explain",
        "could you please",
        "tell me about",
        "and how",
        "we used redis because",
        "what is your um",
        "And what about the...",
        "Well, when I started,",
    ],
)
def test_a_sentence_that_breaks_off_is_unfinished(text: str) -> None:
    assert is_unfinished(text)


@pytest.mark.parametrize(
    "text",
    [
        "how are you",
        "what are you looking for",
        "tell me what it is",
        "which would you choose and why",
        "what do you look for in a code review",
        "how do you do",
        "that is how we did",
        "What is the point of a?",
        "i do",
        "",
        "um",
    ],
)
def test_a_whole_sentence_is_finished(text: str) -> None:
    assert not is_unfinished(text)


def test_an_unfinished_sentence_is_put_before_the_next_utterance() -> None:
    segmenter = Segmenter(clock=Clock())
    assert segmenter.segment("thanks. and how would you") == ("thanks.",)
    assert segmenter.held == "and how would you"
    assert segmenter.segment("design a cache") == ("and how would you design a cache",)
    assert segmenter.held == ""


def test_an_unfinished_sentence_can_go_on_over_several_cuts() -> None:
    segmenter = Segmenter(clock=Clock())
    assert segmenter.segment("what is the") == ()
    assert segmenter.segment("difference between") == ()
    assert segmenter.segment("a process and a thread") == (
        "what is the difference between a process and a thread",
    )


def test_a_rest_that_comes_too_late_is_another_sentence_and_nothing_is_lost() -> None:
    clock = Clock()
    segmenter = Segmenter(join_within_ns=5 * SECOND_NS, clock=clock)
    assert segmenter.segment("and how would you") == ()
    clock.now_ns = 5 * SECOND_NS + 1
    assert segmenter.segment("we are a small team") == ("and how would you", "we are a small team")


def test_a_rest_within_the_limit_is_joined() -> None:
    clock = Clock()
    segmenter = Segmenter(join_within_ns=5 * SECOND_NS, clock=clock)
    assert segmenter.segment("and how would you") == ()
    clock.now_ns = 5 * SECOND_NS
    assert segmenter.segment("do that") == ("and how would you do that",)


def test_flush_lets_go_of_what_is_held_once() -> None:
    segmenter = Segmenter(clock=Clock())
    segmenter.segment("tell me about")
    assert segmenter.flush() == ("tell me about",)
    assert segmenter.flush() == ()


def test_an_utterance_without_words_changes_nothing() -> None:
    segmenter = Segmenter(clock=Clock())
    segmenter.segment("tell me about")
    assert segmenter.segment("  ") == ()
    assert segmenter.held == "tell me about"


def test_a_long_tale_is_not_held() -> None:
    tale = " ".join(["word"] * MOST_HELD_WORDS + ["and"])
    segmenter = Segmenter(clock=Clock())
    assert segmenter.segment(tale) == (tale,)
    assert segmenter.held == ""


@given(st.lists(st.lists(st.sampled_from(SAID))))
def test_over_all_cuts_every_word_comes_out_once_and_in_order(utterances: list[list[str]]) -> None:
    segmenter = Segmenter(clock=Clock())
    out = [sentence for said in utterances for sentence in segmenter.segment(" ".join(said))]
    out.extend(segmenter.flush())
    assert " ".join(out).split() == [word for said in utterances for word in said]


def test_what_was_flushed_and_left_is_joined_with_a_late_rest_and_never_flushed_again() -> None:
    clock = Clock()
    segmenter = Segmenter(join_within_ns=5 * SECOND_NS, clock=clock)
    segmenter.segment("how do you")
    assert segmenter.flush(leave=True) == ("how do you",)
    assert segmenter.flush(leave=True) == ()
    assert segmenter.segment("test a cache") == ("how do you test a cache",)
    segmenter.segment("how do you")
    assert segmenter.flush(leave=True) == ("how do you",)
    clock.now_ns = 5 * SECOND_NS + 1
    assert segmenter.segment("we are a small team") == ("we are a small team",)
    assert segmenter.held == ""
