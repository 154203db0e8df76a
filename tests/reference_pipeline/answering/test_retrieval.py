"""Finding the right note for what was heard, and nothing for what the notes do not hold."""

import asyncio
import importlib.util
import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from reference_pipeline.answering.likeness import likeness, sound_key, stem, trigram_likeness
from reference_pipeline.answering.notes import Note, bundled_notes, load_notes
from reference_pipeline.answering.notes_answerer import MIN_CONFIDENCE, NOTHING_FOUND, NotesAnswerer
from reference_pipeline.answering.retrieval import NoteIndex
from reference_pipeline.events import AnswerChunk, Question

MANIFEST = bundled_notes().parent / "manifest.json"
UTTERANCES = json.loads(MANIFEST.read_text(encoding="utf-8"))["utterances"]
ASKED = [(spoken["text"], spoken["note"]) for spoken in UTTERANCES if spoken["question"]]

HEARD = [
    ("when did you have the conflict with another engineer", "conflict"),
    ("hell do you deal with a tight deadline", "tight-deadline"),
    ("what is a memory league", "memory-leak"),
    ("what is garbage correction", "garbage-collection"),
    ("what is a raise condition", "race-condition"),
    ("what is a buy mary search", "binary-search"),
    ("can you explain public keen corruption", "public-key-encryption"),
    ("when would you use a relation a database", "relational-database"),
    ("tell me about a mist ache that you made", "mistake"),
    ("where do you see your self in five ears", "five-year-plan"),
    ("what do you look for in a coat review", "code-review"),
]
"""Questions as a recogniser mishears them."""

NOT_IN_THE_NOTES = [
    "what is your favourite colour",
    "do you have a driving licence",
    "how does photosynthesis work",
    "what is a linked list",
    "what is your salary expectation",
    "why is that",
    "what about you",
    "",
]


@pytest.fixture(scope="module")
def errors() -> ModuleType:
    """The module `recognition_errors.py` of the detector's tests."""
    path = Path(__file__).parents[1] / "questions" / "recognition_errors.py"
    spec = importlib.util.spec_from_file_location("recognition_errors_for_answering", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("text", "name"), ASKED)
def test_each_question_of_the_interview_finds_its_note(
    text: str, name: str, bundled_index: NoteIndex
) -> None:
    best, *others = bundled_index.search(text)
    assert best.note.name == name
    assert best.confidence > 0.9
    assert all(other.confidence < best.confidence / 2 for other in others)


@pytest.mark.parametrize(("text", "name"), HEARD)
def test_a_misheard_question_finds_its_note(text: str, name: str, bundled_index: NoteIndex) -> None:
    best = bundled_index.search(text)[0]
    assert best.note.name == name
    assert best.confidence >= MIN_CONFIDENCE


def test_at_30_percent_word_errors_nine_of_ten_questions_still_find_their_note(
    bundled_index: NoteIndex, errors: ModuleType
) -> None:
    chance = random.Random(20)  # noqa: S311  # repeatable, not secret
    vocabulary = sorted({word for text, _ in ASKED for word in text.split()})
    tries = [
        (errors.with_errors(text, rate=0.3, vocabulary=vocabulary, chance=chance), name)
        for text, name in ASKED * 25
    ]
    right = [
        found
        for heard, name in tries
        for found in bundled_index.search(heard, limit=1)
        if found.note.name == name and found.confidence >= MIN_CONFIDENCE
    ]
    assert len(right) / len(tries) >= 0.88


@pytest.mark.parametrize("text", NOT_IN_THE_NOTES)
def test_what_the_notes_do_not_hold_is_said_honestly(
    text: str, bundled_index: NoteIndex, ask: Callable[[str], Question]
) -> None:
    async def go() -> list[AnswerChunk]:
        return [chunk async for chunk in NotesAnswerer(bundled_index).answer(ask(text))]

    (chunk,) = asyncio.run(go())
    assert (chunk.text, chunk.source, chunk.last) == (NOTHING_FOUND, "", True)


def test_the_note_is_shown_as_it_was_written_with_its_name_as_source(ask: Callable[[str], Question]) -> None:
    note = Note(name="gc", title="Garbage", asked_as=("what is garbage",), body="<b>Free</b>\n\nit.")

    async def go() -> list[AnswerChunk]:
        return [chunk async for chunk in NotesAnswerer(NoteIndex([note])).answer(ask("what is garbage"))]

    (chunk,) = asyncio.run(go())
    assert (chunk.text, chunk.source) == (note.body, "gc")


def test_the_same_question_finds_the_same_notes_in_the_same_order() -> None:
    notes = load_notes(bundled_notes())
    text = "how do you find an error in a large system"
    first = NoteIndex(notes).search(text, limit=10)
    assert NoteIndex(list(reversed(notes))).search(text, limit=10) == first


def test_ties_are_broken_by_name() -> None:
    twins = [Note(name=name, title="Cache", asked_as=(), body="Fast.") for name in ("b", "a")]
    assert [found.note.name for found in NoteIndex(twins).search("what is a cache")] == ["a", "b"]


def test_an_index_without_notes_finds_nothing() -> None:
    assert NoteIndex([]).search("what is a cache") == []


def test_confidence_lies_between_zero_and_one(bundled_index: NoteIndex) -> None:
    texts = [text for text, _ in ASKED] + [text for text, _ in HEARD] + NOT_IN_THE_NOTES
    assert all(0 < found.confidence <= 1 for text in texts for found in bundled_index.search(text, limit=99))


def test_words_that_sound_alike_share_a_key() -> None:
    for one, other in [("right", "write"), ("knight", "night"), ("cache", "cash"), ("byte", "bite")]:
        assert sound_key(one) == sound_key(other)
    assert sound_key("binary") != sound_key("garbage")


def test_likeness_is_one_for_the_same_word_and_zero_for_strangers() -> None:
    assert likeness("cache", "cache") == 1
    assert likeness("cache", "thread") < 0.2
    assert likeness("encryption", "encrypting") > 0.6


def test_trigram_likeness_is_the_dice_coefficient() -> None:
    # "ab" has the trigrams "  a", " ab", "ab "; "ac" has "  a", " ac", "ac "; one of three is shared.
    assert trigram_likeness("ab", "ac") == pytest.approx(2 * 1 / 6)
    assert trigram_likeness("", "") == 0


@pytest.mark.parametrize(
    ("forms", "expected"),
    [
        (("condition", "conditions"), 1),
        (("plan", "plans", "planned", "planning"), 1),
        (("query", "queries"), 1),
        (("use", "uses"), 1),
        (("process", "processes"), 1),
        (("thread", "string"), 2),
    ],
)
def test_stems_bring_the_forms_of_a_word_together(forms: Sequence[str], expected: int) -> None:
    assert len({stem(form) for form in forms}) == expected


def test_finding_a_note_takes_a_small_part_of_the_question_budget(bundled_index: NoteIndex) -> None:
    texts = [text for text, _ in HEARD] * 5
    took = []
    for text in texts:
        start = time.perf_counter_ns()
        bundled_index.search(text)
        took.append(time.perf_counter_ns() - start)
    assert sorted(took)[len(took) // 2] < 20_000_000
