"""Programs in virtual time whose critical path is known while they run, forwards, without any span.

Each part of a program, run from an instant, gives the spans that it would record, the instant at which it
ends, and the stretches that led there. A join takes the stretches of the branch that it waited for; that
is the definition of a critical path, and no code of the library is used for it.
"""

from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from hypothesis import strategies as st

from latency_kit.measurement.measurement import Outcome
from latency_kit.session.span_record import SpanRecord

Stretch = tuple[str, str, int, int]
"""Name, kind ("service", "queue wait", "gap"), start, end."""

_BASE = 1 << 200


@dataclass
class Run:
    """What a part of a program gave."""

    end_ns: int
    stretches: list[Stretch]
    spans: list[SpanRecord]
    has_calls: bool = False


@dataclass
class Ids:
    """Numbers for spans, and durations that no two sets of leaves can sum up to alike."""

    spans: Any = field(default_factory=lambda: count(1))
    leaves: Any = field(default_factory=lambda: count(0))

    def unique_ns(self, weight: int) -> int:
        """Return a duration of about `weight`, unlike every sum of others."""
        return weight * _BASE + (1 << next(self.leaves))


def _span(ids: Ids, name: str, parent: int, start_ns: int, end_ns: int, **more: Any) -> SpanRecord:
    return SpanRecord(
        name=name, span_id=next(ids.spans), parent_id=parent, start_ns=start_ns, end_ns=end_ns, **more
    )


@dataclass(frozen=True)
class Own:
    """Work of the span itself."""

    weight: int

    def run(self, ids: Ids, parent: int, start_ns: int) -> Run:
        end_ns = start_ns + ids.unique_ns(self.weight)
        return Run(end_ns, [("", "own", start_ns, end_ns)], [])


@dataclass(frozen=True)
class Wait:
    """A wait for a lock."""

    weight: int

    def run(self, ids: Ids, parent: int, start_ns: int) -> Run:
        end_ns = start_ns + ids.unique_ns(self.weight)
        span = _span(ids, "lock.wait", parent, start_ns, end_ns)
        return Run(end_ns, [("lock.wait", "queue wait", start_ns, end_ns)], [span])


@dataclass(frozen=True)
class Call:
    """A span with what is done in it, one after the other."""

    parts: tuple[Any, ...]

    def run(self, ids: Ids, parent: int, start_ns: int) -> Run:
        span_id = next(ids.spans)
        name = f"call.{span_id}"
        at_ns, stretches, spans, has_calls = start_ns, [], [], False
        for part in self.parts:
            ran = part.run(ids, span_id, at_ns)
            at_ns = ran.end_ns
            stretches += ran.stretches
            spans += ran.spans
            has_calls = has_calls or ran.has_calls
        kind = "gap" if has_calls else "service"
        stretches = [(name, kind, *one[2:]) if one[1] == "own" else one for one in stretches]
        own = SpanRecord(name=name, span_id=span_id, parent_id=parent, start_ns=start_ns, end_ns=at_ns)
        return Run(at_ns, stretches, [own, *spans], has_calls=True)


@dataclass(frozen=True)
class Gather:
    """Branches that run beside each other, joined at the end of the last."""

    branches: tuple[Call, ...]

    def run(self, ids: Ids, parent: int, start_ns: int) -> Run:
        ran = [branch.run(ids, parent, start_ns) for branch in self.branches]
        last = max(ran, key=lambda one: one.end_ns)
        return replace(last, spans=[span for one in ran for span in one.spans])


@dataclass(frozen=True)
class Race:
    """Branches of which the first to end wins; the others are cancelled in that instant."""

    branches: tuple[Call, ...]

    def run(self, ids: Ids, parent: int, start_ns: int) -> Run:
        ran = [branch.run(ids, parent, start_ns) for branch in self.branches]
        first = min(ran, key=lambda one: one.end_ns)
        spans = list(first.spans)
        for one in ran:
            if one is not first:
                spans += _cut(one.spans, first.end_ns)
        return replace(first, spans=spans)


def _cut(spans: list[SpanRecord], at_ns: int) -> list[SpanRecord]:
    begun = [span for span in spans if span.start_ns < at_ns]
    return [
        replace(span, end_ns=at_ns, outcome=Outcome.CANCELLED) if span.end_ns > at_ns else span
        for span in begun
    ]


