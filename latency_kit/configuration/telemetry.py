"""The handle of what `configure()` has set up: read it, flush it, shut it down."""

import atexit
import os
import weakref
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from latency_kit.budget import BudgetEvaluation, BudgetPolicy, evaluate
from latency_kit.configuration.activation import deactivate
from latency_kit.configuration.parts import Part
from latency_kit.measurement.drain import DrainThread
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.measurement import Measurement
from latency_kit.measurement.recording import Recording, SeriesSnapshot
from latency_kit.storage import RecentRing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Telemetry"]


class Telemetry:
    """Everything that `configure()` has set up.

    * Readers see every call that ended before they asked.
    * `flush` and `shutdown` end within their time limit and never raise; `shutdown` is idempotent.
    * After `shutdown` nothing is recorded, and what was recorded can still be read.
    """

    def __init__(
        self,
        *,
        recording: Recording,
        ring: RecentRing[Measurement],
        losses: Losses,
        policy: BudgetPolicy,
        drain: DrainThread,
        parts: "Sequence[Part]",
    ) -> None:
        self._recording = recording
        self._ring = ring
        self._losses = losses
        self._drain = drain
        self._parts = tuple(parts)
        self._closed = False
        self.policy = policy
        drain.start()
        atexit.register(_shutdown_if_alive, weakref.ref(self))
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_renewal(weakref.ref(self)))

    def snapshot(self) -> tuple[SeriesSnapshot, ...]:
        """Return every series with its histogram, by name and outcome."""
        return self._recording.snapshot()

    def recent(self) -> tuple[Measurement, ...]:
        """Return the latest measurements (1000 by default), oldest first."""
        self._recording.drain()
        return self._ring.recent()

    def evaluate(self) -> tuple[BudgetEvaluation, ...]:
        """Judge every budget of the policy by what was recorded so far."""
        return evaluate(self.policy, self.snapshot())

    def losses(self) -> Mapping[str, int]:
        """Return what telemetry lost so far, by kind; empty where nothing was lost."""
        counts = dict(self._losses.counts())
        for part in self._parts:
            counts.update(part.losses())
        return counts

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Write and send what has been recorded; tell whether all of it went within `timeout_s` seconds."""
        self._recording.drain()
        done = [part.flush(timeout_s) for part in self._parts]
        return all(done)

    def shutdown(self, timeout_s: float = 5.0) -> bool:
        """Stop recording, then flush and end everything within about `timeout_s` seconds."""
        if self._closed:
            return True
        self._closed = True
        deactivate()
        self._drain.stop()
        self._recording.drain()
        done = [part.shutdown(timeout_s) for part in self._parts]
        return all(done)

    @property
    def closed(self) -> bool:
        """Whether `shutdown` has been called."""
        return self._closed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.shutdown()

    def _renew_after_fork(self) -> None:
        if self._closed:
            return
        self._losses.renew_after_fork()
        self._recording.renew_after_fork()
        self._ring.clear()
        self._drain.start()


def _shutdown_if_alive(reference: "weakref.ref[Telemetry]") -> None:
    telemetry = reference()
    if telemetry is not None:
        telemetry.shutdown(timeout_s=2.0)


def _renewal(reference: "weakref.ref[Telemetry]") -> "Callable[[], None]":
    def renew() -> None:
        telemetry = reference()
        if telemetry is not None:
            telemetry._renew_after_fork()  # noqa: SLF001  # the class's own fork hook

    return renew
