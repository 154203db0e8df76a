"""A finished run as data: what every report, comparison and session file is made from.

Nothing here computes a figure or knows how one is shown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from latency_kit.budget import BudgetEvaluation
from latency_kit.errors import UsageError
from latency_kit.measurement.pauses import Pause
from latency_kit.measurement.recording import SeriesSnapshot
from latency_kit.session.account import TurnAccount
from latency_kit.session.durations import CallDurations
from latency_kit.session.environment import Environment
from latency_kit.session.kept_trace import KeptTrace
from latency_kit.session.timeline import SessionInterval

__all__ = ["DISPLAY_FACT", "Session", "blocking_calls_of"]

DISPLAY_FACT = "display"
"""The key of `Session.facts` that says on what the answers were shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A finished run.

    * It does not end before it starts, and no count in it is negative.
    * Its mappings never change after construction.

    Attributes:
        title: What was run, in a few words.
        start_unix_nano: When it began, as a wall stamp.
        end_unix_nano: When it ended, as a wall stamp.
        environment: Where it ran.
        series: Every series that was recorded.
        evaluations: Every budget, judged, in the order of the policy.
        end_to_end: Name (`component.operation`) of the series that is the run's end-to-end duration;
            None for a run that has none.
        outcomes: Number of turns by how they ended ("completed", "dropped", "cancelled", "failed" and
            whatever else there is). Each turn is in exactly one of them, so that they add up to all turns.
        accounts: Where the time of each turn went, in the order in which the turns came.
        facts: What else a reader must know, by name; `DISPLAY_FACT` is one of them.
        losses: What telemetry lost, by kind.
        blocking_calls: Functions or lines that were seen to keep an event loop, each with the longest time
            that it was seen to, in nanoseconds; `blocking_calls_of` the pauses that the probes noted, or
            a flight recorder, names them.
        intervals: The run over time, oldest first.
        traces: The slowest traces, slowest first.
        left_out: What was not kept so that the session stays small, as counts by what it is.
    """

    title: str
    start_unix_nano: int
    end_unix_nano: int
    environment: Environment
    series: tuple[SeriesSnapshot, ...] = ()
    evaluations: tuple[BudgetEvaluation, ...] = ()
    end_to_end: str | None = None
    outcomes: Mapping[str, int] = field(default_factory=dict)
    accounts: tuple[TurnAccount, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    losses: Mapping[str, int] = field(default_factory=dict)
    blocking_calls: Mapping[str, int] = field(default_factory=dict)
    intervals: tuple[SessionInterval, ...] = ()
    traces: tuple[KeptTrace, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.end_unix_nano < self.start_unix_nano:
            raise UsageError(
                f"a session must not end before it starts, got start_unix_nano={self.start_unix_nano} "
                f"and end_unix_nano={self.end_unix_nano}"
            )
        for what, counts in (
            ("outcomes", self.outcomes),
            ("losses", self.losses),
            ("blocking_calls", self.blocking_calls),
            ("left_out", self.left_out),
        ):
            for name, count in counts.items():
                if count < 0:
                    raise UsageError(f"{what}[{name!r}] must be a count from 0, got {count}")
        for mapping in ("outcomes", "facts", "losses", "blocking_calls", "left_out"):
            object.__setattr__(self, mapping, MappingProxyType(dict(getattr(self, mapping))))
        for sequence in ("series", "evaluations", "accounts", "intervals", "traces"):
            object.__setattr__(self, sequence, tuple(getattr(self, sequence)))

    @property
    def turn_count(self) -> int:
        """All turns, however they ended."""
        return sum(self.outcomes.values())

    @property
    def series_names(self) -> tuple[str, ...]:
        """The name of each recorded operation once, in the order of `series`."""
        return tuple(dict.fromkeys(one.name for one in self.series))

    def durations(self, name: str) -> CallDurations:
        """Return all calls of the operation `name` (`component.operation`); empty if it was never called."""
        return CallDurations.of(name, self.series)


def blocking_calls_of(pauses: Iterable[Pause]) -> Mapping[str, int]:
    """Return the lines that kept an event loop, as far as pauses tell, each with its longest pause in ns."""
    longest_ns: dict[str, int] = {}
    for pause in pauses:
        if pause.where is not None:
            longest_ns[pause.where] = max(pause.duration_ns, longest_ns.get(pause.where, 0))
    return MappingProxyType(longest_ns)
