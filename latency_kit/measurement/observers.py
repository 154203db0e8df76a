"""Who is told of finished calls off the hot path: the two interfaces by which a recording tells them."""

from collections.abc import Sequence
from typing import Protocol

from latency_kit.measurement.active import Entry
from latency_kit.measurement.measurement import Measurement

__all__ = ["EntryObserver", "MeasurementObserver"]


class MeasurementObserver(Protocol):
    """Takes every finished measurement, in batches, on the draining thread; must not raise."""

    def __call__(self, measurements: Sequence[Measurement], /) -> None:
        """Take a batch, oldest first."""
        ...


class EntryObserver(Protocol):
    """Takes every finished call as its call site handed it over, for `Recording.measurement_of` to read."""

    def __call__(self, entries: Sequence[Entry], /) -> None:
        """Take a batch, oldest first."""
        ...
