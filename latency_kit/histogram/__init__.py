"""HDR histograms: bucket layout, recording, snapshots, merging, the V2 encoding `.hlog` and `.hgrm`.

This floor knows nothing of spans, budgets or exporters. The recorder, the encoding and the files are
imported when first used.
"""

from importlib import import_module

from latency_kit.histogram.bucket import Bucket
from latency_kit.histogram.histogram import Histogram
from latency_kit.histogram.layout import DEFAULT_LAYOUT, MAX_VALUE_NS, BucketLayout
from latency_kit.histogram.percentile import ceil_rank
from latency_kit.histogram.snapshot import HistogramSnapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from latency_kit.histogram.codec import decode, decode_base64, encode, encode_base64, encode_compressed
    from latency_kit.histogram.log import HistogramLogReader, HistogramLogWriter, LoggedInterval
    from latency_kit.histogram.percentile_distribution import percentile_distribution_lines
    from latency_kit.histogram.recorder import Recorder

__all__ = [
    "DEFAULT_LAYOUT",
    "MAX_VALUE_NS",
    "Bucket",
    "BucketLayout",
    "Histogram",
    "HistogramLogReader",
    "HistogramLogWriter",
    "HistogramSnapshot",
    "LoggedInterval",
    "Recorder",
    "ceil_rank",
    "decode",
    "decode_base64",
    "encode",
    "encode_base64",
    "encode_compressed",
    "percentile_distribution_lines",
]

_MODULE_OF_NAME = {
    "HistogramLogReader": "log",
    "HistogramLogWriter": "log",
    "LoggedInterval": "log",
    "Recorder": "recorder",
    "decode": "codec",
    "decode_base64": "codec",
    "encode": "codec",
    "encode_base64": "codec",
    "encode_compressed": "codec",
    "percentile_distribution_lines": "percentile_distribution",
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
