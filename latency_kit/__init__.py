"""Latency instrumentation for Python: spans, exact HDR percentiles, latency budgets, OTLP export.

    import latency_kit

    latency_kit.configure(service_name="shop")

    @latency_kit.measure_latency("checkout", "pay")
    def pay(order): ...

Everything public stands here; the sub-packages are the floors behind it (docs/architecture.md).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from latency_kit.errors import (
    BudgetExceededError,
    ConfigurationError,
    CorruptDataError,
    DeadlineExceededError,
    LatencyKitError,
    MissingExtraError,
    NoDataError,
    NoDeadlineError,
    PolicyError,
    UsageError,
)
from latency_kit.measurement import (
    Context,
    Operation,
    Outcome,
    begin,
    bind,
    context_from_traceparent,
    current_context,
    measure_latency,
    new_trace,
    now_ns,
    record,
    traceparent,
    use_context,
)

if TYPE_CHECKING:
    from latency_kit.budget.allowance import allow
    from latency_kit.budget.choice import Alternative, choose
    from latency_kit.budget.deadline import (
        Deadline,
        check_deadline,
        current_deadline,
        remaining,
        remaining_ns,
    )
    from latency_kit.budget.deadline_process import (
        deadline_environment,
        use_deadline_of,
        with_current_deadline,
    )
    from latency_kit.budget.deadline_propagation import (
        DeadlinePropagator,
        extract_deadline,
        inject_deadline,
        propagate_deadlines,
    )
    from latency_kit.budget.deadline_scope import deadline
    from latency_kit.budget.hedge import hedge
    from latency_kit.budget.hedge_limit import HedgeLimit
    from latency_kit.configuration import Telemetry, configure
    from latency_kit.measurement.asyncio_locks import MeasuredAsyncLock
    from latency_kit.measurement.asyncio_queues import (
        MeasuredAsyncLifoQueue,
        MeasuredAsyncPriorityQueue,
        MeasuredAsyncQueue,
    )
    from latency_kit.measurement.end_to_end import resume
    from latency_kit.measurement.executors import MeasuredExecutor, measured_executor
    from latency_kit.measurement.in_flight import CallInFlight, in_flight
    from latency_kit.measurement.measured_queue import TakenItem
    from latency_kit.measurement.measurement import Measurement
    from latency_kit.measurement.pauses import Pause, recent_pauses
    from latency_kit.measurement.probes import Probes, start_probes
    from latency_kit.measurement.readings import Reading, readings
    from latency_kit.measurement.series import SeriesSnapshot
    from latency_kit.measurement.series_intervals import RecordedInterval
    from latency_kit.measurement.series_sets import merge_series
    from latency_kit.measurement.thread_locks import MeasuredLock
    from latency_kit.measurement.thread_queues import (
        MeasuredLifoQueue,
        MeasuredPriorityQueue,
        MeasuredQueue,
        MeasuredSimpleQueue,
    )
    from latency_kit.storage import (
        MergedProcesses,
        ProcessState,
        SharedProcess,
        decode_series,
        encode_series,
        merge_processes,
    )

__all__ = [
    "Alternative",
    "BudgetExceededError",
    "CallInFlight",
    "ConfigurationError",
    "Context",
    "CorruptDataError",
    "Deadline",
    "DeadlineExceededError",
    "DeadlinePropagator",
    "HedgeLimit",
    "LatencyKitError",
    "MeasuredAsyncLifoQueue",
    "MeasuredAsyncLock",
    "MeasuredAsyncPriorityQueue",
    "MeasuredAsyncQueue",
    "MeasuredExecutor",
    "MeasuredLifoQueue",
    "MeasuredLock",
    "MeasuredPriorityQueue",
    "MeasuredQueue",
    "MeasuredSimpleQueue",
    "Measurement",
    "MergedProcesses",
    "MissingExtraError",
    "NoDataError",
    "NoDeadlineError",
    "Operation",
    "Outcome",
    "Pause",
    "PolicyError",
    "Probes",
    "ProcessState",
    "Reading",
    "RecordedInterval",
    "SeriesSnapshot",
    "SharedProcess",
    "TakenItem",
    "Telemetry",
    "UsageError",
    "allow",
    "begin",
    "bind",
    "check_deadline",
    "choose",
    "configure",
    "context_from_traceparent",
    "current_context",
    "current_deadline",
    "deadline",
    "deadline_environment",
    "decode_series",
    "encode_series",
    "extract_deadline",
    "hedge",
    "in_flight",
    "inject_deadline",
    "measure_latency",
    "measured_executor",
    "merge_processes",
    "merge_series",
    "new_trace",
    "now_ns",
    "propagate_deadlines",
    "readings",
    "recent_pauses",
    "record",
    "remaining",
    "remaining_ns",
    "resume",
    "start_probes",
    "traceparent",
    "use_context",
    "use_deadline_of",
    "with_current_deadline",
]

_MODULE_OF_NAME = {
    "Alternative": "budget.choice",
    "CallInFlight": "measurement.in_flight",
    "Deadline": "budget.deadline",
    "DeadlinePropagator": "budget.deadline_propagation",
    "HedgeLimit": "budget.hedge_limit",
    "MeasuredAsyncLifoQueue": "measurement.asyncio_queues",
    "MeasuredAsyncLock": "measurement.asyncio_locks",
    "MeasuredAsyncPriorityQueue": "measurement.asyncio_queues",
    "MeasuredAsyncQueue": "measurement.asyncio_queues",
    "MeasuredExecutor": "measurement.executors",
    "MeasuredLifoQueue": "measurement.thread_queues",
    "MeasuredLock": "measurement.thread_locks",
    "MeasuredPriorityQueue": "measurement.thread_queues",
    "MeasuredQueue": "measurement.thread_queues",
    "MeasuredSimpleQueue": "measurement.thread_queues",
    "Measurement": "measurement.measurement",
    "MergedProcesses": "storage",
    "Pause": "measurement.pauses",
    "Probes": "measurement.probes",
    "ProcessState": "storage",
    "Reading": "measurement.readings",
    "RecordedInterval": "measurement.series_intervals",
    "SeriesSnapshot": "measurement.series",
    "SharedProcess": "storage",
    "TakenItem": "measurement.measured_queue",
    "Telemetry": "configuration",
    "allow": "budget.allowance",
    "check_deadline": "budget.deadline",
    "choose": "budget.choice",
    "configure": "configuration",
    "current_deadline": "budget.deadline",
    "deadline": "budget.deadline_scope",
    "deadline_environment": "budget.deadline_process",
    "decode_series": "storage",
    "encode_series": "storage",
    "extract_deadline": "budget.deadline_propagation",
    "hedge": "budget.hedge",
    "in_flight": "measurement.in_flight",
    "inject_deadline": "budget.deadline_propagation",
    "measured_executor": "measurement.executors",
    "merge_processes": "storage",
    "merge_series": "measurement.series_sets",
    "propagate_deadlines": "budget.deadline_propagation",
    "readings": "measurement.readings",
    "recent_pauses": "measurement.pauses",
    "remaining": "budget.deadline",
    "remaining_ns": "budget.deadline",
    "resume": "measurement.end_to_end",
    "start_probes": "measurement.probes",
    "use_deadline_of": "budget.deadline_process",
    "with_current_deadline": "budget.deadline_process",
}


if not TYPE_CHECKING:
    # Hidden from type checkers, which would otherwise take any name for a public one.

    def __getattr__(name: str) -> Any:
        # Measuring must be cheap to import; configuring loads storage, budgets and export.
        module = _MODULE_OF_NAME.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
