"""Starting probes together, and stopping them."""

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from latency_kit.errors import UsageError
from latency_kit.measurement.in_flight import follow_calls

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

__all__ = ["Probe", "Probes", "start_probes"]


class Probe(Protocol):
    """Something that looks at the runtime from `start` to `stop`."""

    def start(self) -> None:
        """Begin to look."""
        ...

    def stop(self) -> None:
        """Look no more; may be called twice."""
        ...


class Probes:
    """Probes that run; stop them, or use them as a `with` block.

    * Either all of them run or, where one could not start, none.
    * `stop` is idempotent.
    """

    def __init__(self, probes: list[Probe], *, tells_calls: bool) -> None:
        self._running: list[Probe] = []
        self._tells_calls = False
        try:
            for probe in probes:
                probe.start()
                self._running.append(probe)
        except BaseException:
            self.stop()
            raise
        if tells_calls:
            follow_calls(on=True)
            self._tells_calls = True

    def stop(self) -> None:
        """Stop all probes; an event-loop probe must be stopped on its loop's thread."""
        running, self._running = self._running, []
        for probe in reversed(running):
            probe.stop()
        if self._tells_calls:
            self._tells_calls = False
            follow_calls(on=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def start_probes(
    *,
    event_loop: bool = False,
    garbage_collector: bool = False,
    resident_memory: bool = False,
    thread_pools: "Mapping[str, ThreadPoolExecutor | asyncio.AbstractEventLoop] | None" = None,
    tell_calls: bool = True,
) -> Probes:
    """Start the probes that are asked for.

    Args:
        event_loop: Lag of the event loop that runs here: `event_loop.lag`.
        garbage_collector: Its pauses: `garbage_collector.generation_0` to `generation_2`.
        resident_memory: The process's memory, among the `readings`.
        thread_pools: Pools by name, whose saturation is among the `readings`.
        tell_calls: Whether calls tell what pauses delayed them (`latency.delayed_by`); it means that calls
            are followed, which costs some microseconds each (see `in_flight`).

    Raises:
        UsageError: Nothing is asked for, or a probe cannot start.
    """
    probes: list[Probe] = []
    if garbage_collector:
        from latency_kit.measurement.probes.garbage_collector import GarbageCollectorProbe  # noqa: PLC0415  # asked

        probes.append(GarbageCollectorProbe())
    if resident_memory:
        from latency_kit.measurement.probes.resident_memory import ResidentMemoryProbe  # noqa: PLC0415  # asked

        probes.append(ResidentMemoryProbe())
    if thread_pools:
        from latency_kit.measurement.probes.thread_pools import ThreadPoolProbe  # noqa: PLC0415  # asked

        probes.extend(ThreadPoolProbe(pool, name) for name, pool in thread_pools.items())
    if event_loop:
        from latency_kit.measurement.probes.event_loop import EventLoopProbe  # noqa: PLC0415  # asked

        probes.append(EventLoopProbe())
    if not probes:
        raise UsageError(
            "start_probes() starts what is asked for; write start_probes(garbage_collector=True)"
        )
    return Probes(probes, tells_calls=tell_calls and (event_loop or garbage_collector))
