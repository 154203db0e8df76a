"""Text is made under the deadline of its turn, and it is made however late it is."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

import latency_kit
from latency_kit.budget import LatencyBudget
from latency_kit.testing import FakeClock
from reference_pipeline.events import AudioBlock, Transcript, Utterance
from reference_pipeline.transcription.final_transcript import FinalState
from reference_pipeline.transcription.time_left import LEAST_WAIT_S, within_deadline_s
from reference_pipeline.transcription.utterance_in_work import UtteranceEnd, UtteranceInWork

S = 1_000_000_000
T0_NS = 50 * S
BUDGET = LatencyBudget(name="turn", component="turn", operation="end_to_end", limit_ns=4 * S, strict=True)


class Engine:
    """Notes under which deadline it is asked for text."""

    name = "engine"
    is_streaming = False

    def __init__(self) -> None:
        self.deadlines: list[latency_kit.Deadline | None] = []

    def warm_up(self) -> None: ...

    def begin(self) -> None: ...

    def feed(self, block: AudioBlock) -> str | None:
        return None

    def interim(self, wanted: Callable[[], bool]) -> str | None:
        return None

    def speculate(self, wanted: Callable[[], bool], *, whole: bool = False) -> Transcript:
        return self.finish()

    def finish(self) -> Transcript:
        self.deadlines.append(latency_kit.current_deadline())
        return Transcript(text="so", engine=self.name, final=True)

    def abandon(self) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def clock() -> Iterator[FakeClock]:
    """The clock of all that is measured; it stands at T0."""
    clock = FakeClock(monotonic_ns=T0_NS)
    with latency_kit.configure(clock=clock):
        yield clock


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def utterance(engine: Engine) -> UtteranceInWork:
    """One of 100 ms that began 50 ms before T0."""
    utterance = UtteranceInWork(engine, budget=BUDGET)
    utterance.begin()
    utterance.feed(
        AudioBlock(samples=np.zeros(1600, np.float32), first_sample=0, start_ns=T0_NS - 50_000_000)
    )
    return utterance


@pytest.mark.parametrize("late_s", [0, 9])
def test_final_text_is_made_under_the_deadline_of_its_turn_even_when_that_has_passed(
    utterance: UtteranceInWork, engine: Engine, clock: FakeClock, late_s: int
) -> None:
    clock.advance(s=late_s)
    final = utterance.finish(
        UtteranceEnd(
            Utterance(number=1, first_sample=0, last_sample=800, start_ns=0, end_ns=T0_NS, decided_ns=T0_NS),
            queued_ns=T0_NS,
            lost_blocks=0,
            context=latency_kit.new_trace(),
        )
    )
    assert (final.state, final.text) == (FinalState.COMPLETE, "so")
    assert [deadline and deadline.at_ns for deadline in engine.deadlines] == [T0_NS + BUDGET.limit_ns]


def test_text_on_speculation_is_made_under_the_deadline_that_its_turn_would_have(
    utterance: UtteranceInWork, engine: Engine, clock: FakeClock
) -> None:
    clock.advance(ms=100)
    assert utterance.pause(800, lambda: True) is not None
    assert [deadline and deadline.at_ns for deadline in engine.deadlines] == [T0_NS + BUDGET.limit_ns]


@pytest.mark.parametrize(
    ("left_s", "wait_s"), [(100, 20.0), (5, 5.0), (0.5, LEAST_WAIT_S), (0, LEAST_WAIT_S)]
)
@pytest.mark.usefixtures("clock")
def test_what_is_waited_for_is_bounded_by_the_deadline_and_a_least_wait(left_s: float, wait_s: float) -> None:
    with latency_kit.deadline(1000 * left_s):
        assert within_deadline_s(20.0) == pytest.approx(wait_s)
        assert within_deadline_s(1.0) == 1.0
    assert within_deadline_s(20.0) == 20.0
