"""What a configuration puts into the slot of the call sites is gone when it ends."""

import time

import latency_kit
from latency_kit.testing import FakeClock


def test_times_are_the_system_clocks_again_after_a_configuration_with_another_clock() -> None:
    clock = FakeClock()
    with latency_kit.configure(clock=clock):
        assert latency_kit.now_ns() == clock.monotonic_ns()
    before_ns = time.perf_counter_ns()
    assert before_ns <= latency_kit.now_ns() <= time.perf_counter_ns()
