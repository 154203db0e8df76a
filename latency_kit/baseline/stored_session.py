"""A session together with what a file keeps of it besides: commit, conditions, raw durations where few."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from latency_kit.baseline.git_commit import Commit
from latency_kit.errors import UsageError
from latency_kit.histogram import HistogramSnapshot
from latency_kit.measurement.measurement import Outcome
from latency_kit.session import Session

__all__ = ["MAX_RAW_DURATIONS", "StoredSession", "few_enough"]

MAX_RAW_DURATIONS = 10_000
"""Durations of a series that are kept one by one, some 80 KB of JSON; of more only the histogram is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """A session as its file holds it.

    * `durations_ns` has only names of recorded series, at most `MAX_RAW_DURATIONS` of each.
    * Its mappings never change after construction.

    Attributes:
        session: The finished run.
        commit: The commit that was measured, where it is known.
        conditions: What else must be the same for another session to be comparable, by name: by what it was
            measured, in how many processes at once.
        durations_ns: The durations of calls that ended well, in the order in which they were taken, by name
            of the series (`component.operation`), where they are few.
    """

    session: Session
    commit: Commit | None = None
    conditions: Mapping[str, str] = field(default_factory=dict)
    durations_ns: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = set(self.session.series_names)
        for name, durations_ns in self.durations_ns.items():
            if name not in names:
                raise UsageError(f"durations are given of {name!r}, but the session has no such series")
            if len(durations_ns) > MAX_RAW_DURATIONS:
                raise UsageError(
                    f"{len(durations_ns)} durations of {name!r} are more than the {MAX_RAW_DURATIONS} that a "
                    "session file holds; leave them out, the histogram has them"
                )
        raw = {name: tuple(durations_ns) for name, durations_ns in self.durations_ns.items()}
        object.__setattr__(self, "durations_ns", MappingProxyType(raw))
        object.__setattr__(self, "conditions", MappingProxyType(dict(self.conditions)))

    def histograms(self) -> Mapping[str, HistogramSnapshot]:
        """Return the durations of calls that ended well, by name, where there are any."""
        good: dict[str, HistogramSnapshot] = {}
        for series in self.session.series:
            if series.outcome is Outcome.OK and series.histogram.count:
                before = good.get(series.name)
                good[series.name] = series.histogram if before is None else before + series.histogram
        return good


def few_enough(durations_ns: Mapping[str, Sequence[int]]) -> Mapping[str, Sequence[int]]:
    """Return those series of durations that are short enough for a session file."""
    kept: Iterable[tuple[str, Sequence[int]]] = durations_ns.items()
    return {name: values for name, values in kept if len(values) <= MAX_RAW_DURATIONS}
