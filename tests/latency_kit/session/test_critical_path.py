"""The critical path is that of the program, known by construction, to the nanosecond."""

from collections.abc import Sequence
from random import Random
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latency_kit.errors import NoDataError, UsageError
from latency_kit.measurement.measurement import Outcome
from latency_kit.session import CriticalPath, PathKind, PathSegment, SpanRecord, critical_path

MS = 1_000_000

Told = tuple[str, str, int, int]


def _span(name: str, span_id: int, parent_id: int | None, start: int, end: int, **more: Any) -> SpanRecord:
    return SpanRecord(
        name=name, span_id=span_id, parent_id=parent_id, start_ns=start * MS, end_ns=end * MS, **more
    )


def _told(path: CriticalPath) -> list[Told]:
    return [(one.name, one.kind.value, one.start_ns, one.end_ns) for one in path.segments]


def _in_ms(path: CriticalPath) -> list[Told]:
    return [(name, kind, start // MS, end // MS) for name, kind, start, end in _told(path)]


CANCELLED = {"outcome": Outcome.CANCELLED}
STREAM = {"latency.stream.items": 2, "latency.stream.consumer_ns": 5 * MS}

SHAPES: dict[str, tuple[list[SpanRecord], list[Told]]] = {
    "a single call is all service": (
        [_span("one", 1, None, 0, 10)],
        [("one", "service", 0, 10)],
    ),
    "calls after each other, with work between them": (
        [_span("root", 1, None, 0, 10), _span("a", 2, 1, 1, 4), _span("b", 3, 1, 5, 9)],
        [
            ("root", "gap", 0, 1),
            ("a", "service", 1, 4),
            ("root", "gap", 4, 5),
            ("b", "service", 5, 9),
            ("root", "gap", 9, 10),
        ],
    ),
    "calls inside of calls": (
        [_span("root", 1, None, 0, 10), _span("outer", 2, 1, 0, 10), _span("inner", 3, 2, 2, 6)],
        [("outer", "gap", 0, 2), ("inner", "service", 2, 6), ("outer", "gap", 6, 10)],
    ),
    "fork and join: the longest branch, and nothing of the others": (
        [
            _span("root", 1, None, 0, 10),
            _span("short", 2, 1, 1, 4),
            _span("long", 3, 1, 1, 9),
            _span("middle", 4, 1, 1, 6),
        ],
        [("root", "gap", 0, 1), ("long", "service", 1, 9), ("root", "gap", 9, 10)],
    ),
    "a fork inside of the branch that was waited for": (
        [
            _span("root", 1, None, 0, 20),
            _span("branch", 2, 1, 0, 20),
            _span("other", 3, 1, 0, 15),
            _span("x", 4, 2, 2, 8),
            _span("y", 5, 2, 2, 18),
        ],
        [("branch", "gap", 0, 2), ("y", "service", 2, 18), ("branch", "gap", 18, 20)],
    ),
    "a pool of two workers: what began when a worker was free leads to what it was free after": (
        [
            _span("root", 1, None, 0, 20),
            _span("a", 2, 1, 0, 10),
            _span("b", 3, 1, 0, 12),
            _span("c", 4, 1, 10, 15),
            _span("d", 5, 1, 12, 20),
        ],
        [("b", "service", 0, 12), ("d", "service", 12, 20)],
    ),
    "a race: the winner, although the loser ends last": (
        [
            _span("root", 1, None, 0, 10),
            _span("winner", 2, 1, 1, 6),
            _span("loser", 3, 1, 1, 7, **CANCELLED),
        ],
        [("root", "gap", 0, 1), ("winner", "service", 1, 6), ("root", "gap", 6, 10)],
    ),
    "hedging: the second was begun late and won": (
        [
            _span("root", 1, None, 0, 10),
            _span("first", 2, 1, 0, 9, **CANCELLED),
            _span("second", 3, 1, 5, 9),
        ],
        [("root", "gap", 0, 5), ("second", "service", 5, 9), ("root", "gap", 9, 10)],
    ),
    "a race in threads: the loser runs on beside what came next": (
        [
            _span("root", 1, None, 0, 12),
            _span("winner", 2, 1, 0, 5),
            _span("loser", 3, 1, 0, 9),
            _span("next", 4, 1, 5, 12),
        ],
        [("winner", "service", 0, 5), ("next", "service", 5, 12)],
    ),
    "a group cancelled by a failure: what failed, not what was cancelled": (
        [
            _span("root", 1, None, 0, 8),
            _span("fails", 2, 1, 0, 7, outcome=Outcome.ERROR),
            _span("cancelled", 3, 1, 0, 8, **CANCELLED),
        ],
        [("fails", "service", 0, 7), ("root", "gap", 7, 8)],
    ),
    "a time limit: what was cancelled is what was waited for": (
        [
            _span("root", 1, None, 0, 1000),
            _span("quick", 2, 1, 0, 30),
            _span("too slow", 3, 1, 0, 1000, **CANCELLED),
        ],
        [("too slow", "service", 0, 1000)],
    ),
    "a queue: the producer until it put, then wait and work; not what the producer did after": (
        [
            _span("root", 1, None, 0, 100),
            _span("producer", 2, 1, 0, 20),
            _span("llm.generate.wait", 3, 2, 15, 60),
            _span("llm.generate", 4, 2, 60, 90),
        ],
        [
            ("producer", "service", 0, 15),
            ("llm.generate.wait", "queue wait", 15, 60),
            ("llm.generate", "service", 60, 90),
            ("root", "gap", 90, 100),
        ],
    ),
    "a queue after a queue, each put by the work before": (
        [
            _span("root", 1, None, 0, 50),
            _span("a.wait", 2, 1, 0, 10),
            _span("a", 3, 1, 10, 20),
            _span("b.wait", 4, 3, 19, 30),
            _span("b", 5, 3, 30, 50),
        ],
        [
            ("a.wait", "queue wait", 0, 10),
            ("a", "service", 10, 19),
            ("b.wait", "queue wait", 19, 30),
            ("b", "service", 30, 50),
        ],
    ),
    "two items at once: the wait of the one that was waited for, whatever ended between": (
        [
            _span("root", 1, None, 0, 50),
            _span("work.wait", 2, 1, 0, 20),
            _span("other", 3, 1, 0, 21),
            _span("work", 4, 1, 22, 50),
        ],
        [("work.wait", "queue wait", 0, 20), ("root", "gap", 20, 22), ("work", "service", 22, 50)],
    ),
    "a lock: the wait apart from the work on either side of it": (
        [_span("root", 1, None, 0, 10), _span("work", 2, 1, 0, 10), _span("cache.wait", 3, 2, 2, 7)],
        [("work", "service", 0, 2), ("cache.wait", "queue wait", 2, 7), ("work", "service", 7, 10)],
    ),
    "a stream: body and consumer take turns": (
        [
            _span("root", 1, None, 0, 20),
            _span("tokens", 2, 1, 0, 20, attributes=STREAM),
            _span("show", 3, 1, 6, 9),
            _span("show", 4, 1, 14, 16),
        ],
        [
            ("tokens", "service", 0, 6),
            ("show", "service", 6, 9),
            ("tokens", "service", 9, 14),
            ("show", "service", 14, 16),
            ("tokens", "service", 16, 20),
        ],
    ),
    "a task that runs beside a stream for longer than its consumer did is no consumer": (
        [
            _span("root", 1, None, 0, 20),
            _span("tokens", 2, 1, 0, 20, attributes=STREAM),
            _span("beside", 3, 1, 1, 19),
        ],
        [("tokens", "service", 0, 20)],
    ),
    "a child that outlives its parent and was waited for above it": (
        [_span("root", 1, None, 0, 10), _span("parent", 2, 1, 2, 6), _span("child", 3, 2, 4, 8)],
        [
            ("root", "gap", 0, 2),
            ("parent", "service", 2, 4),
            ("child", "service", 4, 8),
            ("root", "gap", 8, 10),
        ],
    ),
    "a child that outlives the root was waited for by nobody": (
        [_span("root", 1, None, 0, 10), _span("answer", 2, 1, 2, 8), _span("audit", 3, 1, 3, 30)],
        [("root", "gap", 0, 2), ("answer", "service", 2, 8), ("root", "gap", 8, 10)],
    ),
    "work that says that nobody waits for it": (
        [
            _span("root", 1, None, 0, 10),
            _span("log", 2, 1, 1, 9, attributes={"latency.awaited": False}),
        ],
        [("root", "service", 0, 10)],
    ),
    "a child that began before its parent counts within it only": (
        [_span("root", 1, None, 5, 20), _span("early", 2, 1, 0, 12)],
        [("early", "service", 5, 12), ("root", "gap", 12, 20)],
    ),
    "a link says what came before where times alone do not": (
        [
            _span("root", 1, None, 0, 20),
            _span("cause", 2, 1, 0, 5),
            _span("unrelated", 3, 1, 0, 9),
            _span("effect", 4, 1, 10, 20, links=(2,)),
        ],
        [("cause", "service", 0, 5), ("root", "gap", 5, 10), ("effect", "service", 10, 20)],
    ),
    "a span whose parent was not recorded stands under the root": (
        [_span("root", 1, None, 0, 10), _span("remote", 2, 99, 3, 7)],
        [("root", "gap", 0, 3), ("remote", "service", 3, 7), ("root", "gap", 7, 10)],
    ),
}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_path_of(shape: str) -> None:
    spans, expected = SHAPES[shape]
    assert _in_ms(critical_path(spans)) == expected
    assert _in_ms(critical_path(spans[::-1])) == expected


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_the_path_of_any_program_is_the_one_it_took(
    program_trees: ModuleType, data: st.DataObject, seed: int
) -> None:
    spans, expected = program_trees.execute(data.draw(program_trees.programs))
    Random(seed).shuffle(spans)  # noqa: S311  # an order, not a secret
    assert _told(critical_path(spans)) == expected


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 100), st.integers(0, 100), st.sampled_from(Outcome)),
        max_size=30,
    )
)
def test_segments_add_up_to_the_roots_duration_whatever_the_spans(
    given_spans: list[tuple[int, int, int, Outcome]],
) -> None:
    spans = [_span("root", 1, None, 20, 80)]
    for number, (parent, start, length, outcome) in enumerate(given_spans, start=2):
        name = "x.wait" if length % 3 == 0 else "x"
        attributes = {"latency.stream.items": 1} if length % 7 == 0 else {}
        spans.append(
            _span(
                name,
                number,
                min(parent, number - 1),
                start,
                start + length,
                outcome=outcome,
                attributes=attributes,
                links=(length,),
            )
        )
    path = critical_path(spans)
    assert sum(segment.duration_ns for segment in path.segments) == 60 * MS == path.duration_ns
    assert sum(path.by_part().values()) == sum(path.total_ns(kind) for kind in PathKind) == 60 * MS
    assert path.account().end_to_end_ns == 60 * MS


