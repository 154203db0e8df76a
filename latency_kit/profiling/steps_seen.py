"""What was seen of the steps of coroutines: waits exactly, what is computed within a step by samples."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from latency_kit.profiling.coroutine_steps import SteppedCoroutine
from latency_kit.profiling.profile import ProfileEntry
from latency_kit.profiling.speedscope import WeightedStack
from latency_kit.profiling.stack_entries import entries_of
from latency_kit.profiling.stacks import Frame, Stack, stack_of_thread
from latency_kit.units import NS_PER_US, ns_to_ms

__all__ = ["MAX_STACKS", "StepsOfLoop"]

MAX_STACKS = 10_000
"""Different stacks of each category; what comes beyond them is counted under one name."""

_OTHER = (Frame("(more stacks than are kept)", "", 0),)

_LOOP_OVERHEAD_NS = 200 * NS_PER_US
"""Steps that follow each other more closely than this have only the event loop's own work between them."""


class StepsOfLoop:
    """The steps of all coroutines of one event loop, by category and stack.

    * A wait is "kept" from when steps of other coroutines began to follow each other without a gap, up to the
      moment at which it went on: in that time the loop could not have let it go on. The rest of it "waits".
    """

    def __init__(self) -> None:
        self._found: dict[str, dict[Stack, list[int]]] = {"waits": {}, "kept": {}, "computes": {}}
        self._steps = 0
        self._busy_since_ns = self._busy_until_ns = 0
        self._computed_ns = 0
        self._step_since_ns: int | None = None
        self._sampled_until_ns = 0
        self._thread_id = threading.get_ident()

    def began_step(self, stack: Stack, now_ns: int) -> None:  # noqa: ARG002  # samples tell where it computes
        """Note that a coroutine goes on."""
        self._steps += 1
        if now_ns - self._busy_until_ns > _LOOP_OVERHEAD_NS:
            self._busy_since_ns = now_ns
        self._sampled_until_ns = now_ns
        self._step_since_ns = now_ns

    def ended_step(self, now_ns: int) -> None:
        """Note that it waits again, or has ended."""
        if self._step_since_ns is not None:
            self._computed_ns += now_ns - self._step_since_ns
        self._step_since_ns = None
        self._busy_until_ns = now_ns

    def waited(self, stack: Stack, *, suspended_ns: int, resumed_ns: int) -> None:
        """Part a wait, and count both parts."""
        is_kept = resumed_ns - self._busy_until_ns <= _LOOP_OVERHEAD_NS and self._busy_until_ns > suspended_ns
        kept_since_ns = max(self._busy_since_ns, suspended_ns) if is_kept else resumed_ns
        self._add("waits", stack, kept_since_ns - suspended_ns)
        self._add("kept", stack, resumed_ns - kept_since_ns)

    @contextmanager
    def sampled(self, interval_s: float) -> Iterator[None]:
        """Sample what steps of this thread's event loop compute, as long as the block runs."""
        self._thread_id = threading.get_ident()
        ended = threading.Event()
        sampler = threading.Thread(target=self._sample, args=(interval_s, ended), name="latency_kit-sampler")
        sampler.start()
        try:
            yield
        finally:
            ended.set()
            sampler.join()

    def entries(self) -> tuple[ProfileEntry, ...]:
        """Return one entry for each line that waits and each function that computes, the greatest first."""
        found = [
            entry
            for category, stacks in self._found.items()
            for entry in entries_of(
                ((stack, ns, count) for stack, (count, ns) in stacks.items()),
                category=category,
                by_line=category != "computes",
            )
        ]
        return tuple(sorted(found, key=lambda entry: -entry.own))

    def stacks(self) -> Mapping[str, list[WeightedStack]]:
        """Return all stacks by category, with their time in nanoseconds."""
        return {
            category: [(stack, ns) for stack, (_, ns) in stacks.items() if ns]
            for category, stacks in self._found.items()
        }

    def facts(self) -> Mapping[str, str]:
        """Return the exact sums, for people."""
        waited_ns = sum(ns for _, ns in self._found["waits"].values())
        kept_ns = sum(ns for _, ns in self._found["kept"].values())
        return {
            "profiler": "steps of coroutines, samples within them",
            "steps": str(self._steps),
            "computed": f"{ns_to_ms(self._computed_ns):.3f} ms",
            "waited": f"{ns_to_ms(waited_ns):.3f} ms, all tasks together",
            "kept by other tasks": f"{ns_to_ms(kept_ns):.3f} ms",
        }

    def _sample(self, interval_s: float, ended: threading.Event) -> None:
        while not ended.wait(interval_s):
            if self._step_since_ns is None:
                continue
            stack = _within_step(stack_of_thread(self._thread_id))
            now_ns = time.perf_counter_ns()
            since_ns, self._sampled_until_ns = self._sampled_until_ns, now_ns
            # A step that ended meanwhile was seen too late to say what it did.
            if stack and self._step_since_ns is not None and now_ns > since_ns:
                self._add("computes", stack, now_ns - since_ns)

    def _add(self, category: str, stack: Stack, ns: int) -> None:
        stacks = self._found[category]
        if stack not in stacks and len(stacks) >= MAX_STACKS:
            stack = _OTHER
        found = stacks.setdefault(stack, [0, 0])
        found[0] += 1
        found[1] += ns


def _within_step(stack: Stack) -> Stack:
    """Return what runs within a step of a coroutine that is watched; empty where none does."""
    inside = f"{SteppedCoroutine.__module__}.{SteppedCoroutine.__qualname__}."
    at = max((at for at, frame in enumerate(stack) if frame.name.startswith(inside)), default=-1)
    return stack[at + 1 :] if at >= 0 else ()
