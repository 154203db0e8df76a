"""The look at the load, once a second: it opens and shuts the door, and has quality shed and given back."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Protocol

import latency_kit
from latency_kit import SeriesSnapshot
from reference_pipeline.serving.admission import Admission
from reference_pipeline.serving.pressure import PressureGauge

__all__ = ["LoadWatch", "ShedsByPressure"]

LOOK_EVERY_S = 1.0


class ShedsByPressure(Protocol):
    """Takes the load's pressure and says what is left out because of it."""

    def press(self, pressure: float) -> Iterable[str]:
        """Take the pressure, 0 to 1 and beyond; return the steps that it demands."""
        ...


class LoadWatch:
    """Reads what was measured of late, and tells admission and shedding.

    * A change of the steps is told in a line, and how often each was taken is counted.
    """

    def __init__(
        self,
        *,
        admission: Admission,
        shedding: ShedsByPressure,
        interval: Callable[[], Iterable[SeriesSnapshot]],
        gauge: PressureGauge | None = None,
        tell: Callable[[str], None] = lambda line: None,  # noqa: ARG005  # nobody listens by default
    ) -> None:
        """Prepare to look; `interval` returns what was recorded since it was asked last."""
        self.taken: Counter[str] = Counter()
        self.highest = 0.0
        self._admission = admission
        self._shedding = shedding
        self._interval = interval
        self._gauge = gauge or PressureGauge()
        self._tell = tell
        self._steps: tuple[str, ...] = ()

    async def run(self) -> None:
        """Look once a second until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            # Reading every series takes longer than the loop should be kept.
            interval = await asyncio.to_thread(self._interval)
            self.look(interval, at_ns=latency_kit.now_ns())

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look once a second for the length of the block."""
        looking = asyncio.create_task(self.run(), name="load watch")
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    def look(self, interval: Iterable[SeriesSnapshot], *, at_ns: int) -> None:
        """Take what was recorded since the last look."""
        pressure = self._gauge.observe(interval, at_ns=at_ns)
        self._admission.press(pressure)
        self.highest = max(self.highest, pressure.value)
        steps = tuple(str(step) for step in self._shedding.press(pressure.value))
        if steps == self._steps:
            return
        self.taken.update(step for step in steps if step not in self._steps)
        self._steps = steps
        what = f"leaving out {', '.join(steps)}" if steps else "leaving out nothing any more"
        self._tell(f"pressure {pressure.value:.2f} ({pressure.cause or 'idle'}): {what}")

    def as_facts(self) -> Mapping[str, str]:
        """Return what a report says of the load."""
        taken = ", ".join(f"{step} {count}" for step, count in self.taken.items())
        return {"highest pressure": f"{self.highest:.2f}", "steps of shedding taken": taken or "none"}
