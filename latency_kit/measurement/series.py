"""Series of durations: what a recording keeps of one component, operation and outcome, and its snapshots."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from latency_kit.clock import WallAnchor
from latency_kit.histogram import Histogram, HistogramSnapshot
from latency_kit.measurement.measurement import AttributeValue, Outcome

if TYPE_CHECKING:
    from latency_kit.measurement.recording import Recording

__all__ = ["Exemplar", "Series", "SeriesSnapshot"]

MAX_EXEMPLARS = 4
"""Slowest calls of a series that are kept, with their trace, between two exports."""

_FOLD_AT = 64
"""Durations that wait for the histogram, which takes that many at once at a third of the cost of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemplar:
    """One slow call of a series, by which a metric leads to its trace."""

    value_ns: int
    unix_nano: int
    trace_id: int
    span_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesSnapshot:
    """One series as it stood when it was asked for.

    Attributes:
        component: The part of the program.
        operation: What it did.
        outcome: How the calls of this series ended.
        attributes: The attributes that make the series one of its own (`SeriesIds`).
        histogram: Their durations.
        start_unix_nano: When the recording began.
        exemplars: The slowest calls with a sampled trace since the last export, slowest first.
    """

    component: str
    operation: str
    outcome: Outcome
    attributes: Mapping[str, AttributeValue]
    histogram: HistogramSnapshot
    start_unix_nano: int
    exemplars: tuple[Exemplar, ...]

    @property
    def name(self) -> str:
        """`component.operation`."""
        return f"{self.component}.{self.operation}"


class Series:
    """The durations of one series, and the slowest calls that have a trace.

    * Every duration noted is in the histogram once `histogram_now` has been asked for it.
    * With an expected interval, so are the durations that coordinated omission has kept from being taken.

    Attributes:
        owner: The recording that it belongs to; None once that has forgotten it.
        durations_ns: Not yet in the histogram.
        exemplar_above_ns: A call is an exemplar only where it took longer.
    """

    __slots__ = (
        "_exemplars",
        "_expected_interval_ns",
        "_histogram",
        "durations_ns",
        "exemplar_above_ns",
        "owner",
    )

    def __init__(self, owner: "Recording", expected_interval_ns: int = 0) -> None:
        self.owner: Recording | None = owner
        self.durations_ns: list[int] = []
        self.exemplar_above_ns = -1
        self._expected_interval_ns = expected_interval_ns
        self._histogram = Histogram()
        self._exemplars: list[tuple[int, int, Any]] = []

    def fold_if_many(self) -> None:
        """Put the waiting durations into the histogram where they are enough to make it worth while."""
        if len(self.durations_ns) >= _FOLD_AT:
            self._fold()

    def histogram_now(self) -> HistogramSnapshot:
        """Return the histogram of all durations noted so far."""
        self._fold()
        return self._histogram.snapshot()

    def note_exemplar(self, duration_ns: int, end_ns: int, span: Any) -> None:
        """Keep the trace of a call among those of the slowest, where its trace is sampled."""
        if not span.get_span_context().trace_flags.sampled:
            return
        kept = self._exemplars
        kept.append((duration_ns, end_ns, span))
        kept.sort(key=lambda item: -item[0])
        del kept[MAX_EXEMPLARS:]
        if len(kept) == MAX_EXEMPLARS:
            self.exemplar_above_ns = kept[-1][0]

    def exemplars(self, anchor: WallAnchor) -> Iterable[Exemplar]:
        """Return the slowest calls with a trace, slowest first."""
        for duration_ns, end_ns, span in self._exemplars:
            span_context = span.get_span_context()
            yield Exemplar(
                value_ns=duration_ns,
                unix_nano=anchor.to_unix_nano(end_ns),
                trace_id=span_context.trace_id,
                span_id=span_context.span_id,
            )

    def forget_exemplars(self) -> None:
        """Begin to look for new exemplars."""
        self._exemplars.clear()
        self.exemplar_above_ns = -1

    def _fold(self) -> None:
        # Emptied first: should the histogram refuse the batch, it must not be offered it for ever.
        waiting, self.durations_ns = self.durations_ns, []
        if not self._expected_interval_ns:
            self._histogram.record_many(waiting)
            return
        for duration_ns in waiting:
            self._histogram.record_corrected(duration_ns, self._expected_interval_ns)
