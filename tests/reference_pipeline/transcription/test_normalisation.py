"""The form in which text is compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_pipeline.transcription.normalisation import normalise, words


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("What's  the END-to-end latency,\n p95?", "what's the end to end latency p95"),
        ("what\u2019s a \u2018mutex\u2019", "what's a mutex"),
        ("rock 'n' roll", "rock n roll"),
        ("C++ vs. C# and C", "c++ vs c# and c"),
        ("Python 3.11 took 10,000 ms.", "python 3.11 took 10000 ms"),
        ("1, 2,3", "1 2 3"),
        ("snake_case, node.js", "snake case node js"),
        ("na\u00efve stra\u00dfe \ufb01le", "na\u00efve strasse file"),
        ("?!", ""),
        ("", ""),
    ],
)
def test_normalised_text_is_lower_case_words_with_single_spaces(text: str, normalised: str) -> None:
    assert normalise(text) == normalised
    assert words(text) == normalised.split()


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@given(st.text(alphabet="abc xyz'"))
def test_what_a_recogniser_prints_keeps_its_letters(text: str) -> None:
    assert normalise(text).replace("'", "").replace(" ", "") == text.replace("'", "").replace(" ", "")
