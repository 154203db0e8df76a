"""The profile of a coroutine: where it waits, where it computes, and where other tasks keep it waiting.

Waits are exact: every step of the coroutine and of the tasks that it starts is seen. What is computed within
a step is sampled from a thread of its own.
"""

import asyncio
import math
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from latency_kit.errors import UsageError
from latency_kit.profiling.calls_meanwhile import CallsMeanwhile
from latency_kit.profiling.coroutine_steps import SteppedCoroutine
from latency_kit.profiling.profile import Profile, ProfileKind
from latency_kit.profiling.profile_file import save_files
from latency_kit.profiling.speedscope import collapsed, speedscope
from latency_kit.profiling.stacks import Frame
from latency_kit.profiling.steps_seen import StepsOfLoop
from latency_kit.units import NS_PER_US

__all__ = ["AsyncProfiler"]

DEFAULT_INTERVAL_MS = 2.0

T = TypeVar("T")


class AsyncProfiler:
    """Profiles one coroutine, and all tasks that its event loop starts while it runs.

        profiler = AsyncProfiler("answer")
        answer = await profiler.run(answer_question(text))
        profiler.profile.top(10, category="waits")
        profiler.save("profiles")           # .speedscope.json and .collapsed.txt beside our own file

    * Waits are exact: what it waits for ("waits"), and the time just before it went on in which other tasks
      kept the event loop ("kept").
    * What it computes ("computes") is sampled every `interval_ms`; `facts` tell the exact sum.
    * What the coroutine raises passes through; the profile up to there is kept.
    * Memory is bounded: at most 10 000 different stacks of each category.

    Args:
        title: What is profiled.
        interval_ms: Between two samples.

    Raises:
        UsageError: `interval_ms` is not positive and finite.
    """

    def __init__(self, title: str, *, interval_ms: float = DEFAULT_INTERVAL_MS) -> None:
        if not 0 < interval_ms < math.inf:
            raise UsageError(f"interval_ms must be positive and finite, got {interval_ms!r}")
        self._title = title
        self._interval_s = interval_ms / 1000
        self._seen = StepsOfLoop()
        self._profile: Profile | None = None

    @property
    def profile(self) -> Profile:
        """What was seen.

        Raises:
            UsageError: The coroutine has not ended.
        """
        if self._profile is None:
            raise UsageError("there is a profile once the coroutine has ended")
        return self._profile

    async def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run the coroutine to its end and return what it returns."""
        start_unix_nano, start_ns = time.time_ns(), time.perf_counter_ns()
        meanwhile = CallsMeanwhile()
        try:
            with (
                meanwhile,
                _all_tasks_stepped(asyncio.get_running_loop(), self._seen),
                self._seen.sampled(self._interval_s),
            ):
                return await asyncio.get_running_loop().create_task(coroutine)
        finally:
            self._profile = Profile(
                kind=ProfileKind.ASYNC,
                title=self._title,
                start_unix_nano=start_unix_nano,
                duration_ns=time.perf_counter_ns() - start_ns,
                entries=self._seen.entries(),
                calls=meanwhile.calls(),
                facts=self._seen.facts(),
            )

    def save(self, folder: Path | str) -> tuple[Path, ...]:
        """Write `NAME.profile.json`, `NAME.speedscope.json` and `NAME.collapsed.txt`; return their paths.

        Raises:
            UsageError: The folder cannot be written to, or the coroutine has not ended.
        """
        stacks = self._seen.stacks()
        flat = [
            ((Frame(category, "", 0), *stack), ns) for category in stacks for stack, ns in stacks[category]
        ]
        others = {
            ".speedscope.json": speedscope(self._title, stacks).encode(),
            ".collapsed.txt": collapsed(flat, divisor=NS_PER_US).encode(),
        }
        return save_files(self.profile, folder, others)


@contextmanager
def _all_tasks_stepped(loop: asyncio.AbstractEventLoop, seen: StepsOfLoop) -> Iterator[None]:
    """Have every task that the loop starts inside the block watched from step to step."""
    before: Callable[..., Any] | None = loop.get_task_factory()

    def factory(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> Any:
        stepped = SteppedCoroutine(coroutine, seen) if asyncio.iscoroutine(coroutine) else coroutine
        if before is not None:
            return before(loop, stepped, **options)
        return asyncio.Task(stepped, loop=loop, **options)

    loop.set_task_factory(factory)
    try:
        yield
    finally:
        loop.set_task_factory(before)
