"""Which texts of an open utterance are worth beginning an answer on."""

import threading
from collections.abc import Callable

import numpy as np
import pytest

from reference_pipeline.events import AudioBlock, Completeness, Transcript, Utterance
from reference_pipeline.questions.completeness import WordsCompletenessJudge
from reference_pipeline.transcription.provisional import Provisional, ProvisionalTexts
from reference_pipeline.transcription.worker import TranscriptionWorker

PATIENCE_S = 10.0
WHOLE = "what is a memory leak"
BEGUN = "what is a memory leak and how would"


@pytest.fixture
def texts() -> ProvisionalTexts:
    texts = ProvisionalTexts(WordsCompletenessJudge())
    texts.begin()
    return texts


def test_every_text_of_a_pause_is_chosen_but_none_without_words(texts: ProvisionalTexts) -> None:
    assert [texts.chooses_paused(text) for text in (BEGUN, WHOLE, WHOLE, "")] == [True, True, True, False]


def test_agreed_text_is_chosen_where_its_words_are_whole(texts: ProvisionalTexts) -> None:
    assert not texts.chooses_agreed("what is")
    assert texts.chooses_agreed(WHOLE)


def test_agreed_text_is_chosen_once_an_utterance_so_that_the_pause_keeps_its_request(
    texts: ProvisionalTexts,
) -> None:
    assert texts.chooses_agreed(WHOLE)
    assert not texts.chooses_agreed("what is a memory leak and what is a deadlock")
    assert texts.chooses_paused("what is a memory leak and what is a deadlock")
    texts.begin()
    assert texts.chooses_agreed(WHOLE)


def test_agreed_text_that_a_pause_has_told_already_is_not_chosen(texts: ProvisionalTexts) -> None:
    assert texts.chooses_paused(WHOLE)
    assert not texts.chooses_agreed("what is a memory leak")
    texts.begin()
    assert texts.chooses_agreed(WHOLE)


def test_without_a_judge_only_pauses_count() -> None:
    texts = ProvisionalTexts()
    texts.begin()
    assert not texts.chooses_agreed(WHOLE)
    assert texts.chooses_paused(WHOLE)


@pytest.mark.parametrize("said", [WHOLE, BEGUN])
def test_whole_is_what_the_judge_of_the_endpointer_takes_for_whole(
    texts: ProvisionalTexts, said: str
) -> None:
    whole = WordsCompletenessJudge().completeness(said) is Completeness.COMPLETE
    assert texts.chooses_agreed(said) == whole == (said == WHOLE)


class StreamingEngine:
    """Has heard what is given from the first block on, and keeps whether a pause seemed to be the end."""

    name = "streaming"
    is_streaming = True

    def __init__(self, heard: str) -> None:
        self._heard = heard
        self.whole: list[bool] = []

    def warm_up(self) -> None: ...

    def begin(self) -> None: ...

    def feed(self, block: AudioBlock) -> str | None:
        return self._heard

    def interim(self, wanted: Callable[[], bool]) -> str | None:
        return None

    def speculate(self, wanted: Callable[[], bool], *, whole: bool = False) -> Transcript | None:
        self.whole.append(whole)
        return Transcript(text=self._heard, engine=self.name, final=whole)

    def finish(self) -> Transcript:
        return Transcript(text=self._heard, engine=self.name, final=True)

    def abandon(self) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize(("said", "whole"), [(WHOLE, True), (BEGUN, False), ("", False)])
def test_in_a_pause_engine_and_endpointer_are_told_whether_and_which_words_seem_to_be_all(
    said: str, whole: bool
) -> None:
    engine, ended = StreamingEngine(said), threading.Event()
    heard: list[str] = []
    worker = TranscriptionWorker(
        engine,
        on_interim=lambda _: None,
        on_final=lambda _: None,
        on_discarded=lambda _: None,
        on_ended=lambda _: ended.set(),
        on_heard=lambda text: heard.append(f"{text.text} to {text.heard_to_sample}"),
        judge=WordsCompletenessJudge(),
    )
    worker.start()
    block = AudioBlock(samples=np.zeros(512, np.float32), first_sample=0, start_ns=0)
    worker.speech_started(block)
    worker.speech_block(block)
    worker.speech_block(AudioBlock(samples=np.zeros(512, np.float32), first_sample=512, start_ns=0))
    worker.speech_paused(3)
    worker.source_ended(None)
    assert ended.wait(PATIENCE_S)
    # Nothing of the first block: while somebody speaks nobody asks.
    assert set(heard) == {f"{said} to 1024"}
    assert worker.close(PATIENCE_S)
    assert engine.whole == [whole]


class GrowingEngine:
    """Agrees on the next of its texts after each block."""

    name = "growing"
    is_streaming = False

    def __init__(self, *texts: str | None) -> None:
        self._texts = iter(texts)
        self.made = threading.Semaphore(0)

    def warm_up(self) -> None: ...

    def begin(self) -> None: ...

    def feed(self, block: AudioBlock) -> str | None:
        return None

    def interim(self, wanted: Callable[[], bool]) -> str | None:
        self.made.release()
        return next(self._texts)

    def speculate(self, wanted: Callable[[], bool], *, whole: bool = False) -> Transcript | None:
        return None

    def finish(self) -> Transcript:
        return Transcript(text=BEGUN, engine=self.name, final=True)

    def abandon(self) -> None: ...

    def close(self) -> None: ...


def test_agreed_text_is_shown_and_told_as_provisional_while_the_speaker_goes_on() -> None:
    engine = GrowingEngine("what is", None, WHOLE, BEGUN)
    interim: list[str] = []
    provisional: list[Provisional] = []
    worker = TranscriptionWorker(
        engine,
        on_interim=interim.append,
        on_final=lambda _: None,
        on_discarded=lambda _: None,
        on_ended=lambda _: None,
        on_provisional=provisional.append,
        judge=WordsCompletenessJudge(),
    )
    worker.start()
    block = AudioBlock(samples=np.zeros(512, np.float32), first_sample=0, start_ns=0)
    worker.speech_started(block)
    for _ in range(4):
        worker.speech_block(block)
        assert engine.made.acquire(timeout=PATIENCE_S)
    worker.speech_ended(
        Utterance(number=1, first_sample=0, last_sample=3, start_ns=0, end_ns=1, decided_ns=2)
    )
    assert worker.close(PATIENCE_S)
    assert interim == ["what is", WHOLE, BEGUN]
    assert provisional == [Provisional(number=1, text=WHOLE)]
