"""The thread that listens to all speakers."""

import threading

import pytest

from reference_pipeline.serving.listening_thread import ListeningThread


def test_tasks_run_in_order_and_before_the_end() -> None:
    thread = ListeningThread()
    done: list[int] = []
    for number in range(100):
        assert thread.submit(lambda number=number: done.append(number))
    assert thread.close()
    assert done == list(range(100))


def test_what_a_task_raises_is_logged_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    thread = ListeningThread()
    done = threading.Event()
    thread.submit(lambda: 1 / 0)
    thread.submit(done.set)
    assert thread.close()
    assert done.is_set()
    assert "ZeroDivisionError" in caplog.text


def test_after_the_end_nothing_is_taken_and_closing_again_is_harmless() -> None:
    thread = ListeningThread()
    assert thread.close()
    assert thread.close()
    assert not thread.submit(lambda: None)
