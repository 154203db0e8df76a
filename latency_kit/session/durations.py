"""All calls of one operation taken together, whatever their outcome. Budgets and wording live elsewhere."""

from collections.abc import Iterable
from dataclasses import dataclass

from latency_kit.errors import NoDataError, UsageError
from latency_kit.histogram import HistogramSnapshot
from latency_kit.histogram.percentile import ceil_rank
from latency_kit.measurement.measurement import Outcome
from latency_kit.measurement.recording import Exemplar, SeriesSnapshot

__all__ = ["CallDurations"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDurations:
    """The durations of one operation.

    * Every call is in the denominator of a percentile. Those that did not end well stand above all others,
      as a budget's evaluation has it, so that failing fast does not make a figure better.
    * No percentile exceeds `max_ns`, whatever the width of the last bucket.

    Attributes:
        name: `component.operation`.
        good: The calls that ended well.
        failed_count: The calls that ended otherwise (error, cancelled, timed out, dropped).
        exemplars: The slowest calls with a trace, slowest first.
    """

    name: str
    good: HistogramSnapshot
    failed_count: int = 0
    exemplars: tuple[Exemplar, ...] = ()

    @classmethod
    def of(cls, name: str, series: Iterable[SeriesSnapshot]) -> "CallDurations":
        """Take all of `series` whose name is `name` together, over all outcomes."""
        good = HistogramSnapshot.empty()
        failed_count = 0
        exemplars: list[Exemplar] = []
        for one in series:
            if one.name != name:
                continue
            exemplars.extend(one.exemplars)
            if one.outcome is Outcome.OK:
                good = good.merge(one.histogram)
            else:
                failed_count += one.histogram.count
        exemplars.sort(key=lambda exemplar: exemplar.value_ns, reverse=True)
        return cls(name=name, good=good, failed_count=failed_count, exemplars=tuple(exemplars))

    @property
    def count(self) -> int:
        """All calls, whatever their outcome."""
        return self.good.count + self.failed_count

    @property
    def max_ns(self) -> int:
        """The longest call that ended well.

        Raises:
            NoDataError: No call ended well.
        """
        return self.good.max_ns

    def has_value_at(self, percentile: float) -> bool:
        """Tell whether there are calls and `percentile` falls on one that ended well.

        Raises:
            UsageError: `percentile` is not a number from 0 to 100.
        """
        return 0 < ceil_rank(percentile, self.count) <= self.good.count

    def value_at_percentile(self, percentile: float) -> int:
        """Return the time that at least `percentile` percent of all calls ended well within.

        Raises:
            NoDataError: There are no calls, or the percentile falls among those that failed.
            UsageError: `percentile` is not a number above 0 and up to 100.
        """
        if percentile == 0:
            raise UsageError("a percentile of calls must be above 0; for the shortest ask good.min_ns")
        if not self.has_value_at(percentile):
            raise NoDataError(
                f"p{percentile:g} of {self.name} has no time: "
                f"{self.failed_count} of its {self.count} calls did not end well; check has_value_at first"
            )
        rank = ceil_rank(percentile, self.count)
        # Half a rank below, so that no rounding of the percentile reaches the next rank.
        value_ns = self.good.value_at_percentile(100 * (rank - 0.5) / self.good.count)
        return min(value_ns, self.good.max_ns)
