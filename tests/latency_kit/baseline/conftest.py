"""Sessions to store, compare and follow."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from latency_kit.baseline import Commit, StoredSession
from latency_kit.histogram import Histogram
from latency_kit.measurement.measurement import Outcome
from latency_kit.measurement.series import SeriesSnapshot
from latency_kit.session import Environment, Session

MONDAY = 1_767_600_000_000_000_000
DAY = 86_400 * 10**9

MACHINE = Environment(
    python_version="3.12.4",
    python_implementation="CPython",
    operating_system="Linux 6.8.0",
    machine="x86_64",
    processor="AMD EPYC 7B13",
    cores=4,
    memory_bytes=16 * 1024**3,
    packages={"latency-kit": "0.1.0", "hdrhistogram": "0.10.3"},
)


def series_of(
    name: str, durations_ns: Sequence[int], *, outcome: Outcome = Outcome.OK, start_unix_nano: int = MONDAY
) -> SeriesSnapshot:
    component, _, operation = name.rpartition(".")
    histogram = Histogram()
    histogram.record_many(list(durations_ns))
    return SeriesSnapshot(
        component=component,
        operation=operation,
        outcome=outcome,
        attributes={},
        histogram=histogram.snapshot(),
        start_unix_nano=start_unix_nano,
        exemplars=(),
    )


@pytest.fixture
def stored() -> Callable[..., StoredSession]:
    """Make a stored session of durations by name; other keywords change the environment."""

    def make(
        durations_ns: Mapping[str, Sequence[int]],
        *,
        day: int = 0,
        commit: str = "a" * 40,
        conditions: Mapping[str, str] | None = None,
        **environment: Any,
    ) -> StoredSession:
        start = MONDAY + day * DAY
        session = Session(
            title="a run",
            start_unix_nano=start,
            end_unix_nano=start + 10**9,
            environment=replace(MACHINE, **environment),
            series=tuple(
                series_of(name, values, start_unix_nano=start) for name, values in durations_ns.items()
            ),
        )
        return StoredSession(
            session=session,
            commit=Commit(id=commit),
            conditions={"instrument": "latency-kit"} if conditions is None else conditions,
        )

    return make


@pytest.fixture
def make_series() -> Callable[..., SeriesSnapshot]:
    return series_of


@pytest.fixture
def machine() -> Environment:
    return MACHINE
