"""How long an endpoint waits: by what was said, and by what was learned of the speaker."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_pipeline.capture.endpointing_settings import EndpointingSettings
from reference_pipeline.capture.patience import Patience
from reference_pipeline.capture.speaking_rhythm import MEMORY, PRIOR_WEIGHT, SpeakingRhythm
from reference_pipeline.events import Completeness, Understanding

MS = 16
"""Samples in a millisecond."""


def speak(patience: Patience, *, at: int, pauses_ms: tuple[int, ...] = ()) -> int:
    """Say an utterance of a second and its pauses from sample `at` on; return where it ends."""
    patience.began(at)
    now = at + 1_000 * MS
    for pause_ms in pauses_ms:
        patience.went_on(now, now + pause_ms * MS)
        now += pause_ms * MS
    patience.ended(now, forced=False)
    return now


@pytest.mark.parametrize(
    ("completeness", "limit_ms"),
    [(Completeness.COMPLETE, 190), (Completeness.UNKNOWN, 300), (Completeness.UNFINISHED, 800)],
)
def test_the_limit_follows_what_was_said(completeness: Completeness, limit_ms: int) -> None:
    understood = Understanding(completeness=completeness, heard_to_sample=5_000)
    assert Patience(EndpointingSettings()).limit(understood, last_sample=5_000) == limit_ms * MS


@pytest.mark.parametrize("completeness", [Completeness.COMPLETE, Completeness.UNFINISHED])
def test_a_judgement_of_half_of_what_was_voiced_is_stale(completeness: Completeness) -> None:
    understood = Understanding(completeness=completeness, heard_to_sample=4_999)
    assert Patience(EndpointingSettings()).limit(understood, last_sample=5_000) == 300 * MS


def test_a_fluent_speaker_comes_to_be_waited_for_as_short_as_for_a_complete_question() -> None:
    patience = Patience(EndpointingSettings())
    end = 0
    for _ in range(MEMORY):
        end = speak(patience, at=end + 2_000 * MS)
    assert patience.unknown_limit_ms == 190


def test_a_speaker_who_pauses_comes_to_be_waited_for_a_little_longer_than_the_pauses() -> None:
    patience = Patience(EndpointingSettings())
    end = 0
    for _ in range(PRIOR_WEIGHT):
        end = speak(patience, at=end + 2_000 * MS, pauses_ms=(150, 280, 90))
    assert patience.unknown_limit_ms == 280 + 64


def test_who_is_cut_and_goes_on_is_waited_for_longer_next_time() -> None:
    patience = Patience(EndpointingSettings())
    end = 0
    for _ in range(3):
        end = speak(patience, at=end + 380 * MS)
        end = speak(patience, at=end + 2_000 * MS)
    assert patience.unknown_limit_ms == 380 + 64


def test_who_speaks_again_after_a_second_was_not_cut() -> None:
    patience = Patience(EndpointingSettings())
    end = 0
    for _ in range(MEMORY):
        end = speak(patience, at=end + 1_000 * MS)
    assert patience.unknown_limit_ms == 190


def test_an_utterance_cut_at_its_maximum_length_teaches_nothing() -> None:
    patience = Patience(EndpointingSettings())
    for index in range(MEMORY):
        patience.began(index * 20_000 * MS)
        patience.ended((index + 1) * 20_000 * MS, forced=True)
    assert patience.unknown_limit_ms == 300


@settings(deadline=None)
@given(st.lists(st.integers(0, 20_000), max_size=60))
def test_however_somebody_speaks_the_wait_stays_within_its_bounds(pauses_ms: list[int]) -> None:
    patience = Patience(EndpointingSettings())
    end = 0
    for pause_ms in pauses_ms:
        end = speak(patience, at=end + pause_ms * MS, pauses_ms=(pause_ms,))
        assert 190 <= patience.unknown_limit_ms <= 450


@settings(deadline=None)
@given(st.lists(st.integers(0, 700), max_size=60))
def test_the_rhythm_stays_within_the_prior_and_what_was_heard(pauses_ms: list[int]) -> None:
    rhythm = SpeakingRhythm(prior_ms=236)
    for pause_ms in pauses_ms:
        rhythm.spoke(pause_ms)
    heard = pauses_ms[-MEMORY:]
    known = [*heard, 236] if len(heard) < PRIOR_WEIGHT else heard
    assert min(known) <= rhythm.usual_longest_pause_ms <= max(known)


def test_one_long_pause_of_thinking_changes_nothing_among_many_utterances() -> None:
    rhythm = SpeakingRhythm(prior_ms=236)
    for _ in range(MEMORY):
        rhythm.spoke(100)
    rhythm.spoke(5_000)
    assert rhythm.usual_longest_pause_ms == 100


def test_an_old_habit_is_forgotten_within_the_memory() -> None:
    rhythm = SpeakingRhythm(prior_ms=236)
    for _ in range(100):
        rhythm.spoke(400)
    for _ in range(MEMORY):
        rhythm.spoke(50)
    assert rhythm.usual_longest_pause_ms == 50


def test_going_on_after_a_cut_corrects_the_utterance_that_was_cut() -> None:
    rhythm = SpeakingRhythm(prior_ms=236)
    rhythm.went_on_after(300)
    for _ in range(PRIOR_WEIGHT):
        rhythm.spoke(0)
        rhythm.went_on_after(300)
    assert rhythm.usual_longest_pause_ms == 300
