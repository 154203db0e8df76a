"""Capturing measurements in tests, without exporters, files or background threads."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from latency_kit.clock import SYSTEM_CLOCK, Clock
from latency_kit.configuration.activation import activated
from latency_kit.measurement.measurement import Measurement
from latency_kit.measurement.recording import Recording, SeriesSnapshot

__all__ = ["Capture", "capture_measurements"]


class Capture:
    """The measurements taken inside a `capture_measurements()` block, oldest first."""

    def __init__(self) -> None:
        self._measurements: list[Measurement] = []
        self._recording: Recording | None = None

    def __call__(self, measurements: Sequence[Measurement]) -> None:
        """Take a batch from the recording."""
        self._measurements.extend(measurements)

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """Everything that ended so far."""
        if self._recording is not None:
            self._recording.drain()
        return tuple(self._measurements)

    @property
    def series(self) -> tuple[SeriesSnapshot, ...]:
        """The histograms so far."""
        return () if self._recording is None else self._recording.snapshot()

    def named(self, name: str) -> tuple[Measurement, ...]:
        """Return the measurements of `component.operation`."""
        return tuple(measurement for measurement in self.measurements if measurement.name == name)


@contextmanager
def capture_measurements(*, clock: Clock = SYSTEM_CLOCK) -> Iterator[Capture]:
    """Record what the block measures, and nothing else, on `clock`.

    What `configure()` set up is put aside for the block and comes back after it.

        with capture_measurements(clock=fake) as captured:
            pay(order)
        assert captured.named("checkout.pay")[0].duration_ms == 12
    """
    capture = Capture()
    with activated(clock=clock, observers=(capture,)) as recording:
        capture._recording = recording  # noqa: SLF001  # the capture reads through its recording
        yield capture
    capture._recording = recording  # noqa: SLF001  # and stays readable after the block
