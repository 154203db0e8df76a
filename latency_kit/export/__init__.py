"""OTLP export of traces and metrics. Nothing heavy is imported before a name is first used."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latency_kit.export.metrics import PeriodicMetricExport, build_metric_export
    from latency_kit.export.process_resource import ProcessResource
    from latency_kit.export.series import CollectedMetrics, NumberData, SeriesData, SlowCall
    from latency_kit.export.settings import ExportSettings, OtlpProtocol, Temporality
    from latency_kit.export.traces import TraceExport, build_trace_export, build_unexported_provider

__all__ = [
    "CollectedMetrics",
    "ExportSettings",
    "NumberData",
    "OtlpProtocol",
    "PeriodicMetricExport",
    "ProcessResource",
    "SeriesData",
    "SlowCall",
    "Temporality",
    "TraceExport",
    "build_metric_export",
    "build_trace_export",
    "build_unexported_provider",
]

_MODULES = {
    "CollectedMetrics": "series",
    "ExportSettings": "settings",
    "NumberData": "series",
    "OtlpProtocol": "settings",
    "PeriodicMetricExport": "metrics",
    "ProcessResource": "process_resource",
    "SeriesData": "series",
    "SlowCall": "series",
    "Temporality": "settings",
    "TraceExport": "traces",
    "build_metric_export": "metrics",
    "build_trace_export": "traces",
    "build_unexported_provider": "traces",
}


if not TYPE_CHECKING:
    # Hidden from type checkers, which would otherwise take any name for a public one.

    def __getattr__(name: str) -> Any:
        module = _MODULES.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib  # noqa: PLC0415  # the first use of a name pays for it, not the import of the package

        return getattr(importlib.import_module(f"{__name__}.{module}"), name)
