"""HDR histograms: bucket layout, recording, snapshots, merging, the V2 encoding and `.hlog` interval logs.

This floor knows nothing of spans, budgets or exporters. The encoding and the log are imported when
first used.
"""

from latency_kit.histogram.histogram import Histogram
from latency_kit.histogram.layout import DEFAULT_LAYOUT, MAX_VALUE_NS, BucketLayout
from latency_kit.histogram.recorder import Recorder
from latency_kit.histogram.snapshot import Bucket, HistogramSnapshot

__all__ = [
    "DEFAULT_LAYOUT",
    "MAX_VALUE_NS",
    "Bucket",
    "BucketLayout",
    "Histogram",
    "HistogramSnapshot",
    "Recorder",
]
