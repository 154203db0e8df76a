"""What the pocketsphinx engine holds beyond the contract: accuracy, interim text, long speech, no noise."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reference_pipeline.events import SAMPLE_RATE
from reference_pipeline.ports import TranscriberError
from reference_pipeline.transcription import pocketsphinx_transcriber
from reference_pipeline.transcription.pocketsphinx_transcriber import PocketsphinxTranscriber

WordErrors = Callable[[str, str], int]


def _transcribe(transcriber: PocketsphinxTranscriber, spoken: Any) -> str:
    transcriber.begin()
    for block in spoken.blocks:
        transcriber.feed(block)
    return transcriber.finish().text


def _error_rate(spoken: Sequence[Any], word_errors: WordErrors) -> float:
    transcriber = PocketsphinxTranscriber()
    errors = sum(word_errors(one.text, _transcribe(transcriber, one)) for one in spoken)
    transcriber.close()
    return errors / sum(len(one.text.split()) for one in spoken)


def test_human_speech_has_a_word_error_rate_of_at_most_a_third(
    human_speech: list[Any], word_errors: WordErrors
) -> None:
    """Measured: 0.283, on sixty words of nineteenth-century prose."""
    assert _error_rate(human_speech, word_errors) <= 1 / 3


def test_the_bundled_interview_has_a_word_error_rate_of_at_most_three_percent(
    interview: list[Any], word_errors: WordErrors
) -> None:
    """Measured: 0.006, one word of 158."""
    assert _error_rate(interview, word_errors) <= 0.03


def test_interim_text_comes_while_speaking_and_only_when_it_has_changed(interview: list[Any]) -> None:
    transcriber = PocketsphinxTranscriber()
    transcriber.begin()
    shown = [text for block in interview[1].blocks if (text := transcriber.feed(block)) is not None]
    final = transcriber.finish().text
    transcriber.close()
    assert len(shown) >= 3
    assert all(one != other for one, other in itertools.pairwise(shown))
    assert shown[-1].split()[:3] == final.split()[:3]


def test_what_is_abandoned_or_holds_no_word_leaves_the_cepstral_mean_alone(interview: list[Any]) -> None:
    def next_text(before: str) -> str:
        transcriber = PocketsphinxTranscriber()
        if before == "abandoned":
            transcriber.begin()
            for block in interview[0].blocks:
                transcriber.feed(block)
            transcriber.abandon()
        elif before == "silent":
            silence = type(interview[0])(name="", samples=np.zeros(3 * SAMPLE_RATE, np.float32), text="")
            assert _transcribe(transcriber, silence) == ""
        mean: str = transcriber._decoder.get_cmn()
        transcriber.close()
        return mean

    assert next_text("abandoned") == next_text("nothing")
    assert next_text("silent") == next_text("nothing")


def test_of_long_speech_the_words_so_far_are_settled_and_none_is_lost(
    interview: list[Any], word_errors: WordErrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pocketsphinx_transcriber, "_LONG_SAMPLES", 3 * SAMPLE_RATE)
    monkeypatch.setattr(pocketsphinx_transcriber, "_TOO_LONG_SAMPLES", 20 * SAMPLE_RATE)
    spoken = interview[:4]
    together = type(spoken[0])(
        name="together",
        samples=np.concatenate([one.samples for one in spoken]),
        text=" ".join(one.text for one in spoken),
    )
    transcriber = PocketsphinxTranscriber()
    transcriber.begin()
    texts = [text for block in together.blocks if (text := transcriber.feed(block)) is not None]
    settled = len(transcriber._settled)
    final = transcriber.finish().text
    transcriber.close()
    assert settled >= 2
    assert word_errors(together.text, final) <= 0.1 * len(together.text.split())
    assert texts[-1].startswith(" ".join(final.split()[:10]))


def test_speech_without_a_silence_is_settled_at_once_when_it_gets_too_long(
    interview: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pocketsphinx_transcriber, "_LONG_SAMPLES", SAMPLE_RATE // 2)
    monkeypatch.setattr(pocketsphinx_transcriber, "_TOO_LONG_SAMPLES", SAMPLE_RATE)
    transcriber = PocketsphinxTranscriber()
    transcriber.begin()
    for block in interview[1].blocks:
        transcriber.feed(block)
        assert transcriber._fed_samples < SAMPLE_RATE
    transcriber.finish()
    transcriber.close()


def test_nothing_is_written_to_stdout_or_stderr(
    interview: list[Any], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    transcriber = PocketsphinxTranscriber()
    transcriber.warm_up()
    _transcribe(transcriber, interview[0])
    transcriber.begin()
    transcriber.finish()
    transcriber.close()
    broken = tmp_path / "broken.lm"
    broken.write_text("this is no language model")
    with pytest.raises(TranscriberError):
        PocketsphinxTranscriber(language_model=broken)
    assert capfd.readouterr() == ("", "")


def test_a_language_model_that_is_absent_or_broken_is_named(tmp_path: Path) -> None:
    absent = tmp_path / "absent.lm"
    with pytest.raises(TranscriberError, match=r"expected a file for 'lm', .*absent\.lm is none"):
        PocketsphinxTranscriber(language_model=absent)
    absent.write_text("this is no language model")
    with pytest.raises(TranscriberError, match=r"cannot load .*absent\.lm"):
        PocketsphinxTranscriber(language_model=absent)
