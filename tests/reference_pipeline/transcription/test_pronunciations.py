"""Pronunciations: the dictionary, then names, spelling, inflection, compounds, letter-to-sound rules."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_pipeline.transcription.letter_to_sound import DIGIT_PHONES, LETTER_PHONES, phones_of_letters
from reference_pipeline.transcription.pronunciations import MOST_VARIANTS, pronounce, pronounce_phrase

KNOWN = {
    "a": ["AH", "EY"],
    "binary": ["B AY N ER IY"],
    "cache": ["K AE SH"],
    "data": ["D EY T AH", "D AE T AH"],
    "hook": ["HH UH K"],
    "host": ["HH OW S T"],
    "parse": ["P AA R S"],
    "service": ["S ER V AH S"],
    "set": ["S EH T"],
    "shard": ["SH AA R D"],
    "web": ["W EH B"],
}
_PHONES = (
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
)
PHONES = frozenset(_PHONES.split())


def lookup(word: str) -> list[str]:
    return KNOWN.get(word, [])


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("Cache", ["K AE SH"]),
        ("data", ["D EY T AH", "D AE T AH"]),
        ("kubernetes", ["K UW B ER N EH T IY Z"]),
        ("tcp", ["T IY S IY P IY"]),
        ("SQL", ["EH S K Y UW EH L"]),
        ("s3", ["EH S TH R IY"]),
        ("sharding", ["SH AA R D IH NG"]),
        ("sharded", ["SH AA R D IH D"]),
        ("caches", ["K AE SH IH Z"]),
        ("hosts", ["HH OW S T S"]),
        ("microservice", ["M AY K R OW S ER V AH S"]),
        ("microservices", ["M AY K R OW S ER V AH S IH Z"]),
        ("webhook", ["W EH B HH UH K"]),
        ("idempotent", ["IH D EH M P AA T EH N T"]),
        ("", []),
        ("naïve", []),
    ],
)
def test_a_word_is_said_as_the_first_rule_that_knows_it_says(word: str, phones: list[str]) -> None:
    assert list(pronounce(word, lookup)) == phones


def test_an_acronym_with_vowels_may_be_spelled_or_said() -> None:
    assert list(pronounce("SAGA", lookup)) == ["EH S EY JH IY EY", "S AE G AH"]
    assert list(pronounce("saga", lookup)) == ["S AE G AH"]


def test_a_phrase_is_every_way_to_say_its_words_up_to_a_bound() -> None:
    assert list(pronounce_phrase(("data", "set"), lookup)) == ["D EY T AH S EH T", "D AE T AH S EH T"]
    assert len(pronounce_phrase(("a", "data", "a"), lookup)) == MOST_VARIANTS
    assert not pronounce_phrase(("data", "ï"), lookup)
    assert not pronounce_phrase((), lookup)


@given(st.text(alphabet=string.ascii_letters + string.digits, min_size=1, max_size=24))
def test_whatever_is_written_only_phones_that_the_acoustic_model_has_come_out(word: str) -> None:
    for phones in pronounce(word, lookup):
        assert phones
        assert set(phones.split()) <= PHONES


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("ship", "SH IH P"),
        ("phrase", "F R EY S"),
        ("station", "S T EY SH AH N"),
        ("quite", "K W AY T"),
        ("letter", "L EH T ER"),
        ("bridge", "B R IH JH"),
        ("night", "N AY T"),
    ],
)
def test_regular_spelling_gives_regular_sounds(word: str, phones: str) -> None:
    assert " ".join(phones_of_letters(word)) == phones


def test_every_letter_and_digit_has_a_name_in_phones() -> None:
    assert set(LETTER_PHONES) == set(string.ascii_lowercase)
    assert set(DIGIT_PHONES) == set(string.digits)
    assert {
        phone for name in (*LETTER_PHONES.values(), *DIGIT_PHONES.values()) for phone in name.split()
    } <= PHONES
