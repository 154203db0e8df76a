"""The spans of one trace as a tree in which each span stands under the one that waited for it.

The walk over the tree lives in `critical_path`. What can be told from times alone, and what spans have to
say, is written down in docs/latency-kit/explaining.md.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

from latency_kit.errors import NoDataError, UsageError
from latency_kit.measurement.measurement import Outcome
from latency_kit.session.span_record import SpanRecord
from latency_kit.units import NS_PER_MS

__all__ = ["RACE_SETTLING_NS", "Node", "grow"]

RACE_SETTLING_NS = 50 * NS_PER_MS
"""A loser ends at most this long after the winner: an asyncio task is cancelled in the loop's next turns.

One that was cancelled later, while nothing else began, is taken for what was waited for until its limit.
"""

_CONSUMER_ATTRIBUTE = "latency.stream.consumer_ns"


class Node:
    """One span in the tree.

    Attributes:
        record: The span.
        start_ns: Its start, not before the root's.
        end_ns: Its end, not after the root's.
        parent: The node it was made under; None for the root.
        waiter: The node that waited for it: its parent, or, where it outlived that, the nearest one above
            that ended no earlier; for a consumer's span, the stream that stood still for it.
        awaited: The nodes that this one waited for, by end, of equal ends the longest last.
        causes: Nodes that must have ended before this one could begin, as far as spans tell.
        cursor: Where the walk is in `awaited`; times only go back, and so does it.
        has_calls: Whether it waited for anything but waits.
    """

    __slots__ = (
        "awaited",
        "causes",
        "children",
        "cursor",
        "end_ns",
        "has_calls",
        "parent",
        "record",
        "start_ns",
        "waiter",
    )

    def __init__(self, record: SpanRecord, start_ns: int, end_ns: int) -> None:
        self.record = record
        self.start_ns = min(max(record.start_ns, start_ns), end_ns)
        self.end_ns = max(min(record.end_ns, end_ns), start_ns)
        self.parent: Node | None = None
        self.waiter: Node | None = None
        self.children: list[Node] = []
        self.awaited: list[Node] = []
        self.causes: tuple[Node, ...] = ()
        self.cursor = 0
        self.has_calls = False


def grow(records: Iterable[SpanRecord], *, root: int | None = None) -> Node:
    """Return the root of the tree of one trace.

    Spans whose parent was not recorded stand under the root.

    Args:
        records: The spans of one trace, in any order.
        root: Identity of the span to explain; by default the only one without a parent.

    Raises:
        NoDataError: There are no spans, or none of that identity.
        UsageError: Two spans have one identity, a span is above itself, or there is more than one root.
    """
    known: dict[int, SpanRecord] = {}
    for record in records:
        if record.span_id in known:
            raise UsageError(
                f"spans {known[record.span_id].name!r} and {record.name!r} have the same span_id "
                f"{record.span_id:#x}; give each span of the trace once"
            )
        known[record.span_id] = record
    if not known:
        raise NoDataError("a critical path needs at least one finished span, got none")
    top = _root_of(known, root)
    nodes = {one: Node(record, top.start_ns, top.end_ns) for one, record in known.items()}
    tree = nodes[top.span_id]
    _connect(nodes, tree, only_below=root is not None)
    below = list(_below(tree))
    if root is None and len(below) != len(nodes):
        lost = next(node for node in nodes.values() if node is not tree and node.waiter is None)
        raise UsageError(f"span {lost.record.name!r} is above itself: its parents lead back to it")
    _seat(tree, below)
    _name_causes(nodes, below)
    return tree


def _root_of(known: dict[int, SpanRecord], root: int | None) -> SpanRecord:
    if root is not None:
        if root not in known:
            raise NoDataError(f"no span of the identity {root:#x} was given")
        return known[root]
    roots = [record for record in known.values() if record.parent_id is None]
    if not roots:  # the parent is in another process
        roots = [record for record in known.values() if record.parent_id not in known]
    if len(roots) != 1:
        names = ", ".join(sorted(repr(record.name) for record in roots)) or "none"
        raise UsageError(f"one root span is needed, got {names}; name the one to explain with root=")
    return roots[0]


def _connect(nodes: dict[int, Node], tree: Node, *, only_below: bool) -> None:
    for node in nodes.values():
        if node is tree:
            continue
        above = node.record.parent_id
        parent = nodes.get(above) if above is not None else None
        if parent is None:
            if only_below:
                continue
            parent = tree
        node.parent = parent
        parent.children.append(node)


def _below(tree: Node) -> Iterator[Node]:
    """Yield the tree from the top, parents before their children; mark each as reached."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        node.waiter = node.parent
        yield node
        waiting.extend(node.children)


