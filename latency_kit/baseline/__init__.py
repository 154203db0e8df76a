"""Sessions kept as files, compared with each other, and followed over time; the statistics behind it.

Knows nothing of reports and the command line.
"""

from latency_kit.baseline.change_points import (
    DEFAULT_SIGNIFICANCE,
    FEWEST_FIGURES,
    ChangePoint,
    change_points,
)
from latency_kit.baseline.comparability import Difference, check_comparable, differences
from latency_kit.baseline.comparison import (
    COMPARED_PERCENTILES,
    DEFAULT_TOLERANCE,
    Change,
    Comparison,
    PercentileComparison,
    SeriesComparison,
    compare,
)
from latency_kit.baseline.decision import Decision, Look, decide, planned_looks
from latency_kit.baseline.git_commit import Commit, current_commit
from latency_kit.baseline.independence import are_dependent
from latency_kit.baseline.order_statistics import (
    DEFAULT_CONFIDENCE,
    PercentileInterval,
    fewest_samples,
    interval_of_histogram,
    interval_of_samples,
)
from latency_kit.baseline.percentile_ratio import PercentileRatio, percentile_ratio
from latency_kit.baseline.pytest_benchmark import read_pytest_benchmark
from latency_kit.baseline.series_names import series_of_test
from latency_kit.baseline.session_file import read_session, write_session
from latency_kit.baseline.store import DEFAULT_FOLDER, BaselineStore, FoundSession, sessions_in
from latency_kit.baseline.stored_session import MAX_RAW_DURATIONS, StoredSession
from latency_kit.baseline.trend import SeriesTrend, Trend, TrendPoint, follow

__all__ = [
    "COMPARED_PERCENTILES",
    "DEFAULT_CONFIDENCE",
    "DEFAULT_FOLDER",
    "DEFAULT_SIGNIFICANCE",
    "DEFAULT_TOLERANCE",
    "FEWEST_FIGURES",
    "MAX_RAW_DURATIONS",
    "BaselineStore",
    "Change",
    "ChangePoint",
    "Commit",
    "Comparison",
    "Decision",
    "Difference",
    "FoundSession",
    "Look",
    "PercentileComparison",
    "PercentileInterval",
    "PercentileRatio",
    "SeriesComparison",
    "SeriesTrend",
    "StoredSession",
    "Trend",
    "TrendPoint",
    "are_dependent",
    "change_points",
    "check_comparable",
    "compare",
    "current_commit",
    "decide",
    "differences",
    "fewest_samples",
    "follow",
    "interval_of_histogram",
    "interval_of_samples",
    "percentile_ratio",
    "planned_looks",
    "read_pytest_benchmark",
    "read_session",
    "series_of_test",
    "sessions_in",
    "write_session",
]
