"""Latency instrumentation for Python: spans, exact HDR percentiles, latency budgets, OTLP export.

    import latency_kit

    latency_kit.configure(service_name="shop")

    @latency_kit.measure_latency("checkout", "pay")
    def pay(order): ...

Everything public stands here; the sub-packages are the floors behind it (docs/architecture.md).
"""

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

__all__ = [
    "ConfigurationError",
    "Context",
    "CorruptDataError",
    "LatencyKitError",
    "Measurement",
    "MissingExtraError",
    "NoDataError",
    "Operation",
    "Outcome",
    "PolicyError",
    "SeriesSnapshot",
    "UsageError",
    "begin",
    "bind",
    "context_from_traceparent",
    "current_context",
    "measure_latency",
    "new_trace",
    "now_ns",
    "record",
    "traceparent",
    "use_context",
]