@dataclass(frozen=True)
class Queued:
    """A producer puts an item into a queue and ends; the caller waits until the item has been worked on."""

    before: int
    wait: int
    work: int

    def run(self, ids: Ids, parent: int, start_ns: int) -> Run:
        put_ns = start_ns + ids.unique_ns(self.before)
        taken_ns = put_ns + ids.unique_ns(self.wait)
        done_ns = taken_ns + ids.unique_ns(self.work)
        producer = _span(ids, "producer", parent, start_ns, (put_ns + taken_ns) // 2)
        wait = _span(ids, "item.wait", producer.span_id, put_ns, taken_ns)
        work = _span(ids, "item", producer.span_id, taken_ns, done_ns)
        stretches: list[Stretch] = [
            ("producer", "service", start_ns, put_ns),
            ("item.wait", "queue wait", put_ns, taken_ns),
            ("item", "service", taken_ns, done_ns),
        ]
        return Run(done_ns, stretches, [producer, wait, work], has_calls=True)


@dataclass(frozen=True)
class Stream:
    """A generator whose consumer works on each item while the body stands still."""

    items: tuple[tuple[int, int], ...]
    last: int

    def run(self, ids: Ids, parent: int, start_ns: int) -> Run:
        span_id = next(ids.spans)
        name = f"stream.{span_id}"
        at_ns, consumer_ns = start_ns, 0
        stretches: list[Stretch] = []
        spans: list[SpanRecord] = []
        for body, consume in self.items:
            item_ns = at_ns + ids.unique_ns(body)
            next_ns = item_ns + ids.unique_ns(consume)
            stretches += [(name, "service", at_ns, item_ns), ("consume", "service", item_ns, next_ns)]
            spans.append(_span(ids, "consume", parent, item_ns, next_ns))
            consumer_ns += next_ns - item_ns
            at_ns = next_ns
        end_ns = at_ns + ids.unique_ns(self.last)
        stretches.append((name, "service", at_ns, end_ns))
        attributes = {"latency.stream.items": len(self.items), "latency.stream.consumer_ns": consumer_ns}
        stream = SpanRecord(
            name=name,
            span_id=span_id,
            parent_id=parent,
            start_ns=start_ns,
            end_ns=end_ns,
            attributes=attributes,
        )
        return Run(end_ns, stretches, [stream, *spans], has_calls=True)


@dataclass(frozen=True)
class Background:
    """Work sent off that outlives everything, and some that ends before but says that nobody awaits it."""

    weight: int
    outlives: bool

    def run(self, ids: Ids, parent: int, start_ns: int) -> Run:
        if self.outlives:
            span = _span(ids, "background", parent, start_ns, start_ns + _BASE**2)
        else:
            attributes = {"latency.awaited": False}
            end_ns = start_ns + ids.unique_ns(self.weight)
            span = _span(ids, "background", parent, start_ns, end_ns, attributes=attributes)
        return Run(start_ns, [], [span])


def execute(program: Call) -> tuple[list[SpanRecord], list[Stretch]]:
    """Run a program from 0; return its spans and its critical path."""
    ran = program.run(Ids(), 0, 0)
    spans = [replace(span, parent_id=span.parent_id or None) for span in ran.spans]
    return spans, _joined(ran.stretches)


def _joined(stretches: list[Stretch]) -> list[Stretch]:
    """Take stretches of one span that touch together."""
    joined: list[Stretch] = []
    for name, kind, start_ns, end_ns in stretches:
        if joined and joined[-1][:2] == (name, kind) and name.startswith(("call", "stream")):
            joined[-1] = (name, kind, joined[-1][2], end_ns)
        else:
            joined.append((name, kind, start_ns, end_ns))
    return joined


_weights = st.integers(min_value=1, max_value=50)
_leaves = st.builds(lambda weight: Call((Own(weight),)), _weights)


def _composite(calls: st.SearchStrategy[Call]) -> st.SearchStrategy[Call]:
    branches = st.lists(calls, min_size=2, max_size=3).map(tuple)
    parts = st.one_of(
        calls,
        st.builds(Own, _weights),
        st.builds(Wait, _weights),
        st.builds(Gather, branches),
        st.builds(Race, branches),
        st.builds(Queued, _weights, _weights, _weights),
        st.builds(
            Stream, st.lists(st.tuples(_weights, _weights), min_size=1, max_size=3).map(tuple), _weights
        ),
        st.builds(Background, _weights, st.booleans()),
    )
    # A call ends in work of its own: it joins what it began, and takes the last result.
    return st.builds(
        lambda inside, last: Call((*inside, Own(last))), st.lists(parts, min_size=1, max_size=4), _weights
    )


programs = st.recursive(_leaves, _composite, max_leaves=14)
