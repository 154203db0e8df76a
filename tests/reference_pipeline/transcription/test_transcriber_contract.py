"""What every implementation of the `Transcriber` port holds."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reference_pipeline.events import SAMPLE_RATE, AudioBlock, Samples
from reference_pipeline.ports import Transcriber, TranscriberError
from reference_pipeline.transcription.domain_language_model import terms_of
from reference_pipeline.transcription.faster_whisper_transcriber import FasterWhisperTranscriber
from reference_pipeline.transcription.pocketsphinx_transcriber import PocketsphinxTranscriber
from reference_pipeline.transcription.process_transcriber import ProcessTranscriber
from reference_pipeline.transcription.whisper_engine import WhisperEngine

InBlocks = Callable[[Samples], Iterator[AudioBlock]]


def _pocketsphinx(tiny_whisper: Path) -> Transcriber:
    return PocketsphinxTranscriber()


def _pocketsphinx_with_domain_words(tiny_whisper: Path) -> Transcriber:
    return PocketsphinxTranscriber(domain_terms=terms_of(["# Idempotent operations on Kubernetes"]))


def _pocketsphinx_in_a_process(tiny_whisper: Path) -> Transcriber:
    return ProcessTranscriber("pocketsphinx", "reference_pipeline.transcription.pocketsphinx_process")


def _whisper(tiny_whisper: Path) -> Transcriber:
    return FasterWhisperTranscriber(WhisperEngine(tiny_whisper, threads=1))


def _shared_whisper(tiny_whisper: Path) -> Transcriber:
    """One of two on an engine; the other has an utterance open and is fed nothing."""
    engine = WhisperEngine(tiny_whisper, threads=1)
    FasterWhisperTranscriber(engine).begin()
    return FasterWhisperTranscriber(engine)


@pytest.fixture(
    params=[
        _pocketsphinx,
        _pocketsphinx_with_domain_words,
        _pocketsphinx_in_a_process,
        _whisper,
        _shared_whisper,
    ],
    scope="module",
)
def made(request: pytest.FixtureRequest, tiny_whisper: Path) -> Iterator[Callable[[], Transcriber]]:
    """Return the engine of the test before, which takes long to load, or a new one where that was closed."""
    kept: list[Any] = []

    def make() -> Transcriber:
        if not kept or kept[-1]._order.is_closed:
            kept.append(request.param(tiny_whisper))
            kept[-1].warm_up()
        engine: Transcriber = kept[-1]
        return engine

    yield make
    for engine in kept:
        engine.close()


@pytest.fixture
def transcriber(made: Callable[[], Transcriber]) -> Iterator[Transcriber]:
    engine: Any = made()
    yield engine
    if engine._order.is_open:
        engine.abandon()


def _feed(transcriber: Transcriber, blocks: Iterator[AudioBlock]) -> list[str]:
    interim = (transcriber.feed(block) for block in blocks)
    return [text for text in interim if text is not None]


def test_finish_returns_the_final_transcript_of_this_engine(
    transcriber: Transcriber, noise: Samples, in_blocks: InBlocks
) -> None:
    transcriber.begin()
    _feed(transcriber, in_blocks(noise))
    transcript = transcriber.finish()
    assert transcript.final
    assert transcript.engine == transcriber.name
    assert transcript.text == transcript.text.strip()


def test_an_utterance_without_sound_has_no_words(transcriber: Transcriber) -> None:
    transcriber.begin()
    assert transcriber.finish().text == ""


def test_an_empty_block_has_no_words(transcriber: Transcriber) -> None:
    transcriber.begin()
    assert transcriber.feed(AudioBlock(samples=np.empty(0, np.float32), first_sample=0, start_ns=0)) is None
    assert transcriber.finish().text == ""


def test_silence_has_no_words(transcriber: Transcriber, in_blocks: InBlocks) -> None:
    transcriber.begin()
    assert _feed(transcriber, in_blocks(np.zeros(2 * SAMPLE_RATE, np.float32))) == []
    assert transcriber.finish().text == ""


def test_a_second_utterance_holds_nothing_of_the_first(
    transcriber: Transcriber, noise: Samples, in_blocks: InBlocks
) -> None:
    transcriber.begin()
    _feed(transcriber, in_blocks(noise))
    transcriber.finish()
    transcriber.begin()
    _feed(transcriber, in_blocks(np.zeros(SAMPLE_RATE, np.float32)))
    assert transcriber.finish().text == ""


def test_an_abandoned_utterance_leaves_nothing_behind(
    transcriber: Transcriber, noise: Samples, in_blocks: InBlocks
) -> None:
    transcriber.begin()
    _feed(transcriber, in_blocks(noise))
    transcriber.abandon()
    transcriber.begin()
    _feed(transcriber, in_blocks(np.zeros(SAMPLE_RATE, np.float32)))
    assert transcriber.finish().text == ""


def test_blocks_are_not_written_to(transcriber: Transcriber, noise: Samples, in_blocks: InBlocks) -> None:
    given = noise.copy()
    given.setflags(write=False)
    transcriber.begin()
    _feed(transcriber, in_blocks(given))
    transcriber.finish()
    assert np.array_equal(given, noise)


def test_samples_beyond_full_scale_are_taken(transcriber: Transcriber, in_blocks: InBlocks) -> None:
    transcriber.begin()
    _feed(transcriber, in_blocks(np.full(SAMPLE_RATE // 2, 7.5, np.float32)))
    assert transcriber.finish().final


def test_speculation_that_is_final_is_what_finish_returns_and_leaves_the_utterance_open(
    transcriber: Transcriber, noise: Samples, in_blocks: InBlocks
) -> None:
    transcriber.begin()
    _feed(transcriber, in_blocks(noise))
    speculated = transcriber.speculate(lambda: True)
    assert speculated is not None
    assert speculated == transcriber.speculate(lambda: True)
    finished = transcriber.finish()
    assert finished.final
    if speculated.final:
        assert finished == speculated


def test_what_is_fed_after_a_speculation_belongs_to_the_utterance(
    transcriber: Transcriber, interview: list[Any], in_blocks: InBlocks
) -> None:
    transcriber.begin()
    _feed(transcriber, in_blocks(np.zeros(SAMPLE_RATE // 2, np.float32)))
    speculated = transcriber.speculate(lambda: True)
    assert speculated is not None
    assert speculated.text == ""
    _feed(transcriber, in_blocks(interview[1].samples[: 2 * SAMPLE_RATE]))
    assert transcriber.finish().text


def test_work_that_is_not_wanted_is_not_done(
    transcriber: Transcriber, noise: Samples, in_blocks: InBlocks
) -> None:
    transcriber.begin()
    _feed(transcriber, in_blocks(noise))
    assert transcriber.speculate(lambda: False) is None
    assert transcriber.interim(lambda: False) is None
    assert transcriber.finish().final


def test_an_utterance_without_sound_is_speculated_to_have_no_words(transcriber: Transcriber) -> None:
    transcriber.begin()
    assert transcriber.interim(lambda: True) is None
    speculated = transcriber.speculate(lambda: True)
    assert speculated is not None
    assert speculated.text == ""
    transcriber.abandon()


def test_words_that_seem_to_be_all_are_told_finally_and_more_may_follow(
    transcriber: Transcriber, interview: list[Any], in_blocks: InBlocks
) -> None:
    first, second = interview[1].samples, interview[2].samples
    transcriber.begin()
    _feed(transcriber, in_blocks(first))
    told = transcriber.speculate(lambda: True, whole=True)
    assert told is not None
    assert told.final
    assert told == transcriber.speculate(lambda: True, whole=True)
    assert transcriber.finish() == told
    transcriber.begin()
    _feed(transcriber, in_blocks(first))
    assert transcriber.speculate(lambda: True, whole=True) is not None
    _feed(transcriber, in_blocks(second))
    both = transcriber.finish()
    assert both.final
    assert len(both.text) > len(told.text)
    transcriber.begin()
    _feed(transcriber, in_blocks(first))
    assert transcriber.speculate(lambda: True, whole=True) is not None
    transcriber.abandon()
    transcriber.begin()
    assert transcriber.finish().text == ""


@pytest.mark.parametrize("call", ["feed", "interim", "speculate", "finish", "abandon"])
def test_without_begin_nothing_can_be_done_with_an_utterance(transcriber: Transcriber, call: str) -> None:
    with pytest.raises(
        TranscriberError, match=f"{transcriber.name}: {call} needs that an utterance is begun"
    ):
        _call(transcriber, call)


@pytest.mark.parametrize("call", ["begin", "warm_up"])
def test_within_an_utterance_none_begins(transcriber: Transcriber, call: str) -> None:
    transcriber.begin()
    with pytest.raises(TranscriberError, match=f"{call} needs that no utterance is begun"):
        _call(transcriber, call)
    assert transcriber.finish().text == ""


@pytest.mark.parametrize("call", ["warm_up", "begin", "feed", "interim", "speculate", "finish", "abandon"])
def test_after_close_nothing_but_close_is_allowed(transcriber: Transcriber, call: str) -> None:
    transcriber.close()
    transcriber.close()
    with pytest.raises(TranscriberError, match="it is closed"):
        _call(transcriber, call)


def test_close_within_an_utterance_is_allowed(
    transcriber: Transcriber, noise: Samples, in_blocks: InBlocks
) -> None:
    transcriber.begin()
    _feed(transcriber, in_blocks(noise))
    transcriber.close()


def _call(transcriber: Transcriber, call: str) -> None:
    if call == "feed":
        transcriber.feed(AudioBlock(samples=np.zeros(512, np.float32), first_sample=0, start_ns=0))
    elif call in ("interim", "speculate"):
        getattr(transcriber, call)(lambda: True)
    else:
        getattr(transcriber, call)()


def test_interim_text_that_is_said_to_be_stable_stands_in_all_that_comes_after_it(
    transcriber: Transcriber, interview: list[Any], in_blocks: InBlocks
) -> None:
    transcriber.begin()
    told: list[str] = []
    for block in in_blocks(interview[1].samples[: 3 * SAMPLE_RATE]):
        told.extend(text for text in (transcriber.feed(block), transcriber.interim(lambda: True)) if text)
    told.append(transcriber.finish().text)
    only_grows = all(later.startswith(earlier) for earlier, later in itertools.pairwise(told))
    assert only_grows or not transcriber.interim_is_stable
