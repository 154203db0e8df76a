"""The critical path of one trace: which span was waited for at each instant, and what it was doing then.

Pure. How spans come to be `SpanRecord`s, and who waited for whom, live in `span_record` and `trace_tree`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from latency_kit.errors import UsageError
from latency_kit.session.account import TurnAccount
from latency_kit.session.span_record import SpanRecord
from latency_kit.session.trace_tree import Node, grow

__all__ = ["CriticalPath", "PathKind", "PathSegment", "critical_path", "wait_words"]


class PathKind(StrEnum):
    """What a span on the path was doing."""

    SERVICE = "service"
    """Work: the span ran and had nothing measured under it, or is the body of a stream."""
    QUEUE_WAIT = "queue wait"
    """Nothing but waiting for a turn: in a queue, for a worker, for a lock."""
    GAP = "gap"
    """Between the calls that were measured under the span: hand-over, scheduling, work nobody measures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSegment:
    """A stretch of the critical path in one span.

    Attributes:
        name: The span's name.
        span_id: Its identity.
        kind: What it was doing.
        start_ns: Where the stretch begins.
        end_ns: Where it ends, after its beginning.
    """

    name: str
    span_id: int
    kind: PathKind
    start_ns: int
    end_ns: int

    @property
    def duration_ns(self) -> int:
        """End minus start, in nanoseconds."""
        return self.end_ns - self.start_ns

    @property
    def part(self) -> str:
        """What a report calls it: "llm.generate", "queue wait before llm.generate", "gap in turn"."""
        if self.kind is PathKind.QUEUE_WAIT:
            return wait_words(self.name)
        return f"gap in {self.name}" if self.kind is PathKind.GAP else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class CriticalPath:
    """What held up the end of one span, instant by instant.

    * The segments follow each other without a hole from the root's start to its end: their durations add
      up to the root's, in nanoseconds.

    Attributes:
        root: The span that is explained.
        segments: In the order of time; empty only for a root that took no time.
    """

    root: SpanRecord
    segments: tuple[PathSegment, ...]

    def __post_init__(self) -> None:
        at_ns = self.root.start_ns
        for segment in self.segments:
            if segment.start_ns != at_ns or segment.end_ns <= at_ns:
                raise UsageError(
                    f"segments must follow each other without a hole, got {segment.name!r} from "
                    f"{segment.start_ns} to {segment.end_ns} ns after {at_ns} ns"
                )
            at_ns = segment.end_ns
        if at_ns != self.root.end_ns:
            raise UsageError(f"segments must reach the root's end at {self.root.end_ns} ns, got {at_ns} ns")

    @property
    def duration_ns(self) -> int:
        """The root's duration, in nanoseconds."""
        return self.root.duration_ns

    def total_ns(self, kind: PathKind) -> int:
        """Return the time of one kind on the path, in nanoseconds."""
        return sum(segment.duration_ns for segment in self.segments if segment.kind is kind)

    def by_part(self) -> Mapping[str, int]:
        """Return the nanoseconds of each part on the path, in the order in which the parts come first."""
        parts: dict[str, int] = {}
        for segment in self.segments:
            parts[segment.part] = parts.get(segment.part, 0) + segment.duration_ns
        return MappingProxyType(parts)

    def account(self) -> TurnAccount:
        """Return the path as the account of a turn; the root's own gaps are its rest."""
        own = f"gap in {self.root.name}"
        parts = self.by_part()
        return TurnAccount(
            end_to_end_ns=self.duration_ns,
            stages_ns={name: part_ns for name, part_ns in parts.items() if name != own},
            rest_ns=parts.get(own, 0),
        )


def wait_words(name: str) -> str:
    """Say of a wait by the name of its span what it was before: "queue wait before llm.generate"."""
    what, _, last = name.rpartition(".")
    return f"queue wait before {what if last in {'wait', 'queue_wait'} and what else name}"


