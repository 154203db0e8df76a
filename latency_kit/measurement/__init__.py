"""Measuring: call sites, open operations, streams, context hand-over, and the recording behind them.

Knows nothing of budgets, exporters, storage or configuration.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
from latency_kit.measurement.operations import Operation, begin, now_ns, record
from latency_kit.measurement.values import AttributeValue, Outcome

if TYPE_CHECKING:
    from latency_kit.measurement.asyncio_locks import MeasuredAsyncLock
    from latency_kit.measurement.asyncio_queues import (
        MeasuredAsyncLifoQueue,
        MeasuredAsyncPriorityQueue,
        MeasuredAsyncQueue,
    )
    from latency_kit.measurement.end_to_end import resume
    from latency_kit.measurement.executors import MeasuredExecutor, measured_executor
    from latency_kit.measurement.in_flight import CallInFlight
    from latency_kit.measurement.measured_queue import TakenItem
    from latency_kit.measurement.measurement import Measurement
    from latency_kit.measurement.pauses import Pause, recent_pauses
    from latency_kit.measurement.probes import Probes, start_probes
    from latency_kit.measurement.readings import Reading
    from latency_kit.measurement.recording import Recording
    from latency_kit.measurement.series import Exemplar, SeriesSnapshot
    from latency_kit.measurement.thread_locks import MeasuredLock
    from latency_kit.measurement.thread_queues import (
        MeasuredLifoQueue,
        MeasuredPriorityQueue,
        MeasuredQueue,
        MeasuredSimpleQueue,
    )

__all__ = [
    "AttributeValue",
    "CallInFlight",
    "CallSite",
    "Context",
    "Exemplar",
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
    "Operation",
    "Outcome",
    "Pause",
    "Probes",
    "Reading",
    "Recording",
    "SeriesSnapshot",
    "TakenItem",
    "begin",
    "bind",
    "context_from_traceparent",
    "current_context",
    "measure_latency",
    "measured_executor",
    "new_trace",
    "now_ns",
    "recent_pauses",
    "record",
    "resume",
    "start_probes",
    "traceparent",
    "use_context",
]

_MODULE_OF_NAME = {
    "CallInFlight": "in_flight",
    "Exemplar": "series",
    "MeasuredAsyncLifoQueue": "asyncio_queues",
    "MeasuredAsyncLock": "asyncio_locks",
    "MeasuredAsyncPriorityQueue": "asyncio_queues",
    "MeasuredAsyncQueue": "asyncio_queues",
    "MeasuredExecutor": "executors",
    "MeasuredLifoQueue": "thread_queues",
    "MeasuredLock": "thread_locks",
    "MeasuredPriorityQueue": "thread_queues",
    "MeasuredQueue": "thread_queues",
    "MeasuredSimpleQueue": "thread_queues",
    "Measurement": "measurement",
    "Pause": "pauses",
    "Probes": "probes",
    "Reading": "readings",
    "Recording": "recording",
    "SeriesSnapshot": "series",
    "TakenItem": "measured_queue",
    "measured_executor": "executors",
    "recent_pauses": "pauses",
    "resume": "end_to_end",
    "start_probes": "probes",
}
"""Names whose modules are loaded when they are first asked for: most programs need few of them."""


if not TYPE_CHECKING:
    # Hidden from type checkers, which would otherwise take any name for a public one.

    def __getattr__(name: str) -> Any:
        module = _MODULE_OF_NAME.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
        return value
