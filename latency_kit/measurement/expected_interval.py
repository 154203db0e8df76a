"""Call sites of fixed-rate sources: a corrected series stands beside the raw one.

A source that starts a call every 10 ms and waits for each (a frame, a poll, a load generator) takes one long
measurement while something stalls for a second, where its rate asked for a hundred: coordinated omission.
Given the expected interval, the corrected series holds what the others would have waited, by Java's rule
(`Histogram.record_corrected`): 35 at an interval of 10 adds 25 and 15, not 5. Raw stays raw.
"""

import functools
from collections.abc import Mapping

from latency_kit.errors import UsageError
from latency_kit.measurement.call_site import CallSite
from latency_kit.measurement.duration_series import DurationSeries
from latency_kit.measurement.measurement import AttributeValue

__all__ = ["CorrectedSeries", "FixedRateSite", "fixed_rate_site"]


class CorrectedSeries(DurationSeries):
    """The series `x.corrected` of the calls of a fixed-rate source."""

    __slots__ = ("expected_interval_ns",)

    def __init__(self, site: CallSite, expected_interval_ns: int) -> None:
        super().__init__(site.component, f"{site.operation}.corrected", site.attributes)
        self.expected_interval_ns = expected_interval_ns


class FixedRateSite(CallSite):
    """A call site whose calls should start every `expected_interval_ns`.

    * Its calls are in the series `x` as they were, and in `x.corrected` with those that were not taken.

    Raises:
        UsageError: A name or an attribute is unfit, or the interval is no whole number of nanoseconds from 1.
    """

    __slots__ = ("corrected",)

    def __init__(
        self,
        component: str,
        operation: str,
        attributes: Mapping[str, AttributeValue] | None = None,
        *,
        expected_interval_ns: int,
        makes_span: bool = True,
    ) -> None:
        super().__init__(component, operation, attributes, makes_span=makes_span)
        if (
            not isinstance(expected_interval_ns, int)
            or isinstance(expected_interval_ns, bool)
            or expected_interval_ns < 1
        ):
            raise UsageError(
                "expected_interval_ns must be a whole number of nanoseconds from 1, "
                f"got {expected_interval_ns!r}"
            )
        self.corrected: CallSite | None = CorrectedSeries(self, expected_interval_ns)


def fixed_rate_site(
    component: str,
    operation: str,
    expected_interval_ns: int,
    attributes: Mapping[str, AttributeValue] | None = None,
    *,
    makes_span: bool = True,
) -> FixedRateSite:
    """Return the call site of a fixed-rate source; one without attributes is made once and kept.

    Raises:
        UsageError: As for `FixedRateSite`.
    """
    make = FixedRateSite if attributes is not None or not isinstance(expected_interval_ns, int) else _kept
    return make(
        component, operation, attributes, makes_span=makes_span, expected_interval_ns=expected_interval_ns
    )


@functools.lru_cache(maxsize=1000, typed=True)
def _kept(
    component: str, operation: str, attributes: None, *, makes_span: bool, expected_interval_ns: int
) -> FixedRateSite:
    return FixedRateSite(
        component, operation, attributes, makes_span=makes_span, expected_interval_ns=expected_interval_ns
    )
