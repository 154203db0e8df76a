"""Telling an answer from the terms after it, however the stream is cut into pieces."""

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference_pipeline.answering.terms_tail import TermsTail

WHOLE = "A lock keeps others out.\n\nTERMS:\n- mutex: a lock of one thread.\n- deadlock: two wait.\n"


def read(*pieces: str, cut: bool = False) -> tuple[str, list[tuple[str, str]]]:
    tail = TermsTail()
    text, terms = "", []
    for piece in pieces:
        more, found = tail.take(piece)
        text, terms = text + more, [*terms, *found]
    more, found = tail.end(cut=cut)
    return text + more, [(term.term, term.explanation) for term in (*terms, *found)]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(0, len(WHOLE)), max_size=12))
def test_wherever_the_stream_is_cut_into_pieces_the_same_comes_out(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(WHOLE)]
    pieces = [WHOLE[start:end] for start, end in pairwise(edges)]
    assert read(*pieces) == (
        "A lock keeps others out.",
        [("mutex", "a lock of one thread."), ("deadlock", "two wait.")],
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(alphabet="abcTERMS: \n*-.", max_size=8), max_size=10))
def test_no_word_of_an_answer_without_a_mark_is_lost(pieces: list[str]) -> None:
    whole = "".join(pieces)
    tail = TermsTail()
    text = "".join(tail.take(piece)[0] for piece in pieces) + tail.end(cut=False)[0]
    if not tail.is_over:
        assert text.split() == whole.split()


def test_text_is_passed_on_at_once_but_for_what_may_become_the_mark() -> None:
    tail = TermsTail()
    assert tail.take("It is so.")[0] == "It is so."
    assert tail.take("\nTer")[0] == ""
    assert tail.take("rible, though.")[0] == "\nTerrible, though."
    assert not tail.is_over


@pytest.mark.parametrize("mark", ["TERMS:", "Terms:", "**Terms:**", "## TERMS:", "terms :"])
def test_models_write_the_mark_in_their_own_ways(mark: str) -> None:
    assert read(f"Yes.\n{mark}\nmutex: a lock") == ("Yes.", [("mutex", "a lock")])


@pytest.mark.parametrize(
    "line", ["- **mutex**: a lock", "1. mutex: a lock", "* `mutex`: a lock", "mutex: a lock"]
)
def test_models_write_the_lines_in_their_own_ways(line: str) -> None:
    assert read(f"Yes.\nTERMS:\n{line}\n") == ("Yes.", [("mutex", "a lock")])


def test_a_mark_before_any_answer_is_part_of_the_answer() -> None:
    assert read("\nTERMS:\n- mutex: a lock")[0].strip() == "TERMS:\n- mutex: a lock"


def test_at_most_three_terms_each_once_and_no_prose() -> None:
    lines = [
        "a: one",
        "A: again",
        "no colon here",
        f"b: {'x' * 400}",
        "none: none",
        "c: three",
        "d: four",
        "e: five",
    ]
    assert read("Yes.\nTERMS:\n" + "\n".join(lines))[1] == [("a", "one"), ("c", "three"), ("d", "four")]


def test_a_last_line_that_was_cut_is_no_term() -> None:
    assert read("Yes.\nTERMS:\na: one\nb: tw", cut=True)[1] == [("a", "one")]
    assert read("Yes.\nTERMS:\na: one\nb: two", cut=False)[1] == [("a", "one"), ("b", "two")]


def test_terms_come_as_soon_as_their_line_is_whole() -> None:
    tail = TermsTail()
    tail.take("Yes.\nTERMS:")
    assert tail.is_over
    assert tail.take("\nmutex: a")[1] == ()
    assert [term.explanation for term in tail.take(" lock\ndead")[1]] == ["a lock"]
