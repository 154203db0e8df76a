"""What the inference thread holds, seen with an engine that does what a test tells it."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pytest

import latency_kit
from reference_pipeline.events import AudioBlock, Transcript, Utterance
from reference_pipeline.ports import SourceError, TranscriberError
from reference_pipeline.transcription.worker import FinalState, FinalTranscript, TranscriptionWorker

PATIENCE_S = 10.0


class ScriptedTranscriber:
    """Hears the block numbers, and can be stopped or made to fail at any call."""

    name = "scripted"
    is_streaming = True

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.threads: set[int] = set()
        self.failures: dict[str, Exception] = {}
        self.gate = threading.Event()
        self.gate.set()
        self.at_gate = threading.Event()
        self._heard: list[str] = []

    def warm_up(self) -> None:
        self._called("warm_up")

    def begin(self) -> None:
        self._called("begin")
        self._heard = []

    def feed(self, block: AudioBlock) -> str | None:
        self._called("feed")
        self._heard.append(str(block.first_sample))
        return " ".join(self._heard) if block.first_sample % 2 else None

    def interim(self, wanted: Callable[[], bool]) -> None:
        """Do nothing, as `speculate` does."""

    speculate = interim

    def finish(self) -> Transcript:
        self._called("finish")
        return Transcript(text=" ".join(self._heard), engine=self.name, final=True)

    def abandon(self) -> None:
        self._called("abandon")

    def close(self) -> None:
        self._called("close")

    def _called(self, call: str) -> None:
        self.calls.append(call)
        self.threads.add(threading.get_ident())
        if not self.gate.is_set():
            self.at_gate.set()
            assert self.gate.wait(PATIENCE_S)
        if call in self.failures:
            raise self.failures[call]


@dataclass
class Heard:
    """What the callbacks got."""

    interim: list[str] = field(default_factory=list)
    finals: list[FinalTranscript] = field(default_factory=list)
    discarded: list[str] = field(default_factory=list)
    ended: list[SourceError | None] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    all_done: threading.Event = field(default_factory=threading.Event)

    def note(self, kind: str, what: Any) -> None:
        getattr(self, kind).append(what)
        self.order.append(kind)
        self.threads.add(threading.get_ident())
        if kind == "ended":
            self.all_done.set()


@dataclass
class Bench:
    """A worker with its engine and what came of it."""

    worker: TranscriptionWorker
    engine: ScriptedTranscriber
    heard: Heard

    def say(self, utterance: Utterance, *blocks: int) -> None:
        self.worker.speech_started(_block(blocks[0] if blocks else 0))
        for number in blocks:
            self.worker.speech_block(_block(number))
        self.worker.speech_ended(utterance)

    def until_done(self) -> Heard:
        self.worker.source_ended(None)
        assert self.heard.all_done.wait(PATIENCE_S)
        return self.heard

    def hold_engine(self) -> None:
        """Return when the engine stands still within `begin` of a new utterance."""
        self.engine.gate.clear()
        self.worker.speech_started(_block(0))
        assert self.engine.at_gate.wait(PATIENCE_S)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = _bench()
    made.worker.start()
    assert made.worker.wait_until_ready(PATIENCE_S)
    yield made
    made.engine.gate.set()
    assert made.worker.close(PATIENCE_S)


def _bench(**options: int) -> Bench:
    heard = Heard()
    engine = ScriptedTranscriber()

    worker = TranscriptionWorker(
        engine,
        on_interim=partial(heard.note, "interim"),
        on_final=partial(heard.note, "finals"),
        on_discarded=partial(heard.note, "discarded"),
        on_ended=partial(heard.note, "ended"),
        **options,
    )
    return Bench(worker, engine, heard)


def _block(number: int) -> AudioBlock:
    return AudioBlock(samples=np.zeros(512, np.float32), first_sample=number, start_ns=number)


def _utterance(number: int) -> Utterance:
    return Utterance(number=number, first_sample=0, last_sample=512, start_ns=0, end_ns=1, decided_ns=2)


def test_each_utterance_gets_its_final_transcript_in_order(bench: Bench) -> None:
    bench.say(_utterance(1), 0, 2)
    bench.say(_utterance(2), 4)
    heard = bench.until_done()
    assert [(final.utterance.number, final.text) for final in heard.finals] == [(1, "0 2"), (2, "4")]
    assert {final.state for final in heard.finals} == {FinalState.COMPLETE}


def test_interim_text_is_passed_on_before_the_final_one(bench: Bench) -> None:
    bench.say(_utterance(1), 0, 1, 2, 3)
    heard = bench.until_done()
    assert heard.interim == ["0 1", "0 1 2 3"]
    assert heard.order == ["interim", "interim", "finals", "ended"]


def test_engine_and_callbacks_run_on_one_thread_that_is_not_the_callers(bench: Bench) -> None:
    bench.say(_utterance(1), 0, 1)
    heard = bench.until_done()
    assert bench.worker.close(PATIENCE_S)
    assert len(bench.engine.threads | heard.threads) == 1
    assert threading.get_ident() not in heard.threads
    assert bench.engine.calls == ["warm_up", "begin", "feed", "feed", "finish", "close"]


def test_times_are_ordered_from_the_end_told_to_the_text_there(bench: Bench) -> None:
    before_ns = latency_kit.now_ns()
    bench.say(_utterance(1), 0)
    (final,) = bench.until_done().finals
    assert before_ns <= final.queued_ns <= final.started_ns <= final.finished_ns <= latency_kit.now_ns()


def test_the_wait_for_an_engine_at_work_lies_between_queued_and_started(bench: Bench) -> None:
    bench.hold_engine()
    bench.worker.speech_ended(_utterance(1))
    told_ns = latency_kit.now_ns()
    bench.engine.gate.set()
    (final,) = bench.until_done().finals
    assert final.queued_ns <= told_ns <= final.started_ns


def test_the_sink_never_waits_for_the_engine(bench: Bench) -> None:
    bench.hold_engine()
    # The engine stands still until the gate opens: these calls return nevertheless.
    for number in range(100):
        bench.worker.speech_block(_block(number * 2))
    bench.worker.speech_ended(_utterance(1))
    bench.worker.speech_discarded("a click")
    assert bench.worker.queued_blocks == 100
    assert bench.heard.finals == []
    bench.engine.gate.set()
    assert len(bench.until_done().finals) == 1
    assert bench.worker.queued_blocks == 0


def test_a_full_queue_drops_blocks_and_counts_them_but_never_the_end() -> None:
    bench = _bench(max_queued_blocks=3)
    bench.worker.start()
    bench.hold_engine()
    for number in range(0, 10, 2):
        bench.worker.speech_block(_block(number))
    bench.worker.speech_ended(_utterance(1))
    bench.say(_utterance(2), 20, 22)
    bench.engine.gate.set()
    first, second = bench.until_done().finals
    assert (first.state, first.text, first.lost_blocks) == (FinalState.TRUNCATED, "0 2 4", 2)
    assert (second.state, second.transcript, second.lost_blocks) == (FinalState.DROPPED, None, 2)
    assert bench.worker.lost_blocks == 4
    bench.say(_utterance(3), 30)
    assert bench.worker.close(PATIENCE_S)


def test_after_an_overflow_the_next_utterance_is_complete_again() -> None:
    bench = _bench(max_queued_blocks=1)
    bench.worker.start()
    bench.hold_engine()
    bench.worker.speech_block(_block(0))
    bench.worker.speech_block(_block(2))
    bench.worker.speech_ended(_utterance(1))
    bench.engine.gate.set()
    bench.until_done()
    bench.heard.all_done.clear()
    bench.say(_utterance(2), 4)
    assert [final.state for final in bench.until_done().finals] == [
        FinalState.TRUNCATED,
        FinalState.COMPLETE,
    ]
    assert bench.worker.close(PATIENCE_S)


@pytest.mark.parametrize("call", ["begin", "feed", "finish"])
def test_an_exception_of_the_engine_fails_the_utterance_and_the_next_goes_well(
    bench: Bench, call: str
) -> None:
    failure = TranscriberError("the model broke")
    bench.engine.failures[call] = failure
    bench.hold_engine()
    bench.worker.speech_block(_block(0))
    bench.worker.speech_ended(_utterance(1))
    bench.engine.gate.set()
    bench.until_done()
    bench.engine.failures.clear()
    bench.heard.all_done.clear()
    bench.say(_utterance(2), 2)
    first, second = bench.until_done().finals
    assert (first.state, first.error) == (FinalState.FAILED, failure)
    assert (first.transcript, first.text) == (None, "")
    assert (second.state, second.error, second.text) == (FinalState.COMPLETE, None, "2")


def test_an_exception_that_abandoning_raises_is_not_the_next_utterances(bench: Bench) -> None:
    bench.engine.failures["abandon"] = TranscriberError("cannot forget")
    bench.worker.speech_started(_block(0))
    bench.worker.speech_discarded("too short")
    bench.say(_utterance(1), 2)
    heard = bench.until_done()
    assert [final.state for final in heard.finals] == [FinalState.COMPLETE]


def test_a_callback_that_raises_is_logged_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    engine = ScriptedTranscriber()
    done = threading.Event()

    def fail(final: FinalTranscript) -> None:
        raise ZeroDivisionError(final.text)

    worker = TranscriptionWorker(
        engine,
        on_interim=lambda text: None,
        on_final=fail,
        on_discarded=lambda reason: None,
        on_ended=lambda error: done.set(),
    )
    worker.start()
    with caplog.at_level(logging.ERROR):
        worker.speech_started(_block(0))
        worker.speech_ended(_utterance(1))
        worker.source_ended(None)
        assert done.wait(PATIENCE_S)
    assert worker.close(PATIENCE_S)
    assert "a callback of the transcription worker failed" in caplog.text


def test_what_is_discarded_is_abandoned_and_its_reason_passed_on(bench: Bench) -> None:
    bench.worker.speech_started(_block(0))
    bench.worker.speech_block(_block(0))
    bench.worker.speech_discarded("too short")
    heard = bench.until_done()
    assert (heard.discarded, heard.finals) == (["too short"], [])
    assert bench.engine.calls == ["warm_up", "begin", "feed", "abandon"]


def test_the_end_of_the_source_comes_after_everything_before_it_with_its_error(bench: Bench) -> None:
    lost = SourceError("the microphone was unplugged")
    bench.worker.speech_started(_block(0))
    bench.worker.speech_ended(_utterance(1))
    bench.worker.source_ended(lost)
    assert bench.heard.all_done.wait(PATIENCE_S)
    assert bench.heard.order == ["finals", "ended"]
    assert bench.heard.ended == [lost]


def test_close_cancels_what_waits_and_closes_the_engine() -> None:
    bench = _bench()
    bench.worker.start()
    bench.hold_engine()
    bench.worker.speech_ended(_utterance(1))
    bench.say(_utterance(2), 0)
    closer = threading.Thread(target=bench.worker.close, args=(PATIENCE_S,))
    closer.start()
    while not bench.worker._closing:
        assert closer.is_alive()
    bench.engine.gate.set()
    closer.join(PATIENCE_S)
    assert [(final.utterance.number, final.state) for final in bench.heard.finals] == [
        (1, FinalState.CANCELLED),
        (2, FinalState.CANCELLED),
    ]
    assert bench.engine.calls[-2:] == ["abandon", "close"]
    assert bench.worker.close(PATIENCE_S)


def test_close_without_start_closes_the_engine() -> None:
    bench = _bench()
    assert (bench.worker.close(), bench.engine.calls) == (True, ["close"])


def test_close_leaves_a_hanging_engine_behind_in_bounded_time() -> None:
    bench = _bench()
    bench.worker.start()
    bench.hold_engine()
    assert not bench.worker.close(0.01)
    bench.engine.gate.set()
    assert bench.worker.close(PATIENCE_S)


def test_after_close_the_sink_takes_nothing_more(bench: Bench) -> None:
    assert bench.worker.close(PATIENCE_S)
    bench.say(_utterance(1), 0)
    assert bench.worker.queued_blocks == 0
    assert bench.heard.finals == []


def test_an_engine_that_cannot_be_warmed_up_is_told_to_who_waits_for_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = _bench()
    bench.engine.failures["warm_up"] = TranscriberError("no memory")
    bench.worker.start()
    with pytest.raises(TranscriberError, match="no memory"):
        bench.worker.wait_until_ready(PATIENCE_S)
    assert bench.worker.close(PATIENCE_S)
    assert "scripted could not be warmed up" in caplog.text


def test_waiting_for_an_engine_that_is_not_warm_in_time_says_so() -> None:
    bench = _bench()
    bench.engine.gate.clear()
    bench.worker.start()
    assert not bench.worker.wait_until_ready(0.01)
    bench.engine.gate.set()
    assert bench.worker.wait_until_ready(PATIENCE_S)
    assert bench.worker.close(PATIENCE_S)


def test_the_engine_finishes_under_the_context_in_which_the_end_was_told(bench: Bench) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    seen: list[str] = []
    finish = bench.engine.finish

    def watched() -> Transcript:
        seen.append(latency_kit.traceparent())
        return finish()

    bench.engine.finish = watched  # type: ignore[method-assign]
    bench.worker.speech_started(_block(0))
    with latency_kit.use_context(latency_kit.context_from_traceparent(parent)):
        bench.worker.speech_ended(_utterance(1))
    bench.until_done()
    assert seen == [parent]


def test_each_block_that_is_decoded_is_measured_without_a_span(bench: Bench) -> None:
    with latency_kit.configure() as telemetry:
        bench.say(_utterance(1), 0, 1, 2)
        bench.until_done()
        counted = {one.name: one.histogram.count for one in telemetry.snapshot()}
        assert (counted, telemetry.recent()) == ({"transcription.decode": 3}, ())
