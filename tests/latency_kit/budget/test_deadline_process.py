"""Child processes begin with what remains, on the same moment of the clock that they share."""

import multiprocessing
import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import pytest

import latency_kit
from latency_kit.budget.deadline_process import DEADLINE_VARIABLE
from latency_kit.budget.shared_clock import clock_identity
from latency_kit.measurement.active import active
from latency_kit.measurement.executors import measured_executor
from latency_kit.testing import FakeClock, capture_measurements

REPORT = """
import latency_kit
with latency_kit.use_deadline_of() as deadline:
    print(deadline.at_ns, latency_kit.remaining_ns())
print(latency_kit.current_deadline())
"""


def test_a_spawned_process_pool_works_under_the_deadline_of_its_caller() -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        measured = measured_executor(pool, "pool", "work")
        with latency_kit.deadline(60_000) as deadline:
            begun_ns = time.perf_counter_ns()
            carried = pool.submit(latency_kit.with_current_deadline(latency_kit.remaining_ns))
            inherited = measured.submit(latency_kit.remaining_ns)
            left_ns = [carried.result(60), inherited.result(60)]
            spent_ns = time.perf_counter_ns() - begun_ns
        assert pool.submit(latency_kit.current_deadline).result(60) is None
    assert all(deadline.at_ns - begun_ns - spent_ns <= one <= deadline.at_ns - begun_ns for one in left_ns)


def test_without_a_deadline_a_function_comes_back_as_it_is() -> None:
    assert latency_kit.with_current_deadline(len) is len
    assert latency_kit.deadline_environment() == {}


def test_a_child_program_reads_its_deadline_from_the_environment() -> None:
    with latency_kit.deadline(60_000) as deadline:
        environment = {**os.environ, **latency_kit.deadline_environment()}
        done = subprocess.run(
            [sys.executable, "-c", REPORT],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        left_ns = latency_kit.remaining_ns()
    first, after = done.stdout.splitlines()
    at_ns, child_left_ns = map(int, first.split())
    assert after == "None"
    assert child_left_ns >= left_ns
    if clock_identity():
        assert at_ns == deadline.at_ns


def test_on_another_clock_what_remained_at_the_start_begins_now() -> None:
    fake = FakeClock()
    given = {DEADLINE_VARIABLE: "at_ns=5;remaining_ns=70000000;clock=another-boot/time:[1]"}
    with capture_measurements(clock=fake), latency_kit.use_deadline_of(given):
        assert latency_kit.remaining() == 70.0


@pytest.mark.parametrize(
    "text", ["", "5", "at_ns=-5;remaining_ns=1;clock=", "at_ns=1;remaining_ns=1;clock=a b"]
)
def test_a_malformed_variable_is_ignored_and_counted(text: str) -> None:
    with capture_measurements(), latency_kit.use_deadline_of({DEADLINE_VARIABLE: text}) as deadline:
        assert deadline is None
        assert active.losses.counts() == {"deadlines_ignored": 1}


def test_a_variable_that_contradicts_itself_is_believed_the_less() -> None:
    given = {DEADLINE_VARIABLE: f"at_ns={10**18};remaining_ns=5000000;clock={clock_identity()}"}
    with latency_kit.use_deadline_of(given):
        assert latency_kit.remaining() <= 5.0


def test_a_fake_clock_is_never_taken_for_the_machines() -> None:
    with capture_measurements(clock=FakeClock()):
        assert clock_identity() == ""
    if sys.platform == "linux":
        assert clock_identity() != ""


FORK = """
import os, latency_kit
with latency_kit.deadline(60_000) as deadline:
    child = os.fork()
    if not child:
        os._exit(0 if latency_kit.current_deadline() == deadline else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_goes_on_under_the_deadline_of_its_parent() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORK], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "0\n"
