"""Comparing two sessions, percentile by percentile: a pure function from stored sessions to verdicts.

Two runs at two times differ by more than chance in their calls: another load on the machine, another layout
of memory. No interval within the runs can tell that. So something counts as regressed only where its whole
interval lies beyond a tolerance; whoever must see smaller changes runs both versions in lock step.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from latency_kit.baseline.comparability import Difference, check_comparable, differences
from latency_kit.baseline.order_statistics import DEFAULT_CONFIDENCE
from latency_kit.baseline.percentile_ratio import PercentileRatio, percentile_ratio
from latency_kit.baseline.stored_session import StoredSession
from latency_kit.errors import UsageError
from latency_kit.histogram import HistogramSnapshot

__all__ = [
    "COMPARED_PERCENTILES",
    "DEFAULT_TOLERANCE",
    "Change",
    "Comparison",
    "PercentileComparison",
    "SeriesComparison",
    "compare",
]

COMPARED_PERCENTILES = (50.0, 90.0, 95.0, 99.0)

DEFAULT_TOLERANCE = 0.10
"""Unchanged code differs by this much between two runs on a shared machine often enough."""


class Change(StrEnum):
    """What became of a percentile."""

    REGRESSED = "regressed"
    """The whole interval of the ratio is above 1 + tolerance."""

    IMPROVED = "improved"
    """The whole interval of the ratio is below 1 / (1 + tolerance)."""

    SAME = "same"
    """The whole interval of the ratio is within the tolerance."""

    UNCLEAR = "unclear"
    """The interval reaches over an edge of the tolerance."""

    TOO_FEW = "too few calls"
    """The calls of either are too few for an interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PercentileComparison:
    """One percentile of one series, compared."""

    ratio: PercentileRatio
    change: Change

    @property
    def percentile(self) -> float:
        """The percentile, in percent."""
        return self.ratio.percentile


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesComparison:
    """One series that both sessions have.

    Attributes:
        name: `component.operation`.
        baseline: The durations of its calls that ended well, in the baseline.
        candidate: As well, in the candidate.
        percentiles: The percentiles, ascending.
    """

    name: str
    baseline: HistogramSnapshot
    candidate: HistogramSnapshot
    percentiles: tuple[PercentileComparison, ...]

    @property
    def is_regressed(self) -> bool:
        """Whether any percentile is."""
        return any(one.change is Change.REGRESSED for one in self.percentiles)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two sessions, compared.

    Attributes:
        series: What both have, by name.
        only_in_baseline: Names of series that the candidate lacks.
        only_in_candidate: Names of series that the baseline lacks.
        differences: In what the circumstances differ.
        confidence: Of every interval.
        tolerance: The ratio less one that is no regression yet.
    """

    series: tuple[SeriesComparison, ...]
    only_in_baseline: tuple[str, ...]
    only_in_candidate: tuple[str, ...]
    differences: tuple[Difference, ...]
    confidence: float
    tolerance: float

    @property
    def regressed(self) -> tuple[SeriesComparison, ...]:
        """The series that are slower."""
        return tuple(one for one in self.series if one.is_regressed)


def compare(
    baseline: StoredSession,
    candidate: StoredSession,
    *,
    percentiles: Sequence[float] = COMPARED_PERCENTILES,
    confidence: float = DEFAULT_CONFIDENCE,
    tolerance: float = DEFAULT_TOLERANCE,
    allow_different: bool = False,
) -> Comparison:
    """Compare the calls that ended well, series by series.

    Args:
        baseline: What was.
        candidate: What is.
        percentiles: Which to compare, in percent.
        confidence: Of each interval.
        tolerance: How much slower, as a share, is no regression yet.
        allow_different: Compare although the circumstances forbid it.

    Raises:
        UsageError: The sessions cannot be compared, have no series in common, or an option is unfit.
    """
    if not 0 <= tolerance < 10:  # noqa: PLR2004  # ten times as slow is no tolerance
        raise UsageError(f"tolerance must be a share from 0 to below 10, such as 0.1, got {tolerance!r}")
    if not allow_different:
        check_comparable(baseline, candidate)
    before, after = baseline.histograms(), candidate.histograms()
    shared = [name for name in before if name in after]
    if not shared:
        raise UsageError(
            f"the sessions have no series in common: the baseline has {_listed(before)}, "
            f"the candidate {_listed(after)}"
        )
    return Comparison(
        series=tuple(
            SeriesComparison(
                name=name,
                baseline=before[name],
                candidate=after[name],
                percentiles=tuple(
                    _compared(before[name], after[name], sorted(set(percentiles)), confidence, tolerance)
                ),
            )
            for name in shared
        ),
        only_in_baseline=tuple(name for name in before if name not in after),
        only_in_candidate=tuple(name for name in after if name not in before),
        differences=differences(baseline, candidate),
        confidence=confidence,
        tolerance=tolerance,
    )


def _compared(
    before: HistogramSnapshot,
    after: HistogramSnapshot,
    percentiles: Sequence[float],
    confidence: float,
    tolerance: float,
) -> Iterator[PercentileComparison]:
    for percentile in percentiles:
        ratio = percentile_ratio(before, after, percentile, confidence=confidence)
        yield PercentileComparison(ratio=ratio, change=_change(ratio, 1 + tolerance))


def _change(ratio: PercentileRatio, limit: float) -> Change:
    if ratio.lower is None or ratio.upper is None:
        return Change.TOO_FEW
    if ratio.lower > limit:
        return Change.REGRESSED
    if ratio.upper < 1 / limit:
        return Change.IMPROVED
    if ratio.lower >= 1 / limit and ratio.upper <= limit:
        return Change.SAME
    return Change.UNCLEAR


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
