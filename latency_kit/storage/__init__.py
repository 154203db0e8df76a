"""Storing what was measured: the ring of the last calls, `performance.jsonl`, CSV, `.hlog`, shared series.

Knows nothing of budgets, exporters and reports. What only some programs use is imported when first used.
"""

from importlib import import_module

from latency_kit.storage.csv_export import export_csv, write_csv, write_table
from latency_kit.storage.jsonl import JsonlWriter
from latency_kit.storage.jsonl_reader import JsonlContents, JsonlReader, read_jsonl
from latency_kit.storage.record import StoredMeasurement, stored
from latency_kit.storage.ring import RecentRing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from latency_kit.storage.interval_log import IntervalLog, series_tag
    from latency_kit.storage.series_frame import decode_series, encode_series
    from latency_kit.storage.shared_file import SharedFile
    from latency_kit.storage.shared_reader import (
        MergedProcesses,
        ProcessState,
        SharedProcess,
        merge_processes,
    )

__all__ = [
    "IntervalLog",
    "JsonlContents",
    "JsonlReader",
    "JsonlWriter",
    "MergedProcesses",
    "ProcessState",
    "RecentRing",
    "SharedFile",
    "SharedProcess",
    "StoredMeasurement",
    "decode_series",
    "encode_series",
    "export_csv",
    "merge_processes",
    "read_jsonl",
    "series_tag",
    "stored",
    "write_csv",
    "write_table",
]

_MODULE_OF_NAME = {
    "IntervalLog": "interval_log",
    "MergedProcesses": "shared_reader",
    "ProcessState": "shared_reader",
    "SharedFile": "shared_file",
    "SharedProcess": "shared_reader",
    "decode_series": "series_frame",
    "encode_series": "series_frame",
    "merge_processes": "shared_reader",
    "series_tag": "interval_log",
}


if not TYPE_CHECKING:
    # Hidden from type checkers, which would otherwise take any name for a public one.

    def __getattr__(name: str) -> object:
        module = _MODULE_OF_NAME.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value: object = getattr(import_module(f"{__name__}.{module}"), name)
        globals()[name] = value
        return value
