"""Measuring: call sites, open operations, streams, context hand-over, and the recording behind them.

Knows nothing of budgets, exporters, storage or configuration.
"""

from latency_kit.measurement.call_site import CallSite
from latency_kit.measurement.context import (
    Context,
    bind,
    context_from_traceparent,
    current_context,
    new_trace,
    traceparent,
    use_context,
)
from latency_kit.measurement.measure import measure_latency
from latency_kit.measurement.measurement import AttributeValue, Measurement, Outcome
from latency_kit.measurement.operations import Operation, begin, now_ns, record
from latency_kit.measurement.recording import Exemplar, Recording, SeriesSnapshot

__all__ = [
    "AttributeValue",
    "CallSite",
    "Context",
    "Exemplar",
    "Measurement",
    "Operation",
    "Outcome",
    "Recording",
    "SeriesSnapshot",
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
