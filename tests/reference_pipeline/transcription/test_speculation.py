"""What the worker does with the silence that must be waited for, with an engine that waits for signals."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import latency_kit
from reference_pipeline.events import AudioBlock, HeardText, Transcript, Utterance
from reference_pipeline.ports import SourceError, TranscriberError
from reference_pipeline.transcription.provisional import Provisional
from reference_pipeline.transcription.worker import (
    FinalState,
    FinalTranscript,
    TranscriptionWorker,
)

PATIENCE_S = 10.0


class SpeculatingTranscriber:
    """Hears the block numbers; a speculation begins when it is told, and ends when `released`."""

    name = "speculating"

    def __init__(self, *, final: bool = True) -> None:
        self.is_streaming = not final
        self.final = final
        self.heard: list[str] = []
        self.begun = threading.Event()
        self.released = threading.Event()
        self.released.set()
        self.finished: list[str] = []
        self.interim_wanted: list[bool] = []
        self.failure: Exception | None = None
        self.ending = ""
        self.agreed: str | None = None

    def warm_up(self) -> None: ...

    def begin(self) -> None:
        self.heard = []

    def feed(self, block: AudioBlock) -> str | None:
        self.heard.append(str(block.first_sample))
        return None

    def interim(self, wanted: Callable[[], bool]) -> str | None:
        self.interim_wanted.append(wanted())
        return None

    def speculate(self, wanted: Callable[[], bool], *, whole: bool = False) -> Transcript | None:
        self.begun.set()
        assert self.released.wait(PATIENCE_S)
        if self.failure is not None:
            raise self.failure
        text = " ".join(self.heard)
        heard = Transcript(text=text, engine=self.name, final=self.final, agreed=self.agreed)
        return heard if wanted() else None

    def finish(self) -> Transcript:
        self.finished.append(" ".join(self.heard))
        return Transcript(text=" ".join(self.heard) + self.ending, engine=self.name, final=True)

    def abandon(self) -> None: ...

    def close(self) -> None: ...


@dataclass
class Bench:
    worker: TranscriptionWorker
    engine: SpeculatingTranscriber
    provisional: list[Provisional]
    heard: list[HeardText]
    finals: list[FinalTranscript]
    interim: list[str]
    done: threading.Event = field(default_factory=threading.Event)

    def say(self, *blocks: int) -> None:
        for number in blocks:
            self.worker.speech_block(
                AudioBlock(samples=np.zeros(1, np.float32), first_sample=number, start_ns=number)
            )

    def start(self, *blocks: int) -> None:
        self.worker.speech_started(AudioBlock(samples=np.zeros(1, np.float32), first_sample=0, start_ns=0))
        self.say(*blocks)

    def pause_and_wait(self) -> None:
        """Tell a pause, and return when the engine works at it."""
        self.engine.begun.clear()
        self.worker.speech_paused(3)
        assert self.engine.begun.wait(PATIENCE_S)

    def end(self, number: int = 1) -> None:
        self.worker.speech_ended(
            Utterance(number=number, first_sample=0, last_sample=3, start_ns=0, end_ns=1, decided_ns=2)
        )

    def until_done(self) -> None:
        self.worker.source_ended(None)
        assert self.done.wait(PATIENCE_S)


def _bench(engine: SpeculatingTranscriber) -> Bench:
    provisional: list[Provisional] = []
    heard: list[HeardText] = []
    interim: list[str] = []
    finals: list[FinalTranscript] = []
    done = threading.Event()

    def ended(error: SourceError | None) -> None:
        done.set()

    worker = TranscriptionWorker(
        engine,
        on_interim=interim.append,
        on_final=finals.append,
        on_discarded=lambda _: None,
        on_ended=ended,
        on_heard=heard.append,
        on_provisional=provisional.append,
    )
    worker.start()
    return Bench(worker, engine, provisional, heard, finals, interim, done)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = _bench(SpeculatingTranscriber())
    yield made
    made.engine.released.set()
    assert made.worker.close(PATIENCE_S)


def _counted(telemetry: Any) -> dict[str, int]:
    return {
        one.name: one.histogram.count for one in telemetry.snapshot() if one.operation.startswith("specul")
    }


def test_text_decoded_in_the_pause_is_adopted_when_the_utterance_ends_there(bench: Bench) -> None:
    with latency_kit.configure() as telemetry:
        bench.start(0, 1, 2)
        bench.pause_and_wait()
        bench.say(3, 4)
        bench.end()
        bench.until_done()
        counted = _counted(telemetry)
    (final,) = bench.finals
    assert (final.text, final.was_speculated) == ("0 1 2", True)
    assert bench.provisional == [Provisional(number=1, text="0 1 2")]
    assert counted == {"transcription.speculate": 1, "transcription.speculation_head_start": 1}


def test_the_silence_of_the_pause_is_kept_from_an_engine_whose_speculation_is_final(bench: Bench) -> None:
    bench.start(0)
    bench.pause_and_wait()
    bench.say(1, 2)
    bench.end()
    bench.until_done()
    assert bench.engine.finished == ["0"]


def test_when_speech_resumes_the_speculation_is_thrown_away_and_nothing_of_the_sound_is_lost(
    bench: Bench,
) -> None:
    with latency_kit.configure() as telemetry:
        bench.start(0, 1)
        bench.pause_and_wait()
        bench.say(2, 3)
        bench.worker.speech_resumed()
        bench.say(4)
        bench.end()
        bench.until_done()
        counted = _counted(telemetry)
    (final,) = bench.finals
    assert (final.text, final.was_speculated) == ("0 1 2 3 4", False)
    assert counted == {"transcription.speculate_in_vain": 1}


def test_a_speculation_at_work_is_told_that_speech_has_resumed(bench: Bench) -> None:
    bench.engine.released.clear()
    bench.start(0, 1)
    bench.pause_and_wait()
    bench.worker.speech_resumed()
    bench.say(2)
    bench.engine.released.set()
    bench.end()
    bench.until_done()
    assert bench.provisional == []
    assert bench.finals[0].text == "0 1 2"


def test_a_speculation_at_work_when_the_end_is_decided_counts_as_finishing_not_as_waiting(
    bench: Bench,
) -> None:
    bench.engine.released.clear()
    bench.start(0)
    bench.pause_and_wait()
    bench.end()
    bench.engine.released.set()
    bench.until_done()
    (final,) = bench.finals
    assert final.was_speculated
    assert final.started_ns == final.queued_ns < final.finished_ns


def test_each_pause_is_speculated_on_anew_and_only_the_last_adopted(bench: Bench) -> None:
    with latency_kit.configure() as telemetry:
        bench.start(0)
        bench.pause_and_wait()
        bench.worker.speech_resumed()
        bench.say(1)
        bench.pause_and_wait()
        bench.end()
        bench.until_done()
        counted = _counted(telemetry)
    assert [one.text for one in bench.provisional][-1] == "0 1"
    assert bench.finals[0].text == "0 1"
    assert counted["transcription.speculate"] == 1
    assert counted["transcription.speculate_in_vain"] == 1


def test_what_is_discarded_in_a_pause_leaves_nothing_to_adopt(bench: Bench) -> None:
    bench.start(0)
    bench.pause_and_wait()
    bench.worker.speech_discarded("a click")
    bench.start(5)
    bench.end()
    bench.until_done()
    assert [(final.text, final.was_speculated) for final in bench.finals] == [("5", False)]


def test_the_provisional_text_bears_the_number_that_the_utterance_will_have(bench: Bench) -> None:
    for number in (1, 2):
        bench.start(0)
        bench.pause_and_wait()
        bench.end(number)
    bench.until_done()
    assert [one.number for one in bench.provisional] == [1, 2]


def test_a_speculation_that_fails_costs_nothing_but_itself(bench: Bench) -> None:
    bench.engine.failure = TranscriberError("no memory")
    bench.start(0)
    bench.pause_and_wait()
    bench.say(1)
    bench.end()
    bench.until_done()
    (final,) = bench.finals
    assert (final.state, final.text, final.was_speculated) == (FinalState.COMPLETE, "0 1", False)


def test_what_is_heard_rests_on_samples_that_the_text_covers(bench: Bench) -> None:
    """An engine that keeps the sound for later has understood nothing of it before the pause."""
    bench.start(0, 1, 2)
    bench.pause_and_wait()
    bench.say(3)
    bench.end()
    bench.until_done()
    assert bench.heard == [HeardText(text="0 1 2", heard_to_sample=3)]


@pytest.mark.parametrize(
    ("silence", "ending", "measured"),
    [((), "", "speculate"), ((), " more", "speculate_in_vain"), ((1,), "", "speculate_in_vain")],
)
def test_a_streaming_engine_is_fed_through_the_pause_and_its_speculation_judged_by_the_final_text(
    silence: tuple[int, ...], ending: str, measured: str
) -> None:
    bench = _bench(SpeculatingTranscriber(final=False))
    bench.engine.ending = ending
    with latency_kit.configure() as telemetry:
        bench.start(0)
        bench.pause_and_wait()
        bench.say(*silence)
        bench.end()
        bench.until_done()
        counted = _counted(telemetry)
    assert bench.worker.close(PATIENCE_S)
    (final,) = bench.finals
    assert final.text == " ".join(map(str, (0, *silence))) + ending
    assert not final.was_speculated
    assert counted[f"transcription.{measured}"] == 1


def test_what_a_speculation_agrees_on_with_the_text_before_it_is_shown(bench: Bench) -> None:
    bench.engine.agreed = "0 1"
    bench.start(0, 1, 2)
    bench.pause_and_wait()
    bench.end()
    bench.until_done()
    assert bench.interim == ["0 1"]
    assert [told.text for told in bench.provisional] == ["0 1 2"]


def test_interim_work_is_not_wanted_once_a_pause_or_an_end_is_told() -> None:
    engine = SpeculatingTranscriber()
    bench = _bench(engine)
    held, told = threading.Event(), threading.Event()
    answers: list[bool] = []

    def interim(wanted: Callable[[], bool]) -> str | None:
        if not answers:
            answers.append(wanted())
            held.set()
            assert told.wait(PATIENCE_S)
            answers.append(wanted())
        return None

    engine.interim = interim  # type: ignore[method-assign]
    bench.start(0)
    assert held.wait(PATIENCE_S)
    bench.worker.speech_paused(1)
    told.set()
    bench.end()
    bench.until_done()
    assert bench.worker.close(PATIENCE_S)
    assert answers == [True, False]


def test_the_turn_that_adopts_a_speculation_is_linked_with_it_and_neither_is_the_others_parent(
    bench: Bench,
) -> None:
    with latency_kit.configure(spans=True) as telemetry:
        bench.start(0)
        bench.pause_and_wait()
        turn = latency_kit.begin("turn", "end_to_end", context=latency_kit.new_trace())
        with latency_kit.use_context(turn.context):
            bench.end()
        bench.until_done()
        span: Any = turn.span
        (link,) = span.links
        own = next(one for one in telemetry.recent() if one.name == "transcription.speculate")
        turn.end()
    assert own.trace_id == link.context.trace_id != int(turn.trace_id, 16)
