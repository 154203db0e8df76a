"""Latency instrumentation for Python: spans, exact HDR percentiles, latency budgets, OTLP export.

    import latency_kit

    latency_kit.configure(service_name="shop")

    @latency_kit.measure_latency("checkout", "pay")
    def pay(order): ...

Everything public stands here; the sub-packages are the floors behind it (docs/architecture.md).
"""

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
    "Telemetry",
    "UsageError",
    "begin",
    "bind",
    "configure",
    "context_from_traceparent",
    "current_context",
    "measure_latency",
    "new_trace",
    "now_ns",
    "record",
    "traceparent",
    "use_context",
]


def __getattr__(name: str) -> Any:
    # Measuring must be cheap to import; configuring loads storage, budgets and export.
    if name in {"Telemetry", "configure"}:
        from latency_kit import configuration  # noqa: PLC0415  # as said

        return getattr(configuration, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
