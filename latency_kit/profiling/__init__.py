"""Profilers: what takes the time or the memory, and what a call that is over its limit is doing.

Off unless started. Nothing here judges a budget or renders a report. `memory_profiler` is not imported here:
it takes an extra.
"""

from latency_kit.profiling.async_profiler import AsyncProfiler
from latency_kit.profiling.flight import Flight, StackSample
from latency_kit.profiling.flight_recorder import FlightRecorder, limits_of
from latency_kit.profiling.function_profiler import FunctionProfiler
from latency_kit.profiling.process_profiler import ProcessProfile, profile_process
from latency_kit.profiling.profile import Profile, ProfiledCall, ProfileEntry, ProfileKind
from latency_kit.profiling.profile_comparison import EntryChange, ProfileComparison, compare_profiles
from latency_kit.profiling.profile_file import load_profile
from latency_kit.profiling.stacks import Frame

__all__ = [
    "AsyncProfiler",
    "EntryChange",
    "Flight",
    "FlightRecorder",
    "Frame",
    "FunctionProfiler",
    "ProcessProfile",
    "Profile",
    "ProfileComparison",
    "ProfileEntry",
    "ProfileKind",
    "ProfiledCall",
    "StackSample",
    "compare_profiles",
    "limits_of",
    "load_profile",
    "profile_process",
]
