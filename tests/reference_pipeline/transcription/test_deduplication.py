"""What counts as asked before, and for how long."""

import pytest

from reference_pipeline.ports import PipelineError
from reference_pipeline.transcription.deduplication import Deduplicator, are_same_question

SECOND_NS = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("what is a memory leak", "what is a memory leak"),
        ("what is a memory leak", "What's a memory leak?"),
        (
            "what is the difference between a process and a thread",
            "the difference between process and threads what is",
        ),
        ("could you tell me about yourself", "tell me about yourself please"),
        ("how do processes share memory", "how does a process share memory"),
        (
            "how would you design a cache for a busy web service in java",
            "how would you design a cash for a busy web service in java",
        ),
        (
            "what happens when you type an address into a browser",
            "so what happens when you type an address into the web browser",
        ),
    ],
)
def test_a_question_in_words_that_a_speaker_or_recogniser_varies_is_the_same(one: str, other: str) -> None:
    assert are_same_question(one, other)
    assert are_same_question(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("what is a binary search", "what is a binary tree"),
        ("what is garbage collection", "what is a memory leak"),
        ("why would you use an index in a database", "when would you use an index in a database"),
        (
            "when should you use a lock in python code today",
            "when should you not use a lock in python code today",
        ),
        ("what is http", "what is https"),
        ("what is c", "what is c++"),
        (
            "what is a mutable default argument in python functions",
            "what is an immutable default argument in python functions",
        ),
        ("tell me about a conflict with another engineer", "tell me about a conflict with another manager"),
        ("what is a thread", "how are you"),
        ("is it", "was he"),
    ],
)
def test_in_doubt_two_questions_differ(one: str, other: str) -> None:
    assert not are_same_question(one, other)
    assert not are_same_question(other, one)


def test_a_question_is_new_once() -> None:
    deduplicator = Deduplicator(clock=Clock())
    assert deduplicator.is_new("what is a memory leak")
    assert not deduplicator.is_new("what is a memory leak")
    assert not deduplicator.is_new("so what is the memory leak")
    assert deduplicator.is_new("what is a race condition")


def test_a_question_that_is_repeated_after_the_window_is_new_again() -> None:
    clock = Clock()
    deduplicator = Deduplicator(window_ns=60 * SECOND_NS, clock=clock)
    assert deduplicator.is_new("what is a memory leak")
    clock.now_ns = 60 * SECOND_NS - 1
    assert not deduplicator.is_new("what is a memory leak")
    clock.now_ns = 60 * SECOND_NS
    assert deduplicator.is_new("what is a memory leak")


def test_a_repetition_does_not_prolong_the_window() -> None:
    clock = Clock()
    deduplicator = Deduplicator(window_ns=60 * SECOND_NS, clock=clock)
    deduplicator.is_new("what is a memory leak")
    clock.now_ns = 59 * SECOND_NS
    deduplicator.is_new("what is a memory leak")
    clock.now_ns = 60 * SECOND_NS
    assert deduplicator.is_new("what is a memory leak")


def test_the_oldest_is_forgotten_when_the_memory_is_full() -> None:
    deduplicator = Deduplicator(most_entries=2, clock=Clock())
    for text in ("what is a stack", "what is a queue", "what is a heap"):
        assert deduplicator.is_new(text)
    assert len(deduplicator) == 2
    assert not deduplicator.is_new("what is a queue")
    assert deduplicator.is_new("what is a stack")


def test_what_has_expired_takes_no_room() -> None:
    clock = Clock()
    deduplicator = Deduplicator(window_ns=SECOND_NS, clock=clock)
    deduplicator.is_new("what is a stack")
    clock.now_ns = SECOND_NS
    deduplicator.is_new("what is a queue")
    assert len(deduplicator) == 1


@pytest.mark.parametrize("text", ["", "  ", "?!"])
def test_text_without_a_word_is_never_new(text: str) -> None:
    assert not Deduplicator(clock=Clock()).is_new(text)


def test_questions_of_fillers_alone_are_compared_word_by_word() -> None:
    deduplicator = Deduplicator(clock=Clock())
    assert deduplicator.is_new("can you")
    assert deduplicator.is_new("would you")
    assert not deduplicator.is_new("Can you?")


@pytest.mark.parametrize(("window_ns", "most_entries"), [(0, 1), (1, 0), (-1, 1)])
def test_a_memory_without_room_is_refused(window_ns: int, most_entries: int) -> None:
    with pytest.raises(PipelineError, match="above zero"):
        Deduplicator(window_ns=window_ns, most_entries=most_entries)


def test_what_was_forgotten_is_new_again_and_nothing_else_is() -> None:
    deduplicator = Deduplicator(clock=Clock())
    deduplicator.is_new("what is a memory leak")
    deduplicator.is_new("what is a race condition")
    deduplicator.forget("What is a memory leak?")
    deduplicator.forget("never asked")
    assert deduplicator.is_new("what is a memory leak")
    assert not deduplicator.is_new("what is a race condition")
