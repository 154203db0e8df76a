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
    LatencyKitError,
    MissingExtraError,
    NoDataError,
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
    "ConfigurationError",
    "Context",
    "CorruptDataError",
    "LatencyKitError",
    "Measurement",
    "MergedProcesses",
    "MissingExtraError",
    "NoDataError",
    "Operation",
    "Outcome",
    "PolicyError",
    "ProcessState",
    "RecordedInterval",
    "SeriesSnapshot",
    "SharedProcess",
    "Telemetry",
    "UsageError",
    "begin",
    "bind",
    "configure",
    "context_from_traceparent",
    "current_context",
    "decode_series",
    "encode_series",
    "measure_latency",
    "merge_processes",
    "merge_series",
    "new_trace",
    "now_ns",
    "record",
    "traceparent",
    "use_context",
]

_MODULE_OF_NAME = {
    "MergedProcesses": "storage",
    "ProcessState": "storage",
    "RecordedInterval": "measurement.series_intervals",
    "SharedProcess": "storage",
    "Telemetry": "configuration",
    "configure": "configuration",
    "decode_series": "storage",
    "encode_series": "storage",
    "merge_processes": "storage",
    "merge_series": "measurement.series_sets",
}


def __getattr__(name: str) -> Any:
    # Measuring must be cheap to import; configuring loads storage, budgets and export.
    module = _MODULE_OF_NAME.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)
