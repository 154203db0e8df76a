"""Series of durations that are not calls of their own: parts of calls, such as the gaps of a stream.

They have histograms, budgets and metrics like calls. They make no span, and they are no measurements:
neither the ring of recent calls nor `performance.jsonl` is flooded by them.
"""

from typing import TYPE_CHECKING, ClassVar

from latency_kit.measurement.active import active
from latency_kit.measurement.call_site import CallSite
from latency_kit.measurement.values import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Span

    from latency_kit.measurement.values import AttributeValue

__all__ = ["DurationSeries"]


class DurationSeries(CallSite):
    """What a series of partial durations is of.

        waits = DurationSeries("pool", "connect.wait")
        waits.note(asked_ns, got_ns)

    * A duration noted is in the histogram of its series and nowhere else.
    * `note` costs one append; it does nothing while nothing is recorded, and never raises.

    Raises:
        UsageError: A name or an attribute is unfit.
    """

    __slots__ = ()

    is_call: ClassVar[bool] = False

    def __init__(
        self, component: str, operation: str, attributes: "Mapping[str, AttributeValue] | None" = None
    ) -> None:
        super().__init__(component, operation, attributes, makes_span=False)

    @classmethod
    def part_of(cls, site: CallSite, part: str) -> "DurationSeries":
        """Return the series `component.operation.part` of the calls of `site`, with their attributes."""
        return cls(site.component, f"{site.operation}.{part}", site.attributes)

    def note(
        self, start_ns: int, end_ns: int, *, outcome: Outcome = Outcome.OK, span: "Span | None" = None
    ) -> None:
        """Record one duration; `span` is that of the call it is a part of, to lead from figure to trace.

        An end before the start counts as 0 ns: the two were read on different threads.
        """
        append = active.append
        if append is not None:
            append((self, start_ns, max(start_ns, end_ns), outcome, None, None, span))