def test_the_parts_say_what_was_waited_for() -> None:
    spans, _ = SHAPES[
        "a queue: the producer until it put, then wait and work; not what the producer did after"
    ]
    path = critical_path(spans)
    assert path.by_part() == {
        "producer": 15 * MS,
        "queue wait before llm.generate": 45 * MS,
        "llm.generate": 30 * MS,
        "gap in root": 10 * MS,
    }
    account = path.account()
    assert list(account.stages_ns) == ["producer", "queue wait before llm.generate", "llm.generate"]
    assert account.rest_ns == 10 * MS


def test_a_chain_deeper_than_pythons_stack_is_followed() -> None:
    depth = 5000
    spans = [_span("call", n, n - 1 or None, n, 2 * depth - n + 1) for n in range(1, depth + 1)]
    assert len(critical_path(spans).segments) == 2 * depth - 1


def test_one_of_several_roots_is_named() -> None:
    spans = [_span("a", 1, None, 0, 5), _span("b", 2, None, 3, 9), _span("in b", 3, 2, 4, 6)]
    with pytest.raises(UsageError, match="one root span is needed, got 'a', 'b'; name the one"):
        critical_path(spans)
    assert _in_ms(critical_path(spans, root=2)) == [
        ("b", "gap", 3, 4),
        ("in b", "service", 4, 6),
        ("b", "gap", 6, 9),
    ]


@pytest.mark.parametrize(
    ("spans", "error", "said"),
    [
        ([], NoDataError, "at least one finished span"),
        ([_span("a", 1, None, 0, 1), _span("b", 1, None, 0, 1)], UsageError, "have the same span_id 0x1"),
        (
            [_span("r", 1, None, 0, 1), _span("a", 2, 3, 0, 1), _span("b", 3, 2, 0, 1)],
            UsageError,
            "is above itself",
        ),
    ],
)
def test_spans_that_make_no_tree_are_refused(
    spans: Sequence[SpanRecord], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        critical_path(spans)


def test_a_path_with_a_hole_is_refused() -> None:
    def segment(start: int, end: int) -> PathSegment:
        return PathSegment(name="x", span_id=1, kind=PathKind.SERVICE, start_ns=start, end_ns=end)

    root = SpanRecord(name="x", span_id=1, start_ns=0, end_ns=10)
    with pytest.raises(UsageError, match="without a hole"):
        CriticalPath(root=root, segments=(segment(0, 4), segment(5, 10)))
    with pytest.raises(UsageError, match="must reach the root's end"):
        CriticalPath(root=root, segments=(segment(0, 9),))
