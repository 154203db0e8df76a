"""The bundled interview: enough of everything, and truths that can be trusted."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile

from reference_pipeline.interview import (
    ManifestError,
    SpokenUtterance,
    load_manifest,
    recording_path,
)
from reference_pipeline.interview.manifest import manifest_as_json, manifest_from_json

MANIFEST = load_manifest()
UTTERANCE = SpokenUtterance(
    text="what is a queue",
    speaker="interviewer",
    voice="rms",
    question=True,
    note="queue",
    speech_start=100,
    speech_end=200,
)


def test_it_asks_ten_questions_and_makes_eight_statements_in_two_voices_at_least() -> None:
    assert len(MANIFEST.questions) >= 10
    assert len(MANIFEST.statements) >= 8
    assert {utterance.voice for utterance in MANIFEST.utterances} == {"rms", "slt"}
    assert {utterance.speaker for utterance in MANIFEST.utterances} == {"interviewer", "candidate"}


def test_it_takes_80_to_110_seconds_and_less_than_one_and_a_half_megabytes() -> None:
    assert 80 <= MANIFEST.duration_s <= 110
    assert recording_path().stat().st_size < 1_500_000


def test_the_recording_is_what_the_manifest_says() -> None:
    info = soundfile.info(recording_path())
    assert (info.format, info.samplerate, info.channels) == ("FLAC", 16_000, 1)
    assert (MANIFEST.sample_rate, MANIFEST.samples) == (info.samplerate, info.frames)


def test_each_question_has_a_note_of_its_own() -> None:
    notes = [utterance.note for utterance in MANIFEST.questions]
    assert len(set(notes)) == len(notes)


def test_between_utterances_lies_silence_and_within_them_speech() -> None:
    samples, _ = soundfile.read(recording_path(), dtype="float64")
    previous_end = 0
    for utterance in MANIFEST.utterances:
        spoken = samples[utterance.speech_start : utterance.speech_end]
        # A pause begins 0.2 s after the end of speech: flite lets an utterance fade.
        pause = samples[max(0, previous_end + 3_200 * (previous_end > 0)) : utterance.speech_start - 4_000]
        assert np.sqrt(np.mean(spoken**2)) > 0.05
        assert np.sqrt(np.mean(pause**2)) < 0.001
        previous_end = utterance.speech_end


def test_pauses_leave_room_for_an_answer() -> None:
    for earlier, later in zip(MANIFEST.utterances, MANIFEST.utterances[1:], strict=False):
        pause_s = (later.speech_start - earlier.speech_end) / MANIFEST.sample_rate
        assert pause_s == pytest.approx(2.2 if earlier.question else 1.4)


def test_some_statements_hold_words_that_questions_begin_with() -> None:
    words = " ".join(statement.text for statement in MANIFEST.statements).split()
    assert {"what", "which", "when"} <= set(words)


def test_json_is_read_back_equal() -> None:
    assert manifest_from_json(manifest_as_json(MANIFEST)) == MANIFEST


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"speech_end": 100}, "expected 0 <= speech_start < speech_end, got 100 and 100"),
        ({"speech_start": -1}, "expected 0 <= speech_start < speech_end"),
        ({"note": ""}, "a question needs a note"),
        ({"question": False}, "a statement must have none"),
    ],
)
def test_an_utterance_that_breaks_an_invariant_is_refused(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(ManifestError, match=complaint):
        replace(UTTERANCE, **change)


def test_utterances_must_not_overlap_or_leave_the_recording() -> None:
    with pytest.raises(ManifestError, match="begins before the utterance ahead of it has ended"):
        replace(MANIFEST, utterances=(UTTERANCE, UTTERANCE))
    with pytest.raises(ManifestError, match="after the recording"):
        replace(MANIFEST, samples=150, utterances=(UTTERANCE,))


@pytest.mark.parametrize("text", ["no json", "{}", '{"utterances": [{"words": 1}]}', "[]"])
def test_a_damaged_manifest_says_how_to_make_it_again(text: str) -> None:
    with pytest.raises(ManifestError, match=r"python -m reference_pipeline\.interview\.synthesise"):
        manifest_from_json(text)
