"""Profilers: what a call that is over its limit is doing while it still runs.

Off unless started. Nothing here judges a budget or renders a report.
"""

from latency_kit.profiling.flight import Flight, StackSample
from latency_kit.profiling.flight_recorder import FlightRecorder, limits_of
from latency_kit.profiling.stacks import Frame

__all__ = ["Flight", "FlightRecorder", "Frame", "StackSample", "limits_of"]
