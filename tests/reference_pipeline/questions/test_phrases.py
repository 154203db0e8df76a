"""The small language in which the rules' phrases are written, and the words they are matched with."""

import pytest

from reference_pipeline.questions.phrases import PhraseSet, word_set
from reference_pipeline.questions.words import split_sentences


@pytest.mark.parametrize(
    ("pattern", "text", "taken"),
    [
        ("tell me", "tell me more", 2),
        ("tell me", "tell us more", 0),
        ("tell me/us", "tell us more", 2),
        ("please? tell me", "please tell me", 3),
        ("please? tell me", "tell me", 2),
        ("a? b? c", "c", 1),
        ("tell *", "tell anyone", 2),
        ("tell *", "tell", 0),
        ("right $", "right", 1),
        ("right $", "right now", 0),
    ],
)
def test_a_pattern_takes_the_words_that_it_spells(pattern: str, text: str, taken: int) -> None:
    assert PhraseSet(pattern).match(text.split(), 0) == taken


def test_the_longest_phrase_wins() -> None:
    phrases = PhraseSet("thank you", "thank you very much", "thank")
    assert phrases.match(["thank", "you", "very", "much"], 0) == 4


def test_beyond_the_end_nothing_matches() -> None:
    assert PhraseSet("a").match(["a"], 1) == 0


def test_a_word_set_is_its_words() -> None:
    assert word_set("a b a") == {"a", "b"}


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("What's up", ("what", "is", "up")),
        ("the team's work", ("the", "team's", "work")),
        ("you haven't", ("you", "have", "not")),
        ("you havent", ("you", "have", "not")),
        ("I can't, you won't", ("i", "can", "not", "you", "will", "not")),
        ("i'd say we'll see", ("i", "would", "say", "we", "will", "see")),
    ],
)
def test_contractions_are_taken_apart(text: str, forms: tuple[str, ...]) -> None:
    (sentence,) = split_sentences(text)
    assert sentence.forms == forms


def test_sentences_end_at_full_stops_and_know_their_question_mark() -> None:
    first, second = split_sentences("You did. You did?!")
    assert (first.marked, second.marked) == (False, True)


def test_each_word_knows_where_it_was_written() -> None:
    text = "Well, what's that?"
    (sentence,) = split_sentences(text)
    assert [text[word.start : word.end] for word in sentence.words] == ["Well", "what's", "what's", "that"]
