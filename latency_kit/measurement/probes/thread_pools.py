"""Saturation of thread pools that are not measured executors: who waits, who works, how many could."""

import asyncio
import weakref
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from latency_kit.errors import UsageError
from latency_kit.measurement.measurement import AttributeValue
from latency_kit.measurement.readings import Reading, register, unregister

__all__ = ["ThreadPoolProbe"]


class ThreadPoolProbe:
    """Gives `latency.executor.waiting`, `.running` and `.workers` of a pool, by its name (`latency.pool`).

    * The pool is not kept alive. What its version of Python does not show is absent.
    * Beside these numbers a `measured_executor` has the time that work waited.

    Args:
        pool: A thread pool, or an event loop, whose default pool (`asyncio.to_thread`) is then read.
        name: What it is called.

    Raises:
        UsageError: `pool` is neither, or `name` is empty.
    """

    __slots__ = ("__weakref__", "_name", "_pool")

    def __init__(self, pool: ThreadPoolExecutor | asyncio.AbstractEventLoop, name: str) -> None:
        if not isinstance(pool, ThreadPoolExecutor | asyncio.AbstractEventLoop):
            raise UsageError(f"a thread-pool probe reads a ThreadPoolExecutor or an event loop, got {pool!r}")
        if not isinstance(name, str) or not name:
            raise UsageError(f"a pool's name must be a non-empty string, got {name!r}")
        self._pool: weakref.ref[Any] = weakref.ref(pool)
        self._name = name

    def start(self) -> None:
        """Be read from now on."""
        register(self)

    def stop(self) -> None:
        """Be read no more."""
        unregister(self)

    def readings(self) -> Iterable[Reading]:
        """Return how many tasks wait and run, and how many workers there may be."""
        pool: Any = self._pool()
        if isinstance(pool, asyncio.AbstractEventLoop):
            # Made when it is first used.
            pool = getattr(pool, "_default_executor", None)
        if pool is None:
            return
        whose: dict[str, AttributeValue] = {"latency.pool": self._name}
        waiting = getattr(pool, "_work_queue", None)
        threads = getattr(pool, "_threads", None)
        idle = getattr(getattr(pool, "_idle_semaphore", None), "_value", None)
        workers = getattr(pool, "_max_workers", None)
        if waiting is not None:
            yield Reading(
                name="latency.executor.waiting",
                unit="{task}",
                description="Tasks that wait for a worker.",
                value=waiting.qsize(),
                attributes=whose,
            )
        if threads is not None and idle is not None:
            yield Reading(
                name="latency.executor.running",
                unit="{task}",
                description="Tasks that run; workers busy.",
                value=max(len(threads) - idle, 0),
                attributes=whose,
            )
        if workers is not None:
            yield Reading(
                name="latency.executor.workers",
                unit="{worker}",
                description="The most tasks that run at once.",
                value=workers,
                attributes=whose,
            )
