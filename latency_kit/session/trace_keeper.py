"""Which traces of a running program are kept: the slowest, and some drawn at random as the typical ones.

Spans are only put aside as they end; what trace they belong to and how long that took is found out later.
"""

import heapq
from collections import deque
from collections.abc import Iterable
from random import Random

from latency_kit.errors import LatencyKitError
from latency_kit.session.account import TurnAccount
from latency_kit.session.kept_trace import KeptTrace, explained_span, kept_trace
from latency_kit.session.span_record import ReadableSpan, records_of_spans

__all__ = ["MAX_ACCOUNTS", "MAX_TRACES", "TraceKeeper"]

MAX_TRACES = 12
"""Slowest traces that are kept: more waterfalls than anybody looks at."""

MAX_ACCOUNTS = 400
"""Traces drawn at random that are broken down; shares and p95 of so many are told well."""

MAX_ARRIVED = 20_000
"""Finished spans that may wait between two looks; what comes on top is counted and forgotten."""

MAX_OPEN = 2_000
"""Traces without an end that may wait for it; of more the oldest are counted and forgotten."""

_SEED = 20_26


class _OpenTrace:
    __slots__ = ("ended", "spans")

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []
        self.ended = False


class TraceKeeper:
    """Keeps traces of finished spans.

    * The slowest traces are kept whole; of all others, as many drawn at random (each with the same chance:
      J. S. Vitter, "Random Sampling with a Reservoir", 1985, algorithm R) as accounts are made of.
    * Memory is bounded, and what is left out is counted.
    * `take` may be called on one thread and the rest on another.

    A trace is taken for complete a look after its root has ended, so that what ends with it is in it.

    Attributes:
        seen: Complete traces with a span to explain, kept or not.
        forgotten: Spans that were left out, by why.
    """

    def __init__(
        self, *, end_to_end: str | None = None, most: int = MAX_TRACES, accounts: int = MAX_ACCOUNTS
    ) -> None:
        """Begin empty.

        Args:
            end_to_end: `component.operation` by whose span traces are ranked and explained; traces without
                one do not count. By default it is the root.
            most: How many of the slowest are kept.
            accounts: How many are drawn.
        """
        self.end_to_end = end_to_end
        self._most = most
        self._accounts = accounts
        self._arrived: deque[ReadableSpan] = deque()
        self._open: dict[int, _OpenTrace] = {}
        self._slowest: list[tuple[int, int, KeptTrace]] = []
        self._drawn: list[KeptTrace] = []
        self._random = Random(_SEED)  # noqa: S311  # reproducible on purpose; nothing is kept secret by it
        self.seen = 0
        self.forgotten: dict[str, int] = {}

    def take(self, spans: Iterable[ReadableSpan]) -> None:
        """Put finished spans aside. Never raises."""
        for span in spans:
            if len(self._arrived) >= MAX_ARRIVED:
                self._forget("spans that came too fast", 1)
            else:
                self._arrived.append(span)

    def look(self, *, is_last: bool = False) -> None:
        """Sort out what has arrived, and close the traces that had ended by the last look."""
        complete = [one for one, trace in self._open.items() if trace.ended]
        for _ in range(len(self._arrived)):
            span = self._arrived.popleft()
            trace = self._open.setdefault(span.context.trace_id, _OpenTrace())
            trace.spans.append(span)
            trace.ended = trace.ended or span.parent is None or span.parent.is_remote
        if is_last:
            complete = [one for one, trace in self._open.items() if trace.ended]
        for trace_id in complete:
            self._close(trace_id, self._open.pop(trace_id).spans)
        surplus = len(self._open) if is_last else len(self._open) - MAX_OPEN
        for trace_id in [one for one, trace in self._open.items() if not trace.ended][: max(surplus, 0)]:
            self._forget("spans without a root", len(self._open.pop(trace_id).spans))

    def slowest(self) -> tuple[KeptTrace, ...]:
        """Return the slowest traces, slowest first."""
        return tuple(trace for _, _, trace in sorted(self._slowest, key=lambda kept: -kept[0]))

    def accounts(self) -> tuple[TurnAccount, ...]:
        """Return where the time of the drawn traces went by their critical paths, in the order of time."""
        found: list[TurnAccount] = []
        for trace in sorted(self._drawn, key=lambda one: one.explained.start_ns):
            try:
                found.append(trace.critical_path().account())
            except LatencyKitError:  # spans of another library that make no tree
                self._forget("traces that make no tree", 1)
        return tuple(found)

    def left_out(self) -> dict[str, int]:
        """Return how much was left out, by what."""
        counts = {
            "traces that were not among the slowest": self.seen - len(self._slowest),
            "traces that were not drawn for the breakdown": self.seen - len(self._drawn),
            **self.forgotten,
        }
        return {what: number for what, number in counts.items() if number > 0}

    def _close(self, trace_id: int, spans: list[ReadableSpan]) -> None:
        try:
            records = records_of_spans(spans)
            explained = explained_span(records, self.end_to_end)
            if explained is None:
                return
            self.seen += 1
            is_slow = len(self._slowest) < self._most or explained.duration_ns > self._slowest[0][0]
            place = len(self._drawn) if self.seen <= self._accounts else self._random.randrange(self.seen)
            if not is_slow and place >= self._accounts:
                return
            kept = kept_trace(trace_id, records, explained)
        except LatencyKitError:
            self._forget("spans that make no trace", len(spans))
            return
        if is_slow:
            put = heapq.heappush if len(self._slowest) < self._most else heapq.heapreplace
            put(self._slowest, (explained.duration_ns, -self.seen, kept))
        if place < self._accounts:
            self._drawn[place : place + 1] = [kept]

    def _forget(self, why: str, number: int) -> None:
        self.forgotten[why] = self.forgotten.get(why, 0) + number
