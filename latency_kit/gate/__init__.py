"""Two versions of a program compared in lock step: check them out, run their benchmarks in turns, decide.

Knows nothing of the command line.
"""

from latency_kit.gate.environments import BuildError, EnvironmentWish, default_cache
from latency_kit.gate.gate import GateProgress, GateResult, GateWish, Uncompared, run_gate
from latency_kit.gate.lock_step import TAIL_PERCENTILE, LockStepPlan, PairFigures
from latency_kit.gate.lock_step_comparison import BenchmarkComparison, LockStep, compare_in_lock_step
from latency_kit.gate.processor_core import allowed_cores, idlest_core
from latency_kit.gate.verdict import (
    DEFAULT_LOOKS,
    DEFAULT_MEDIAN_THRESHOLD,
    DEFAULT_TAIL_THRESHOLD,
    DecisionRule,
    RatioVerdict,
    Verdict,
    looks_up_to,
)
from latency_kit.gate.worker_process import Benchmark, BenchmarkFailedError, Version

__all__ = [
    "DEFAULT_LOOKS",
    "DEFAULT_MEDIAN_THRESHOLD",
    "DEFAULT_TAIL_THRESHOLD",
    "TAIL_PERCENTILE",
    "Benchmark",
    "BenchmarkComparison",
    "BenchmarkFailedError",
    "BuildError",
    "DecisionRule",
    "EnvironmentWish",
    "GateProgress",
    "GateResult",
    "GateWish",
    "LockStep",
    "LockStepPlan",
    "PairFigures",
    "RatioVerdict",
    "Uncompared",
    "Verdict",
    "Version",
    "allowed_cores",
    "compare_in_lock_step",
    "default_cache",
    "idlest_core",
    "looks_up_to",
    "run_gate",
]