def critical_path(spans: Iterable[SpanRecord], *, root: int | None = None) -> CriticalPath:
    """Find what held up the end of a trace.

    From the root's end backwards: of all that a span waited for, the one that ended last held it up; the
    time since is the span's own. The walk goes on in that one, and at its start returns to the span that
    waited, and so on to the root's start. That is the last-returning-child rule of Zhang et al., "CRISP:
    Critical Path Analysis of Large-Scale Microservice Architectures", USENIX ATC 2022, section 4. Added to
    it are, since one process knows more than its RPCs tell:

    * A span that outlived its parent was waited for by the nearest span above that ended no earlier, and
      the path leads from its start into its parent; one that outlived the root was waited for by nobody.
    * A cancelled span that a sibling has beaten (a race, hedging, a group cancelled by a failure) was
      waited for by nobody; neither was one with `latency.awaited` false.
    * What a stream's consumer did between items interrupts the stream.
    * A link, and the wait `x.wait` beside the work `x`, say what came before, where times alone do not.

    The cost grows with n log n for n spans. Of siblings that ended in the same nanosecond the longest is
    taken.

    Args:
        spans: The finished spans of one trace, on one clock, in any order.
        root: Identity of the span to explain; by default the only one without a parent.

    Raises:
        NoDataError: There are no spans, or none of the identity `root`.
        UsageError: The spans make no tree, or there are several roots.
    """
    tree = grow(spans, root=root)
    return CriticalPath(root=tree.record, segments=_Walk(tree).segments())


class _Walk:
    """One walk from the end of a tree to its start; `_at_ns` only goes back."""

    def __init__(self, tree: Node) -> None:
        self._at_ns = tree.end_ns
        self._inside = [tree]
        self._floors_ns = [tree.start_ns]
        self._seen = {tree}
        self._backwards: list[PathSegment] = []

    def segments(self) -> tuple[PathSegment, ...]:
        while self._inside:
            last = self._last_awaited()
            if last is not None:
                self._enter(last)
            else:
                self._leave()
        return tuple(reversed(self._backwards))

    def _last_awaited(self) -> Node | None:
        """Return what the innermost node waited for last before now."""
        node, floor_ns = self._inside[-1], self._floors_ns[-1]
        while node.cursor >= 0:
            last = node.awaited[node.cursor]
            if last.end_ns <= floor_ns:
                return None
            if last.end_ns <= self._at_ns and last not in self._seen:
                return last
            node.cursor -= 1
        return None

    def _enter(self, node: Node) -> None:
        self._go_back_to(node.end_ns)
        self._push(node)

    def _push(self, node: Node) -> None:
        self._seen.add(node)
        self._inside.append(node)
        self._floors_ns.append(max(node.start_ns, self._floors_ns[-1]))

    def _leave(self) -> None:
        """Go back to the start of the innermost node, and from there to what it began after."""
        self._go_back_to(self._floors_ns.pop())
        node = self._inside.pop()
        if not self._inside:
            return
        outside = self._inside[-1]
        before = [
            cause
            for cause in node.causes
            if cause.waiter is outside
            and cause not in self._seen
            and self._floors_ns[-1] < cause.end_ns <= self._at_ns
        ]
        if before:
            self._enter(max(before, key=lambda cause: (cause.end_ns, -cause.start_ns)))
            return
        maker = node.parent
        is_consumer = maker is not None and node.waiter is outside and outside.parent is maker
        if maker is None or maker is outside or is_consumer or maker in self._seen:
            return
        if maker.start_ns <= self._at_ns <= maker.end_ns:
            self._push(maker)

    def _go_back_to(self, at_ns: int) -> None:
        """Give the time since `at_ns` to the innermost node."""
        if at_ns < self._at_ns:
            node = self._inside[-1]
            self._backwards.append(
                PathSegment(
                    name=node.record.name,
                    span_id=node.record.span_id,
                    kind=_kind(node),
                    start_ns=at_ns,
                    end_ns=self._at_ns,
                )
            )
            self._at_ns = at_ns


def _kind(node: Node) -> PathKind:
    if node.record.is_wait:
        return PathKind.QUEUE_WAIT
    if node.has_calls and not node.record.is_stream:
        return PathKind.GAP
    return PathKind.SERVICE
