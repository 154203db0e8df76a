"""Storing measurements: the ring of the last ones, `performance.jsonl`, its reader, and CSV.

Knows nothing of budgets, exporters and reports.
"""

from latency_kit.storage.csv_export import export_csv, write_csv
from latency_kit.storage.jsonl import JsonlWriter
from latency_kit.storage.jsonl_reader import JsonlContents, JsonlReader, read_jsonl
from latency_kit.storage.record import StoredMeasurement, stored
from latency_kit.storage.ring import RecentRing

__all__ = [
    "JsonlContents",
    "JsonlReader",
    "JsonlWriter",
    "RecentRing",
    "StoredMeasurement",
    "export_csv",
    "read_jsonl",
    "stored",
    "write_csv",
]
