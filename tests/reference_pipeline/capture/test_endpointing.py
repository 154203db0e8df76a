"""Endpointing on made-up probabilities, with the exact samples and times that must come out."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from reference_pipeline.capture.endpointing import Endpointer
from reference_pipeline.capture.endpointing_events import (
    EndpointEvent,
    SpeechContinued,
    SpeechDiscarded,
    SpeechEnded,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
)
from reference_pipeline.capture.endpointing_settings import EndpointingSettings
from reference_pipeline.events import AudioBlock, Completeness, Understanding

BLOCK = 512
BLOCK_NS = 32_000_000
ORIGIN_NS = 7_000_000_000
NOISE = 1e-8
SPEECH = np.full(BLOCK, 0.1, dtype=np.float32)
SILENCE = np.zeros(BLOCK, dtype=np.float32)


ALL_COMPLETE = Understanding(completeness=Completeness.COMPLETE, heard_to_sample=1_000_000)


def blocks_for(probabilities: Sequence[float], *, loud_from: float = 0.5) -> list[AudioBlock]:
    """Blocks that are loud where the probability says speech."""
    return [
        AudioBlock(
            samples=SPEECH if probability >= loud_from else SILENCE,
            first_sample=index * BLOCK,
            start_ns=ORIGIN_NS + index * BLOCK_NS,
        )
        for index, probability in enumerate(probabilities)
    ]


def run(
    probabilities: Sequence[float],
    settings: EndpointingSettings | None = None,
    *,
    loud_from: float = 0.5,
    finish: bool = False,
    judged: Completeness | None = Completeness.COMPLETE,
    heard_blocks: int = 1_000_000,
) -> list[tuple[int, EndpointEvent]]:
    """Feed blocks; return each event with the index of the block at which it came.

    What was said is judged as complete unless told otherwise; the judgement rests on `heard_blocks` blocks.
    """
    understood = judged and Understanding(completeness=judged, heard_to_sample=heard_blocks * BLOCK)
    endpointer = Endpointer(settings, block_samples=BLOCK)
    events: list[tuple[int, EndpointEvent]] = []
    for index, block in enumerate(blocks_for(probabilities, loud_from=loud_from)):
        told = endpointer.feed(block, probabilities[index], noise_power=NOISE, understood=understood)
        events += [(index, event) for event in told]
    if finish:
        events += [(len(probabilities), event) for event in endpointer.finish()]
    return events


def ends(events: list[tuple[int, EndpointEvent]]) -> list[tuple[int, SpeechEnded]]:
    return [(index, event) for index, event in events if isinstance(event, SpeechEnded)]


def test_a_complete_utterance_ends_190_ms_after_its_last_voiced_sample_at_the_next_block() -> None:
    events = run([0.0] * 20 + [0.9] * 10 + [0.0] * 20)
    ((index, ended),) = ends(events)
    assert (ended.first_sample, ended.last_sample) == (20 * BLOCK, 30 * BLOCK)
    assert ended.start_ns == ORIGIN_NS + 20 * BLOCK_NS
    assert ended.end_ns == ORIGIN_NS + 30 * BLOCK_NS
    assert index == 35  # the sixth silent block: 192 ms
    assert ended.heard_ns == ended.end_ns + 6 * BLOCK_NS
    assert not ended.forced


def test_it_begins_with_the_second_voiced_block_and_gives_the_pre_roll() -> None:
    index, started = run([0.0] * 20 + [0.9] * 2)[0]
    assert isinstance(started, SpeechStarted)
    assert index == 21
    assert [block.first_sample // BLOCK for block in started.blocks] == list(range(10, 22))
    assert started.first_sample == 20 * BLOCK
    assert started.start_ns == ORIGIN_NS + 20 * BLOCK_NS


def test_a_single_voiced_block_begins_nothing() -> None:
    assert run([0.0, 0.9, 0.0] * 10) == []


def test_speech_at_the_very_first_sample_has_no_pre_roll() -> None:
    _, started = run([0.9, 0.9])[0]
    assert isinstance(started, SpeechStarted)
    assert started.first_sample == 0
    assert len(started.blocks) == 2


def test_a_pause_shorter_than_the_limit_does_not_cut() -> None:
    events = run([0.9] * 10 + [0.0] * 5 + [0.9] * 10 + [0.0] * 10)
    ((_, ended),) = ends(events)
    assert (ended.first_sample, ended.last_sample) == (0, 25 * BLOCK)


def test_a_pause_as_long_as_the_limit_cuts() -> None:
    events = run([0.9] * 10 + [0.0] * 8 + [0.9] * 10 + [0.0] * 10)
    assert [(end.first_sample // BLOCK, end.last_sample // BLOCK) for _, end in ends(events)] == [
        (0, 10),
        (18, 28),
    ]


@pytest.mark.parametrize("judged", [None, Completeness.UNKNOWN])
def test_where_the_words_do_not_tell_it_ends_300_ms_after_its_last_voiced_sample(
    judged: Completeness | None,
) -> None:
    ((decided, ended),) = ends(run([0.9] * 10 + [0.0] * 20, judged=judged))
    assert (decided, ended.last_sample) == (19, 10 * BLOCK)  # the tenth silent block: 320 ms


def test_who_breaks_off_is_waited_for_up_to_800_ms() -> None:
    probabilities = [0.9] * 10 + [0.0] * 40
    (decided, ended) = ends(run(probabilities, judged=Completeness.UNFINISHED))[0]
    # The last voiced sample ends block 9; 800 ms later is within block 34.
    assert (decided, ended.last_sample) == (34, 10 * BLOCK)


def test_who_goes_on_after_breaking_off_is_not_cut() -> None:
    probabilities = [0.9] * 10 + [0.0] * 20 + [0.9] * 10
    events = run(probabilities, judged=Completeness.UNFINISHED, finish=True)
    assert len(ends(events)) == 1


def test_a_judgement_that_rests_on_less_than_was_voiced_is_not_heeded() -> None:
    ((decided, _),) = ends(run([0.9] * 10 + [0.0] * 40, judged=Completeness.UNFINISHED, heard_blocks=9))
    assert decided == 19  # as where the words do not tell


def test_a_pause_is_told_once_after_96_ms_and_its_end_before_the_voice() -> None:
    events = run([0.9] * 10 + [0.0] * 4 + [0.9] * 10 + [0.0] * 10)
    told = [(index, type(event)) for index, event in events if not isinstance(event, SpeechContinued)]
    assert told == [
        (1, SpeechStarted),
        (12, SpeechPaused),
        (14, SpeechResumed),
        (26, SpeechPaused),
        (29, SpeechEnded),
    ]
    assert [event.last_sample // BLOCK for _, event in events if isinstance(event, SpeechPaused)] == [10, 24]
    at_14 = [type(event) for index, event in events if index == 14]
    assert at_14 == [SpeechResumed, SpeechContinued]


def test_a_loud_block_in_doubt_ends_a_pause_too() -> None:
    events = run([0.9] * 10 + [0.0] * 3 + [0.3] + [0.0] * 10, loud_from=0.2)
    kinds = [type(event) for _, event in events if not isinstance(event, SpeechContinued)]
    assert kinds == [SpeechStarted, SpeechPaused, SpeechResumed, SpeechPaused, SpeechEnded]


def test_a_click_is_discarded_with_the_reason() -> None:
    events = run([0.0] * 5 + [0.9] * 4 + [0.0] * 10)
    assert isinstance(events[0][1], SpeechStarted)
    assert events[-1][1] == SpeechDiscarded(reason="only 128 ms voiced, 160 ms are needed")
    assert not ends(events)


def test_endless_speech_is_cut_at_the_maximum_and_goes_on_in_a_new_utterance() -> None:
    settings = EndpointingSettings(max_utterance_ms=1_600)
    cuts = ends(run([0.9] * 120, settings))
    assert [(end.first_sample // BLOCK, end.last_sample // BLOCK) for _, end in cuts] == [(0, 50), (50, 100)]
    assert all(end.forced for _, end in cuts)


def test_a_loud_block_in_doubt_counts_as_voiced_and_a_quiet_one_does_not() -> None:
    wavering = [0.9] * 10 + [0.3] * 12 + [0.0] * 10
    ((_, loud),) = ends(run(wavering, loud_from=0.2))
    ((_, quiet),) = ends(run(wavering, loud_from=0.5))
    assert loud.last_sample == 22 * BLOCK
    assert quiet.last_sample == 10 * BLOCK


def test_voice_more_than_30_db_below_the_loudest_is_somebody_else_s() -> None:
    endpointer = Endpointer(block_samples=BLOCK)
    told: list[EndpointEvent] = []
    for index in range(40):
        share = 1.0 if index < 10 else 10 ** (-29 / 20) if index < 12 else 10 ** (-31 / 20)
        block = AudioBlock(
            samples=SPEECH * np.float32(share), first_sample=index * BLOCK, start_ns=index * BLOCK_NS
        )
        told += endpointer.feed(block, 0.9, noise_power=NOISE)
    ended = next(event for event in told if isinstance(event, SpeechEnded))
    assert ended.last_sample == 12 * BLOCK


def test_a_loud_block_that_is_surely_no_speech_is_silence() -> None:
    ((_, ended),) = ends(run([0.9] * 10 + [0.1] * 10, loud_from=0.05))
    assert ended.last_sample == 10 * BLOCK


def test_the_last_voiced_sample_is_found_inside_the_block() -> None:
    endpointer = Endpointer(block_samples=BLOCK)
    half = SPEECH.copy()
    half[256:] = 0.0
    told: list[EndpointEvent] = []
    for index in range(20):
        samples = SPEECH if index < 9 else half if index == 9 else SILENCE
        block = AudioBlock(samples=samples, first_sample=index * BLOCK, start_ns=index * BLOCK_NS)
        # The detector lags: it calls two blocks after the end voiced.
        told += endpointer.feed(block, 0.9 if index < 12 else 0.0, noise_power=NOISE, understood=ALL_COMPLETE)
    (ended,) = [event for event in told if isinstance(event, SpeechEnded)]
    assert ended.last_sample == 9 * BLOCK + 256
    assert ended.end_ns == ended.last_sample * 62_500
    assert ended.heard_ns - ended.end_ns == 208_000_000


def test_an_open_utterance_is_ended_when_the_source_ends() -> None:
    index, ended = run([0.9] * 10, finish=True)[-1]
    assert index == 10
    assert isinstance(ended, SpeechEnded)
    assert ended.last_sample == 10 * BLOCK


def test_nothing_ends_when_nothing_was_open() -> None:
    assert run([0.0] * 10, finish=True) == []
    assert not Endpointer(block_samples=BLOCK).speaking


@hypothesis_settings(deadline=None)
@given(
    probabilities=st.lists(st.sampled_from([0.0, 0.15, 0.3, 0.6, 0.95]), max_size=200),
    loud_from=st.sampled_from([0.1, 0.25, 0.5]),
    judged=st.sampled_from([None, *Completeness]),
    heard_blocks=st.integers(0, 200),
)
def test_utterances_are_whole_and_disjoint_whatever_the_detector_says(
    probabilities: list[float], loud_from: float, judged: Completeness | None, heard_blocks: int
) -> None:
    settings = EndpointingSettings(max_utterance_ms=960, patient_limit_ms=300, hold_limit_ms=400)
    events = run(
        probabilities, settings, loud_from=loud_from, finish=True, judged=judged, heard_blocks=heard_blocks
    )
    open_blocks: list[AudioBlock] | None = None
    paused_at: int | None = None
    free_from = 0
    for _, event in events:
        match event:
            case SpeechStarted():
                assert open_blocks is None
                open_blocks = list(event.blocks)
                assert open_blocks[0].first_sample >= free_from
                assert open_blocks[0].first_sample <= event.first_sample
            case SpeechContinued():
                assert open_blocks is not None
                open_blocks.append(event.block)
            case SpeechPaused():
                assert open_blocks is not None
                assert paused_at is None
                paused_at = event.last_sample
            case SpeechResumed():
                assert paused_at is not None
                paused_at = None
            case _:
                assert open_blocks is not None
                first = open_blocks[0].first_sample
                assert [block.first_sample for block in open_blocks] == [
                    first + index * BLOCK for index in range(len(open_blocks))
                ]
                free_from = first + len(open_blocks) * BLOCK
                assert len(open_blocks) <= 30 + 12
                if isinstance(event, SpeechEnded):
                    assert first <= event.first_sample < event.last_sample <= free_from
                    assert event.start_ns == ORIGIN_NS + event.first_sample * 62_500
                    assert event.end_ns == ORIGIN_NS + event.last_sample * 62_500
                    assert event.heard_ns == open_blocks[-1].end_ns
                    assert paused_at in {None, event.last_sample}
                open_blocks = paused_at = None
    assert open_blocks is None


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"start_threshold": 1.0}, "doubt_threshold <= keep_threshold <= start_threshold < 1"),
        ({"keep_threshold": 0.6}, "doubt_threshold <= keep_threshold <= start_threshold < 1"),
        ({"doubt_threshold": 0.0}, "doubt_threshold <= keep_threshold <= start_threshold < 1"),
        ({"silence_limit_ms": 0}, "silence_limit_ms to be over 0 ms, got 0"),
        ({"hold_limit_ms": 100}, "silence_limit_ms <= patient_limit_ms <= hold_limit_ms"),
        ({"pause_ms": 200}, "pause_ms <= complete_limit_ms"),
        ({"near_db": 0.0}, "expected near_db over 0, got 0.0"),
        ({"max_utterance_ms": 300}, "max_utterance_ms to be longer"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        EndpointingSettings(**wrong)
