"""Tools for the tests of programs that use latency_kit: a fake clock and a capture of measurements."""

from latency_kit.testing.capture import Capture, capture_measurements
from latency_kit.testing.fake_clock import FakeClock

__all__ = ["Capture", "FakeClock", "capture_measurements"]
