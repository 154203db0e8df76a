"""The index of words against comparing with each of them."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference_pipeline.answering.likeness import likeness
from reference_pipeline.answering.vocabulary import Vocabulary

WORDS = st.text(alphabet="abcdghiknorstuvwxyz", min_size=1, max_size=9)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(WORDS, max_size=30), WORDS, st.sampled_from([0.2, 0.45, 0.7]))
def test_it_finds_exactly_the_words_that_are_alike_enough(known: list[str], heard: str, least: float) -> None:
    compared = {word: likeness(heard, word) for word in known}
    expected = {word: alike for word, alike in compared.items() if alike >= least}
    assert Vocabulary(known, least=least).near(heard) == expected


def test_a_word_that_sounds_the_same_is_found_whatever_its_letters() -> None:
    assert Vocabulary(["knight", "lock"], least=0.45).near("nait") == {}
    assert Vocabulary(["phonetic"], least=0.45).near("fonetik") == {
        "phonetic": likeness("fonetik", "phonetic")
    }
