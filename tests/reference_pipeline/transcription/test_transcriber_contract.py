"""What every implementation of the `Transcriber` port holds."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from reference_pipeline.events import SAMPLE_RATE, AudioBlock, Samples
from reference_pipeline.ports import Transcriber, TranscriberError
from reference_pipeline.transcription.faster_whisper_transcriber import FasterWhisperTranscriber
from reference_pipeline.transcription.pocketsphinx_transcriber import PocketsphinxTranscriber

InBlocks = Callable[[Samples], Iterator[AudioBlock]]


@pytest.fixture(params=["pocketsphinx", "faster-whisper"])
def transcriber(request: pytest.FixtureRequest, tiny_whisper: Path) -> Iterator[Transcriber]:
    engine: Transcriber
    if request.param == "pocketsphinx":
        engine = PocketsphinxTranscriber()
    else:
        engine = FasterWhisperTranscriber(tiny_whisper, threads=1)
    assert engine.name == request.param
    engine.warm_up()
    yield engine
    engine.close()


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


@pytest.mark.parametrize("call", ["feed", "finish", "abandon"])
def test_without_begin_nothing_can_be_fed_finished_or_abandoned(transcriber: Transcriber, call: str) -> None:
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


@pytest.mark.parametrize("call", ["warm_up", "begin", "feed", "finish", "abandon"])
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
    else:
        getattr(transcriber, call)()
