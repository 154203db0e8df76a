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
    Measurement,
    Operation,
    Outcome,
    SeriesSnapshot,
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
    from latency_kit.measurement.series_intervals import RecordedInterval
    from latency_kit.measurement.series_sets import merge_series
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
    "ConfigurationError",
    "Context",
    "CorruptDataError",
    "Deadline",
    "DeadlineExceededError",
    "DeadlinePropagator",
    "HedgeLimit",
    "LatencyKitError",
    "Measurement",
    "MergedProcesses",
    "MissingExtraError",
    "NoDataError",
    "NoDeadlineError",
    "Operation",
    "Outcome",
    "PolicyError",
    "ProcessState",
    "RecordedInterval",
    "SeriesSnapshot",
    "SharedProcess",
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
    "inject_deadline",
    "measure_latency",
    "merge_processes",
    "merge_series",
    "new_trace",
    "now_ns",
    "propagate_deadlines",
    "record",
    "remaining",
    "remaining_ns",
    "traceparent",
    "use_context",
    "use_deadline_of",
    "with_current_deadline",
]

_MODULE_OF_NAME = {
    "Alternative": "budget.choice",
    "Deadline": "budget.deadline",
    "DeadlinePropagator": "budget.deadline_propagation",
    "HedgeLimit": "budget.hedge_limit",
    "MergedProcesses": "storage",
    "ProcessState": "storage",
    "RecordedInterval": "measurement.series_intervals",
    "SharedProcess": "storage",
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
    "inject_deadline": "budget.deadline_propagation",
    "merge_processes": "storage",
    "merge_series": "measurement.series_sets",
    "propagate_deadlines": "budget.deadline_propagation",
    "remaining": "budget.deadline",
    "remaining_ns": "budget.deadline",
    "use_deadline_of": "budget.deadline_process",
    "with_current_deadline": "budget.deadline_process",
}


def __getattr__(name: str) -> Any:
    # Measuring must be cheap to import; configuring loads storage, budgets and export.
    module = _MODULE_OF_NAME.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
    return value
