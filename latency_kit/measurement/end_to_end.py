"""End-to-end operations: over processes and sockets by a carrier, and the time between their checkpoints.

question = latency_kit.begin("turn", "answer", intervals=[("heard", "answered")])
question.checkpoint("heard")
socket.send(json.dumps({"text": text, "carrier": question.carrier()}))

# in the other process
goes_on = latency_kit.resume(message["carrier"], "turn", "answer_shown", intervals=[("heard", "end")])
goes_on.end()     # turn.answer_shown lasted from the start in the first process
"""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from latency_kit.errors import UsageError
from latency_kit.measurement.active import active
from latency_kit.measurement.call_site import CallSite
from latency_kit.measurement.carrier import carrier_of, context_of
from latency_kit.measurement.duration_series import DurationSeries
from latency_kit.measurement.measurement import AttributeValue, Outcome
from latency_kit.measurement.operations import Operation, begin
from latency_kit.units import NS_PER_S

if TYPE_CHECKING:
    from opentelemetry.trace import Span

__all__ = ["CheckpointIntervals", "carrier_of_operation", "resume"]

BEGUN_AGO = "latency-begun-ago-ns"
CHECKPOINTS = "latency-checkpoints"
CLOCK = "latency-clock"
START = "latency-start-ns"

LONGEST_NS = 30 * 24 * 3600 * NS_PER_S
"""What claims to have begun longer ago than 30 days is no operation but a broken message."""

MAX_CHECKPOINTS = 100
"""Checkpoints that are taken from a carrier; it may come from anybody."""


class CheckpointIntervals:
    """The distances between checkpoints that are series of their own.

    * An interval is noted once, when the operation ends, under the operation's outcome.
    * Where a checkpoint was not passed, or the second before the first, nothing is noted.
    """

    __slots__ = ("_series",)

    def __init__(self, series: Mapping[tuple[str, str], DurationSeries]) -> None:
        self._series = series

    @classmethod
    def of(cls, site: CallSite, intervals: Sequence[tuple[str, str]]) -> "CheckpointIntervals":
        """Make the series of `intervals`, pairs of checkpoints; "start" and "end" are the operation's.

        Raises:
            UsageError: One is not a pair of two different names.
        """
        series = {}
        for pair in intervals:
            if isinstance(pair, str) or len(pair) != 2 or not all(isinstance(name, str) for name in pair):  # noqa: PLR2004  # a pair
                raise UsageError(
                    f"an interval is a pair of checkpoints such as ('heard', 'answered'), got {pair!r}"
                )
            begun, ended = pair
            if not begun or not ended or ended in {begun, "start"} or begun == "end":
                raise UsageError(f"an interval goes from one checkpoint to a later one, got {pair!r}")
            series[begun, ended] = _series_of(
                site.component, site.operation, begun, ended, tuple(site.attributes.items())
            )
        return cls(series)

    def note(
        self,
        start_ns: int,
        checkpoints: Mapping[str, int],
        end_ns: int,
        outcome: Outcome,
        span: "Span | None",
    ) -> None:
        """Record the intervals of an operation that ends."""
        passed = {"start": start_ns, "end": end_ns, **checkpoints}
        for (begun, ended), series in self._series.items():
            begun_ns, ended_ns = passed.get(begun), passed.get(ended)
            if begun_ns is not None and ended_ns is not None and ended_ns >= begun_ns:
                series.note(begun_ns, ended_ns, outcome=outcome, span=span)


def carrier_of_operation(operation: Operation) -> dict[str, str]:
    """Return `operation` as strings; see `Operation.carrier`."""
    now_ns = active.clock()
    carrier = carrier_of(operation.context)
    carrier[BEGUN_AGO] = str(now_ns - operation.start_ns)
    if operation.checkpoints:
        carrier[CHECKPOINTS] = ",".join(
            f"{quote(name, safe='')}={passed_ns - operation.start_ns}"
            for name, passed_ns in operation.checkpoints.items()
        )
    clock = _clock_identity()
    if clock:
        carrier[CLOCK] = clock
        carrier[START] = str(operation.start_ns)
    return carrier


def resume(
    carrier: Mapping[str, str],
    component: str,
    operation: str,
    *,
    attributes: Mapping[str, AttributeValue] | None = None,
    intervals: Sequence[tuple[str, str]] = (),
) -> Operation:
    """Go on with an operation that began in another process.

    The operation that is returned has the first one's start, checkpoints and trace; its span is a child of
    the first one's. Where both processes read one monotonic clock (the same boot of the same machine), the
    way of the message counts as well; elsewhere it cannot be known and does not.

    Args:
        carrier: What `Operation.carrier()` returned; other keys are ignored, and a malformed carrier begins
            an operation now (counted as "carriers_malformed"): it may come from anybody.
        component: The part of the program.
        operation: The operation as it is seen here.
        attributes: Attributes of the operation.
        intervals: As for `begin`; the first process's checkpoints are known here.

    Raises:
        UsageError: A name, an attribute or an interval is unfit.
    """
    now_ns = active.clock()
    start_ns, checkpoints = now_ns, dict[str, int]()
    try:
        start_ns = _start_ns(carrier, now_ns)
        checkpoints = _checkpoints(carrier, start_ns, now_ns)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        active.losses.count("carriers_malformed", why=repr(error))
    try:
        context = context_of(carrier)
    except Exception as error:  # noqa: BLE001  # a propagator of the program on what anybody has sent
        active.losses.count("carriers_malformed", why=repr(error))
        context = context_of({})
    resumed = begin(
        component,
        operation,
        start_ns=start_ns,
        attributes=attributes,
        context=context,
        intervals=intervals,
    )
    for name, passed_ns in checkpoints.items():
        resumed.checkpoint(name, at_ns=passed_ns)
    return resumed


@functools.lru_cache(maxsize=1000)
def _series_of(
    component: str, operation: str, begun: str, ended: str, attributes: tuple[tuple[str, AttributeValue], ...]
) -> DurationSeries:
    return DurationSeries(component, f"{operation}.{begun}_to_{ended}", dict(attributes))


def _start_ns(carrier: Mapping[str, str], now_ns: int) -> int:
    begun_ago_ns = int(carrier[BEGUN_AGO])
    if not 0 <= begun_ago_ns <= LONGEST_NS:
        raise ValueError(f"{BEGUN_AGO} is {begun_ago_ns}")
    clock = _clock_identity()
    if clock and carrier.get(CLOCK) == clock:
        start_ns = int(carrier[START])
        # Two namespaces of one boot may disagree: then the message would have arrived before it was sent.
        if 0 <= now_ns - (start_ns + begun_ago_ns) <= LONGEST_NS:
            return start_ns
    return now_ns - begun_ago_ns


def _checkpoints(carrier: Mapping[str, str], start_ns: int, now_ns: int) -> dict[str, int]:
    listed = carrier.get(CHECKPOINTS, "")
    passed: dict[str, int] = {}
    for one in listed.split(",")[:MAX_CHECKPOINTS] if listed else ():
        name, _, after_ns = one.partition("=")
        if abs(int(after_ns)) > LONGEST_NS:
            raise ValueError(f"{CHECKPOINTS} holds {one}")
        passed[unquote(name)] = min(start_ns + int(after_ns), now_ns)
    return passed


@functools.lru_cache(maxsize=1)
def _clock_identity() -> str:
    """Name the boot of this machine, within which all processes read one CLOCK_MONOTONIC; empty if unknown.

    Source: random(4), /proc/sys/kernel/random/boot_id. Other systems do not tell their boot as simply.
    """
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
