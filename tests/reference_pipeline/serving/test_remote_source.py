"""What only a remote source does; the contract of the port is tested with all sources."""

import threading

import numpy as np
import pytest

from reference_pipeline.display.wire import PagePong
from reference_pipeline.events import RawBlock
from reference_pipeline.ports import SourceError
from reference_pipeline.serving.listening_thread import ListeningThread
from reference_pipeline.serving.remote_source import WAITING_PIECES, RemoteSource
from reference_pipeline.serving.sender_clock import SenderClock
from reference_pipeline.serving.speaker_wire import SoundPiece

MS = 1_000_000
OFFSET_NS = 7_000_000 * MS


@pytest.fixture
def thread() -> ListeningThread:
    return ListeningThread()


@pytest.fixture
def source(thread: ListeningThread) -> RemoteSource:
    """A source whose sender's clock is 7000 s ahead, known exactly."""
    clock = SenderClock()
    clock.ping(0)
    clock.ponged(PagePong(number=1, received_ns=OFFSET_NS, replied_ns=OFFSET_NS), arrived_ns=0)
    return RemoteSource("anna", rate=16_000, clock=clock, thread=thread)


def piece(first: int, at_ns: int, frames: int = 320) -> SoundPiece:
    return SoundPiece(
        samples=np.zeros((frames, 1), np.float32), first_sample=first, captured_ns=at_ns + OFFSET_NS
    )


def test_capture_times_are_the_senders_on_our_clock(source: RemoteSource, thread: ListeningThread) -> None:
    blocks: list[RawBlock] = []
    source.start(blocks.append, lambda error: None)
    source.take(piece(0, 100 * MS), arrived_ns=130 * MS)
    source.take(piece(320, 120 * MS), arrived_ns=131 * MS)
    thread.close()
    assert [block.captured_ns for block in blocks] == [100 * MS, 120 * MS]
    assert [block.first_sample for block in blocks] == [0, 320]


def test_what_comes_before_the_start_and_after_the_end_is_nobodys(
    source: RemoteSource, thread: ListeningThread
) -> None:
    blocks: list[RawBlock] = []
    source.take(piece(0, 0), arrived_ns=0)
    source.start(blocks.append, lambda error: None)
    source.end(None)
    source.take(piece(320, 0), arrived_ns=0)
    thread.close()
    assert blocks == []


def test_a_source_that_was_ended_before_its_start_ends_at_once(
    source: RemoteSource, thread: ListeningThread
) -> None:
    ends: list[SourceError | None] = []
    source.end(None)
    source.start(lambda block: None, ends.append)
    thread.close()
    assert ends == [None]


def test_a_speaker_that_is_lost_ends_it_with_the_reason(
    source: RemoteSource, thread: ListeningThread
) -> None:
    ends: list[SourceError | None] = []
    source.start(lambda block: None, ends.append)
    source.end(SourceError("the speaker was lost"))
    source.end(None)
    thread.close()
    assert [str(error) for error in ends] == ["the speaker was lost"]


def test_pieces_that_find_too_many_waiting_are_lost_and_counted(
    source: RemoteSource, thread: ListeningThread
) -> None:
    blocks: list[RawBlock] = []
    go = threading.Event()
    thread.submit(lambda: go.wait(10) and None)
    source.start(blocks.append, lambda error: None)
    for number in range(WAITING_PIECES + 3):
        source.take(piece(number * 320, number * MS), arrived_ns=number * MS)
    go.set()
    thread.close()
    assert len(blocks) == WAITING_PIECES
    assert source.overruns == 3


def test_samples_that_the_sender_left_out_are_counted(source: RemoteSource, thread: ListeningThread) -> None:
    source.start(lambda block: None, lambda error: None)
    source.take(piece(0, 0), arrived_ns=0)
    source.take(piece(640, 40 * MS), arrived_ns=40 * MS)
    source.take(piece(960, 60 * MS), arrived_ns=60 * MS)
    thread.close()
    assert source.overruns == 1
