"""Tools for the tests of programs that use latency_kit: a fake clock and a capture of measurements."""

from latency_kit.testing.capture import Capture, capture_measurements
from latency_kit.testing.fake_clock import FakeClock
from latency_kit.testing.simulated_run import simulated_run

__all__ = ["Capture", "FakeClock", "capture_measurements", "simulated_run"]
