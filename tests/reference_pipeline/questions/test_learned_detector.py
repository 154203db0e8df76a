"""What the learned detector adds to the rules: misheard questions, a threshold, beginnings of questions."""

import pytest
from threadpoolctl import threadpool_info  # type: ignore[import-untyped,unused-ignore]  # it ships no types

from reference_pipeline.questions.learned_detector import LearnedQuestionDetector
from reference_pipeline.questions.network import load_network

DETECTOR = LearnedQuestionDetector()


@pytest.mark.parametrize(
    "text",
    [
        "one is a memory leak and how do you find it",
        "till me about a time you had to say no",
        "how you handle a conflict in your team",
    ],
)
def test_a_question_is_found_with_its_telling_word_lost_or_misheard(text: str) -> None:
    assert DETECTOR.is_question(text)


def test_what_no_rule_saw_begins_where_the_network_says() -> None:
    (question,) = DETECTOR.detect("okay thank you till me about a time you had to say no")
    assert question.text.endswith("me about a time you had to say no")
    assert not question.text.startswith("okay")


def test_a_beginning_is_a_question_once_it_asks() -> None:
    text = "so tell me about a time when you had to say no"
    words = text.split()
    asked = [DETECTOR.is_question(" ".join(words[:end])) for end in range(1, len(words) + 1)]
    assert not asked[0]
    assert asked[-1]
    assert asked.index(True) <= 6  # "so tell me about a time when"
    assert all(asked[asked.index(True) :])


def test_a_lower_threshold_never_finds_less() -> None:
    texts = ["one is a memory leak", "you can start on monday", "what is a mutex", "which is why we left"]
    low, high = LearnedQuestionDetector(threshold=0.1), LearnedQuestionDetector(threshold=0.9)
    assert {text for text in texts if high.is_question(text)} <= {
        text for text in texts if low.is_question(text)
    }


@pytest.mark.parametrize("threshold", [0, 1, -0.5, 70])
def test_a_threshold_that_is_no_probability_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="probability above 0 and below 1"):
        LearnedQuestionDetector(threshold=threshold)


def test_judging_waits_for_no_other_thread_of_numpy() -> None:
    """With more than one, a judgement on busy cores takes as long as the slowest of them is kept waiting."""
    load_network()
    threads = [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]
    assert set(threads) <= {1}
