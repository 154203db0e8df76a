"""What a transcriber in a process of its own holds when that process fails."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import latency_kit
from reference_pipeline.events import AudioBlock, Samples
from reference_pipeline.ports import TranscriberError
from reference_pipeline.transcription.child_process import ChildProcess
from reference_pipeline.transcription.pocketsphinx_transcriber import PocketsphinxTranscriber
from reference_pipeline.transcription.process_transcriber import ProcessTranscriber
from reference_pipeline.transcription.time_left import LEAST_WAIT_S
from reference_pipeline.transcription.transcriber_server import serve_transcriber
from reference_pipeline.transcription.transcriber_wire import Call, read_frame, write_frame

POCKETSPHINX = "reference_pipeline.transcription.pocketsphinx_process"
PATIENCE_S = 20.0


@pytest.fixture
def transcriber() -> Iterator[ProcessTranscriber]:
    made = ProcessTranscriber("pocketsphinx", POCKETSPHINX)
    yield made
    made.close()


def _block(samples: Samples | None = None) -> AudioBlock:
    given = np.zeros(512, np.float32) if samples is None else samples
    return AudioBlock(samples=given, first_sample=0, start_ns=0)


def _has_ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def _until(condition: Callable[[], bool]) -> bool:
    give_up_s = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > give_up_s:
            return False
        time.sleep(0.01)
    return True


def test_it_hears_what_the_same_engine_hears_in_this_process(
    transcriber: ProcessTranscriber, interview: list[Any]
) -> None:
    def heard(by: Any) -> tuple[list[str | None], str]:
        by.begin()
        return [by.feed(block) for block in interview[1].blocks], by.finish().text

    assert heard(transcriber) == heard(PocketsphinxTranscriber())


@pytest.mark.parametrize("call", ["begin", "feed", "finish"])
def test_when_the_process_dies_the_utterance_fails_and_the_next_one_is_heard(
    transcriber: ProcessTranscriber, interview: list[Any], call: str
) -> None:
    def go_on() -> None:
        if call != "begin":
            transcriber.begin()
            transcriber.feed(_block())
        os.kill(transcriber.pid, signal.SIGKILL)
        if call == "begin":
            transcriber.begin()
        elif call == "feed":
            transcriber.feed(_block())
        else:
            transcriber.finish()

    dead = transcriber.pid
    with pytest.raises(
        TranscriberError, match=rf"its process {dead} ended with -9; what was being said is lost"
    ):
        go_on()
    if call == "feed":
        with pytest.raises(TranscriberError, match="was lost with its process"):
            transcriber.feed(_block())
        transcriber.abandon()
    assert transcriber.restarts == 1
    transcriber.begin()
    for block in interview[1].blocks:
        transcriber.feed(block)
    assert transcriber.finish().text.split()[:3] == interview[1].text.split()[:3]


def test_a_process_that_hangs_is_ended_in_bounded_time() -> None:
    transcriber = ProcessTranscriber("pocketsphinx", POCKETSPHINX, call_limit_s=0.2)
    transcriber.begin()
    hung = transcriber.pid
    os.kill(hung, signal.SIGSTOP)
    with pytest.raises(TranscriberError, match="because it did not answer in time"):
        transcriber.feed(_block())
    transcriber.close()
    assert _has_ended(hung)
    assert _has_ended(transcriber.pid)


def test_an_engine_that_cannot_be_made_is_told_as_by_the_engine_itself() -> None:
    with pytest.raises(
        TranscriberError, match=r"^pocketsphinx: expected a file for 'lm', absent\.lm is none$"
    ):
        ProcessTranscriber("pocketsphinx", POCKETSPHINX, ["--language-model", "absent.lm"])


def test_a_program_that_does_not_start_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TranscriberError, match="ended with 1"):
        ProcessTranscriber("nothing", "reference_pipeline.no_such_module")
    assert "No module named reference_pipeline.no_such_module" in capfd.readouterr().err


def test_close_ends_the_process(transcriber: ProcessTranscriber) -> None:
    transcriber.begin()
    transcriber.close()
    assert _has_ended(transcriber.pid)


def test_an_owner_that_is_killed_leaves_no_process_behind() -> None:
    program = (
        "import time\n"
        "from reference_pipeline.transcription.process_transcriber import ProcessTranscriber\n"
        f"print(ProcessTranscriber('pocketsphinx', {POCKETSPHINX!r}).pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    with owner, owner.stdout:
        pid = int(owner.stdout.readline())
        owner.kill()
        assert _until(lambda: _is_gone_or_zombie(pid))


def _is_gone_or_zombie(pid: int) -> bool:
    """A child whose parent was killed is reaped by whoever is init, which in a container may be nobody."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return not state.stdout.strip() or state.stdout.startswith("Z")


def test_an_interrupt_from_the_terminal_is_left_to_the_owner(transcriber: ProcessTranscriber) -> None:
    os.kill(transcriber.pid, signal.SIGINT)
    transcriber.begin()
    assert transcriber.finish().text == ""
    assert transcriber.restarts == 0


def test_a_call_that_raises_is_answered_and_the_next_one_served() -> None:
    calls, replies = io.BytesIO(), io.BytesIO()
    for call in (Call.FINISH, Call.BEGIN, Call.FINISH):
        write_frame(calls, call)
    calls.seek(0)
    transcriber = PocketsphinxTranscriber()
    serve_transcriber(transcriber, calls, replies)
    transcriber.close()
    replies.seek(0)
    answers = [read_frame(replies) for _ in range(3)]
    assert answers[0][0] == b"e"
    assert b"finish needs that an utterance is begun" in answers[0][1]
    assert answers[1:] == [(b"d", b""), (b"t", b"")]


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="a frame has at most 67108864 octets"):
        read_frame(io.BytesIO(b"hello world"))


def test_the_final_text_is_waited_for_no_longer_than_the_turn_may_take(
    transcriber: ProcessTranscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[float] = []
    ask = ChildProcess.ask

    def watched(child: ChildProcess, call: Call, payload: bytes = b"", *, limit_s: float) -> str | None:
        if call is Call.FINISH:
            limits.append(limit_s)
        return ask(child, call, payload, limit_s=limit_s)

    monkeypatch.setattr(ChildProcess, "ask", watched)
    for left_ms in (60_000, 4_000, 0):
        transcriber.begin()
        transcriber.feed(_block())
        with latency_kit.deadline(left_ms):
            transcriber.finish()
    assert limits[0] == 10.0
    assert LEAST_WAIT_S < limits[1] < 4.0
    assert limits[2] == LEAST_WAIT_S