def _seat(tree: Node, below: Sequence[Node]) -> None:
    """Put each span under the one that waited for it; leave out those that nobody waited for."""
    for node in below:
        left_out = _lost_races(node.children)
        for child in node.children:
            waiter: Node | None = node
            while waiter is not None and waiter.record.end_ns < child.record.end_ns:
                waiter = None if waiter is tree else waiter.parent
            child.waiter = waiter
            if waiter is None or child in left_out or not child.record.is_awaited:
                child.waiter = None
        _seat_consumers(node)
    for node in below:
        if node.waiter is not None and node is not tree:
            node.waiter.awaited.append(node)
            node.waiter.has_calls = node.waiter.has_calls or not node.record.is_wait
    for node in below:
        node.awaited.sort(key=lambda one: (one.end_ns, -one.start_ns))
        node.cursor = len(node.awaited) - 1


def _lost_races(siblings: Sequence[Node]) -> set[Node]:
    """Return the cancelled ones that another one has beaten.

    The winner is the sibling that ended last of those that ended of themselves while the loser ran. The
    loser ended soon after it, or the parent had gone on to something else by then.
    """
    cancelled = [node for node in siblings if node.record.outcome is Outcome.CANCELLED]
    if not cancelled:
        return set()
    ends_ns = sorted(node.record.end_ns for node in siblings if node.record.outcome is not Outcome.CANCELLED)
    starts_ns = sorted(node.record.start_ns for node in siblings)
    lost: set[Node] = set()
    for node in cancelled:
        end_ns = node.record.end_ns
        at = bisect_right(ends_ns, end_ns)
        won_ns = ends_ns[at - 1] if at else None
        if won_ns is None or won_ns <= node.record.start_ns:
            continue
        went_on = bisect_left(starts_ns, end_ns) > bisect_left(starts_ns, won_ns)
        if went_on or end_ns - won_ns <= RACE_SETTLING_NS:
            lost.add(node)
    return lost


def _seat_consumers(node: Node) -> None:
    """Put what a stream's consumer did between its items under the stream, which stood still meanwhile.

    That is a sibling within the stream's time that runs beside none of the stream's own calls and is no
    longer than the consumer's time, which the stream has counted.
    """
    streams = [child for child in node.children if child.record.is_stream and child.waiter is node]
    # The innermost stream takes first: generators over generators stand inside of each other.
    for stream in sorted(streams, key=lambda one: one.record.duration_ns):
        most_ns = stream.record.attributes.get(_CONSUMER_ATTRIBUTE)
        bodies = sorted((call.record.start_ns, call.record.end_ns) for call in stream.children)
        for child in node.children:
            fits = stream.start_ns <= child.start_ns and child.end_ns <= stream.end_ns
            if child is stream or child.waiter is not node or not fits:
                continue
            if isinstance(most_ns, int) and child.record.duration_ns > most_ns:
                continue
            if not any(start < child.record.end_ns and child.record.start_ns < end for start, end in bodies):
                child.waiter = stream


def _name_causes(nodes: dict[int, Node], below: Iterable[Node]) -> None:
    """Find what spans say of their cause: links, and the wait `x.wait` of the work `x` beside it."""
    waits: dict[tuple[Node | None, str], list[Node]] = {}
    for node in nodes.values():
        if node.record.is_wait:
            waits.setdefault((node.parent, node.record.name), []).append(node)
    for node in below:
        linked = [nodes[one] for one in node.record.links if one in nodes]
        node.causes = (*linked, *waits.get((node.parent, f"{node.record.name}.wait"), ()))
