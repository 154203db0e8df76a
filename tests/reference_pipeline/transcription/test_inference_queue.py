"""Who may infer next, seen with threads that wait at gates."""

import itertools
import threading
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import latency_kit
from reference_pipeline.ports import TranscriberError
from reference_pipeline.transcription.inference_queue import InferenceQueue, Urgency

PATIENCE_S = 10.0


class Visitors:
    """Callers on threads of their own; `order` is the order in which they were let in."""

    def __init__(self, queue: InferenceQueue) -> None:
        self.queue = queue
        self.order: list[object] = []
        self._threads: list[threading.Thread] = []

    def come(self, name: object, urgency: Urgency, wanted: Callable[[], bool] = lambda: True) -> None:
        """Return when the caller stands in the queue."""

        def visit() -> None:
            with self.queue.turn(urgency, wanted) as held:
                self.order.append(name if held else f"{name} gave up")

        thread = threading.Thread(target=visit)
        waiting = self.queue.waiting
        thread.start()
        self._threads.append(thread)
        while self.queue.waiting == waiting and thread.is_alive():
            pass

    def join(self) -> None:
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(Urgency), min_size=1, max_size=6))
def test_the_most_urgent_comes_first_and_among_equals_who_came_first(urgencies: list[Urgency]) -> None:
    queue = InferenceQueue()
    visitors = Visitors(queue)
    with queue.turn(Urgency.FINAL):
        for number, urgency in enumerate(urgencies):
            visitors.come((urgency, number), urgency)
    visitors.join()
    assert visitors.order == sorted((urgency, number) for number, urgency in enumerate(urgencies))
    assert queue.is_idle


def test_one_whose_work_is_no_longer_wanted_leaves_the_queue() -> None:
    queue = InferenceQueue()
    visitors = Visitors(queue)
    gave_up = threading.Event()
    with queue.turn(Urgency.FINAL):
        visitors.come("speculation", Urgency.SPECULATIVE, lambda: not gave_up.is_set())
        visitors.come("final", Urgency.FINAL)
        gave_up.set()
        while queue.waiting == 2:
            pass
        assert visitors.order == ["speculation gave up"]
    visitors.join()
    assert visitors.order == ["speculation gave up", "final"]


def test_who_infers_can_tell_that_somebody_with_more_urgent_work_waits() -> None:
    queue = InferenceQueue()
    visitors = Visitors(queue)
    with queue.turn(Urgency.INTERIM):
        assert not queue.is_wanted_by_more_urgent(Urgency.INTERIM)
        visitors.come("interim", Urgency.INTERIM)
        assert not queue.is_wanted_by_more_urgent(Urgency.INTERIM)
        visitors.come("final", Urgency.FINAL)
        assert queue.is_wanted_by_more_urgent(Urgency.INTERIM)
        assert not queue.is_wanted_by_more_urgent(Urgency.FINAL)
    visitors.join()


def test_one_beyond_the_bound_is_refused_at_once() -> None:
    queue = InferenceQueue(most_waiting=1)
    visitors = Visitors(queue)
    with queue.turn(Urgency.FINAL):
        visitors.come("first", Urgency.FINAL)
        with (
            pytest.raises(TranscriberError, match="1 utterances wait for the engine already"),
            queue.turn(Urgency.FINAL),
        ):
            pass
    visitors.join()
    assert queue.is_idle


def test_nobody_waits_longer_than_the_patience_of_the_queue() -> None:
    queue = InferenceQueue(patience_s=0.0)
    with (
        queue.turn(Urgency.FINAL),
        pytest.raises(TranscriberError, match="the engine was not free for 0 s"),
        queue.turn(Urgency.FINAL),
    ):
        pass
    assert queue.is_idle


@pytest.mark.parametrize(
    ("left_ms", "waited"), [(7_900, "7.9"), (3_600_000, "20"), (0, "2")], ids=["some", "plenty", "none"]
)
def test_the_wait_ends_with_the_deadline_of_the_turn_but_lets_one_inference_end(
    left_ms: float, waited: str
) -> None:
    now_s = itertools.count()
    queue = InferenceQueue(now_s=lambda: float(next(now_s)))
    with (
        latency_kit.deadline(left_ms),
        queue.turn(Urgency.FINAL),
        pytest.raises(TranscriberError, match=f"the engine was not free for {waited} s"),
        queue.turn(Urgency.FINAL),
    ):
        pass
    assert queue.is_idle


def test_who_comes_after_its_deadline_is_let_in_as_soon_as_the_engine_is_free() -> None:
    queue = InferenceQueue()
    with latency_kit.deadline(0), queue.turn(Urgency.FINAL) as held:
        assert held


def test_an_exception_gives_the_turn_back() -> None:
    queue = InferenceQueue()
    with pytest.raises(ZeroDivisionError), queue.turn(Urgency.FINAL):
        raise ZeroDivisionError
    assert queue.is_idle


def test_interim_work_has_a_fifth_of_the_engines_time_at_most() -> None:
    now_s = [100.0]
    queue = InferenceQueue(now_s=lambda: now_s[0])
    assert queue.welcomes_interim
    with queue.turn(Urgency.INTERIM):
        assert not queue.welcomes_interim
        now_s[0] += 0.2
    now_s[0] += 0.75
    assert not queue.welcomes_interim
    assert queue.is_idle
    now_s[0] += 0.0625
    assert queue.welcomes_interim


def test_final_text_is_made_however_much_the_engine_rests_from_interim_text() -> None:
    now_s = [100.0]
    queue = InferenceQueue(now_s=lambda: now_s[0])
    with queue.turn(Urgency.INTERIM):
        now_s[0] += 10
    with queue.turn(Urgency.FINAL) as held:
        assert held
