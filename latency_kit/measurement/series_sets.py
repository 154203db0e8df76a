"""Sets of series as values: which series are the same, how sets merge, what one has beyond an earlier one.

Pure functions over `SeriesSnapshot`; who asks when lives in `series_intervals`.
"""

import contextlib
from collections.abc import Iterable
from dataclasses import replace

from latency_kit.errors import UsageError
from latency_kit.measurement.series import MAX_EXEMPLARS, Exemplar, SeriesSnapshot

__all__ = ["SeriesKey", "merge_series", "recorded_since", "series_key"]

SeriesKey = tuple[str, str, str, tuple[tuple[str, str], ...]]
"""Component, operation, outcome, and the attributes in an order of their own."""


def series_key(series: SeriesSnapshot) -> SeriesKey:
    """Return what makes two snapshots snapshots of one series; keys can be compared and sorted."""
    attributes = tuple(
        (name, repr(tuple(value)) if isinstance(value, list | tuple) else repr(value))
        for name, value in sorted(series.attributes.items())
    )
    return series.component, series.operation, series.outcome.value, attributes


def merge_series(*sets: Iterable[SeriesSnapshot]) -> tuple[SeriesSnapshot, ...]:
    """Return the series that one recording would have if it had taken the calls of all `sets`.

    Counts, sums, minima and maxima are exact where those of the parts are. A merged series began when its
    first part did, and keeps the slowest of their exemplars.

    Raises:
        UsageError: Two parts of a series have histograms of different layouts.
    """
    parts: dict[SeriesKey, list[SeriesSnapshot]] = {}
    for one_set in sets:
        for series in one_set:
            parts.setdefault(series_key(series), []).append(series)
    return tuple(_merged(parts[key]) for key in sorted(parts))


def recorded_since(
    earlier: Iterable[SeriesSnapshot], now: Iterable[SeriesSnapshot], *, since_unix_nano: int
) -> tuple[SeriesSnapshot, ...]:
    """Return what the series `now` have beyond `earlier`, an earlier set of the same recording.

    Counts and sums are exact; a minimum or maximum is known to a bucket's width, unless it is a new one of
    the whole recording. Series with nothing new are left out; one that began anew since is taken whole.

    Args:
        earlier: The earlier set.
        now: The later set.
        since_unix_nano: When the earlier set was taken: the start of what is returned.
    """
    known = {series_key(series): series for series in earlier}
    fresh = (_beyond(known.get(series_key(series)), series, since_unix_nano) for series in now)
    return tuple(series for series in fresh if series.histogram.count)


def _merged(parts: list[SeriesSnapshot]) -> SeriesSnapshot:
    first, *others = parts
    if not others:
        return first
    return replace(
        first,
        histogram=first.histogram.merge(*(other.histogram for other in others)),
        start_unix_nano=min(part.start_unix_nano for part in parts),
        exemplars=_slowest(exemplar for part in parts for exemplar in part.exemplars),
    )


def _slowest(exemplars: Iterable[Exemplar]) -> tuple[Exemplar, ...]:
    return tuple(sorted(exemplars, key=lambda exemplar: -exemplar.value_ns)[:MAX_EXEMPLARS])


def _beyond(before: SeriesSnapshot | None, now: SeriesSnapshot, since_unix_nano: int) -> SeriesSnapshot:
    histogram = now.histogram
    if before is not None and before.start_unix_nano == now.start_unix_nano:
        # Fewer values than before: the series was emptied and goes on under its old start.
        with contextlib.suppress(UsageError):
            histogram = histogram.minus(before.histogram)
    return replace(
        now,
        histogram=histogram,
        start_unix_nano=max(since_unix_nano, now.start_unix_nano),
        exemplars=tuple(exemplar for exemplar in now.exemplars if exemplar.unix_nano > since_unix_nano),
    )
