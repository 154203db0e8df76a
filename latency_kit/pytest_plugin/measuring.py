"""The fixture `latency`: what a test calls to measure something and to hold it to its budget."""

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from functools import partial
from typing import Any, NoReturn

from latency_kit.baseline import MAX_RAW_DURATIONS, Decision, are_dependent, series_of_test
from latency_kit.errors import UsageError
from latency_kit.histogram import Histogram
from latency_kit.pytest_plugin.calls import (
    AsyncCall,
    Kind,
    MeasuringError,
    Sample,
    SyncCall,
    async_call,
    kind_of,
    sync_call,
)
from latency_kit.pytest_plugin.collection import Judgement, SampleCollection, judge_once
from latency_kit.pytest_plugin.plan import LatencyPlan
from latency_kit.pytest_plugin.progress import Progress
from latency_kit.pytest_plugin.result import LatencyResult
from latency_kit.pytest_plugin.sampling import take_async_samples, take_samples
from latency_kit.pytest_plugin.timing import Schedule, Timing

__all__ = ["FIRST_ITEM", "Latency"]

FIRST_ITEM = "first_item"


class Latency:
    """Measures calls as the test's marker asks, and fails the test where a budget is not met.

        def test_search(latency):
            latency(search, "latency")

    * Every measurement is kept, also one that fails the test.
    * A call that raises ends the measurement; its exception is the test's.

    Args:
        plan: How to measure, from the marker.
        timing: The clock, and how to wait by it.
        node: The test's node id.
        keep: Takes every result.
        fail: Ends the test with a message.
        progress: Makes the progress line of a measurement from its title.
        undecided_fails: Whether what cannot be decided fails the test.
    """

    def __init__(
        self,
        *,
        plan: LatencyPlan,
        timing: Timing,
        node: str,
        keep: Callable[[LatencyResult], None],
        fail: Callable[[str], NoReturn],
        progress: Callable[[str], Progress],
        undecided_fails: bool = True,
    ) -> None:
        self._plan = plan
        self._timing = timing
        self._node = node
        self._keep = keep
        self._fail = fail
        self._progress = progress
        self._undecided_fails = undecided_fails
        self._measured: list[str] = []

    @property
    def plan(self) -> LatencyPlan:
        """How it measures."""
        return self._plan

    @property
    def has_limit(self) -> bool:
        """Whether anything is to be judged."""
        return self._plan.total is not None or self._plan.first_item is not None

    @property
    def has_measured(self) -> bool:
        """Whether anything was."""
        return bool(self._measured)

    def __call__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> LatencyResult:
        """Measure calls of `function`: a function, a coroutine function, or a generator function.

        Coroutines run on an event loop of their own; in an async test use `in_loop`. A generator function is
        a stream: it is read to its end, and the time to its first item is measured as well.

        Returns:
            The result for the whole calls.

        Raises:
            MeasuringError: An event loop is already running, or a first item is judged of what is no stream.
        """
        return self._measure(partial(function, *args, **kwargs), kind_of(function))

    def stream(self, function: Callable[..., Iterable[Any]], /, *args: Any, **kwargs: Any) -> LatencyResult:
        """Measure the iterable that `function` returns as a stream, though it is no generator function."""
        return self._measure(partial(function, *args, **kwargs), Kind.STREAM)

    def async_stream(
        self, function: Callable[..., AsyncIterable[Any]], /, *args: Any, **kwargs: Any
    ) -> LatencyResult:
        """Measure the asynchronous iterable that `function` returns, as `stream` does.

        Raises:
            MeasuringError: An event loop is already running.
        """
        return self._measure(partial(function, *args, **kwargs), Kind.ASYNC_STREAM)

    async def in_loop(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> LatencyResult:
        """Measure a coroutine function or an asynchronous generator function on the loop that is running.

        Raises:
            MeasuringError: `function` is neither.
        """
        kind = kind_of(function)
        if not kind.is_async:
            raise MeasuringError(
                f"in_loop measures coroutine functions and asynchronous streams, got {function!r}; "
                "call latency(...) itself with it"
            )
        self._check_kind(kind)
        return await self._measure_on_loop(partial(function, *args, **kwargs), kind)

    def judge(self, durations_ns: Sequence[int], *, part: str = "") -> LatencyResult:
        """Hold durations to the budget that were measured elsewhere, such as those of a whole program.

        There is one look at them, at the full confidence; more cannot be asked for.

        Args:
            durations_ns: Whole nanoseconds, in the order taken.
            part: What they are of, where a test has several.

        Raises:
            MeasuringError: They are too few for the percentile; the message says how many it takes.
        """
        values = list(durations_ns)
        limit = self._plan.total
        if limit is not None:
            count, confidence = len(values), self._plan.confidence
            single = LatencyPlan(samples=count, max_samples=count, confidence=confidence)
            try:
                single.looks(limit)
            except UsageError as error:
                raise MeasuringError(str(error)) from error
        start_unix_nano = self._timing.clock.unix_nano()
        judgement = judge_once(values, self._plan, limit)
        result = self._result(self._part(part), values, judgement, start_unix_nano, rate=None)
        self._conclude([result])
        return result

    def _measure(self, call: Callable[[], Any], kind: Kind) -> LatencyResult:
        self._check_kind(kind)
        if not kind.is_async:
            return self._measure_here(sync_call(call, kind, self._timing), kind)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self._measure_on_loop(call, kind))
        raise MeasuringError("an event loop is running; in an async test write: await latency.in_loop(...)")

    def _measure_here(self, call: SyncCall, kind: Kind) -> LatencyResult:
        collection, schedule, progress, each = self._begin()
        for _ in range(self._plan.warmup):
            call(None)
        start_unix_nano = self._timing.clock.unix_nano()
        try:
            while needed := collection.needed:
                take_samples(call, needed, each, schedule=schedule)
        finally:
            progress.end()
        return self._finish(collection, kind, start_unix_nano)

    async def _measure_on_loop(self, function: Callable[[], Any], kind: Kind) -> LatencyResult:
        call: AsyncCall = async_call(function, kind, self._timing)
        collection, schedule, progress, each = self._begin()
        for _ in range(self._plan.warmup):
            await call(None)
        start_unix_nano = self._timing.clock.unix_nano()
        try:
            while needed := collection.needed:
                await take_async_samples(call, needed, each, schedule=schedule)
        finally:
            progress.end()
        return self._finish(collection, kind, start_unix_nano)

    def _begin(self) -> tuple[SampleCollection, Schedule | None, Progress, Callable[[Sample], None]]:
        collection = SampleCollection(self._plan)
        schedule = None if self._plan.rate is None else Schedule(self._timing, rate=self._plan.rate)
        progress = self._progress(self._node)
        planned = self._plan.samples

        def each(sample: Sample) -> None:
            collection.add(sample)
            count = len(collection.totals_ns)
            progress.show(count, planned if count <= planned else self._plan.max_samples)

        return collection, schedule, progress, each

    def _finish(self, collection: SampleCollection, kind: Kind, start_unix_nano: int) -> LatencyResult:
        part = self._part("")
        rate = self._plan.rate
        result = self._result(part, collection.totals_ns, collection.total(), start_unix_nano, rate=rate)
        results = [result]
        if kind.is_stream:
            first = f"{part}.{FIRST_ITEM}" if part else FIRST_ITEM
            values = collection.first_items_ns
            results.append(self._result(first, values, collection.first_item(), start_unix_nano, rate=rate))
        self._conclude(results)
        return result

    def _check_kind(self, kind: Kind) -> None:
        if self._plan.first_item is not None and not kind.is_stream:
            raise MeasuringError(
                f"a budget for the first item needs a stream, got a {kind.value}; "
                "give budget_ms, or measure with latency.stream(...)"
            )

    def _part(self, wanted: str) -> str:
        """Return a name that no measurement of this test has yet."""
        part, number = wanted, 1
        while part in self._measured:
            number += 1
            part = f"{wanted or 'call'}-{number}"
        self._measured.append(part)
        return part

    def _result(
        self,
        part: str,
        values: Sequence[int],
        judgement: Judgement,
        start_unix_nano: int,
        *,
        rate: float | None,
    ) -> LatencyResult:
        component, operation = series_of_test(self._node)
        histogram = Histogram()
        histogram.record_many(values)
        return LatencyResult(
            node=self._node,
            part=part,
            component=component,
            operation=f"{operation}.{part}" if part else operation,
            start_unix_nano=start_unix_nano,
            histogram=histogram.snapshot(),
            durations_ns=tuple(values) if len(values) <= MAX_RAW_DURATIONS else (),
            judgement=judgement,
            rate=rate,
            is_dependent=are_dependent(values),
        )

    def _conclude(self, results: Sequence[LatencyResult]) -> None:
        for result in results:
            self._keep(result)
        failing = {Decision.BREACHED, Decision.UNDECIDED} if self._undecided_fails else {Decision.BREACHED}
        failed = [result.explain() for result in results if result.judgement.decision in failing]
        if failed:
            self._fail("\n".join(failed))
