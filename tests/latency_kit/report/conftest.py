"""Sessions made from known values, for the tests of the report."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from latency_kit.budget import Allotment, BudgetPolicy, LatencyBudget, evaluate
from latency_kit.histogram import Histogram
from latency_kit.measurement.measurement import NO_ATTRIBUTES, Outcome
from latency_kit.measurement.recording import Exemplar, SeriesSnapshot
from latency_kit.session import Environment, Session, TurnAccount

MS = 1_000_000

MakeSeries = Callable[..., SeriesSnapshot]
MakeSession = Callable[..., Session]
MakeTurn = Callable[..., TurnAccount]

_ENVIRONMENT = Environment(
    python_version="3.12.4",
    python_implementation="CPython",
    operating_system="Linux 6.8.0",
    machine="x86_64",
    processor="AMD EPYC 7B13",
    cores=2,
    memory_bytes=8 * 1024**3,
    packages={"latency-kit": "0.1.0"},
)


def _make_series(
    name: str, values_ms: Sequence[float], outcome: Outcome = Outcome.OK, trace_id: int | None = None
) -> SeriesSnapshot:
    component, _, operation = name.partition(".")
    histogram = Histogram()
    histogram.record_many([round(value * MS) for value in values_ms])
    exemplars = ()
    if trace_id is not None:
        longest_ns = round(max(values_ms) * MS)
        exemplars = (Exemplar(value_ns=longest_ns, unix_nano=0, trace_id=trace_id, span_id=1),)
    return SeriesSnapshot(
        component=component,
        operation=operation,
        outcome=outcome,
        attributes=NO_ATTRIBUTES,
        histogram=histogram.snapshot(),
        start_unix_nano=0,
        exemplars=exemplars,
    )


def _make_turn(rest_ms: float, **stages_ms: float) -> TurnAccount:
    stages_ns = {name: round(value * MS) for name, value in stages_ms.items()}
    rest_ns = round(rest_ms * MS)
    return TurnAccount(end_to_end_ns=sum(stages_ns.values()) + rest_ns, stages_ns=stages_ns, rest_ns=rest_ns)


def _make_session(policy: BudgetPolicy | None = None, **changes: Any) -> Session:
    given = {
        "title": "demo",
        "start_unix_nano": 1_767_225_600_000_000_000,
        "end_unix_nano": 1_767_225_662_300_000_000,
        "environment": _ENVIRONMENT,
        "end_to_end": "turn.end_to_end",
        **changes,
    }
    if policy is not None:
        given["evaluations"] = evaluate(policy, given.get("series", ()))
    return Session(**given)


@pytest.fixture
def make_series() -> MakeSeries:
    """Make a series from milliseconds."""
    return _make_series


@pytest.fixture
def make_turn() -> MakeTurn:
    """Make a turn's account from the milliseconds of its rest and its stages."""
    return _make_turn


@pytest.fixture
def make_session() -> MakeSession:
    """Make a session of 62.3 s on a known machine, with `policy` judged by its `series`."""
    return _make_session


@pytest.fixture
def budget() -> Callable[..., LatencyBudget]:
    """Make a budget of 4 samples on a series, by its name."""

    def make(series: str, limit_ms: float, **changes: Any) -> LatencyBudget:
        component, _, operation = series.partition(".")
        return LatencyBudget(
            **{
                "name": operation,
                "component": component,
                "operation": operation,
                "limit_ns": round(limit_ms * MS),
                "min_samples": 4,
                **changes,
            }
        )

    return make


@pytest.fixture
def assistant_session(budget: Callable[..., LatencyBudget]) -> Session:
    """Ten answered turns of a voice assistant, of which the first was cold, one dropped and one failed.

    The turns took 600, 610 ... 680 ms and, the first, 1300 ms; transcription 200 ms (the first 900 ms),
    answering 300, 310 ... 380 ms (the first 300 ms), the display 80 ms, the rest 20 ms.
    """
    turns = [_make_turn(20, final=900, answer=300, show=80)]
    turns += [_make_turn(20, final=200, answer=300 + 10 * step, show=80) for step in range(9)]
    policy = BudgetPolicy(
        (
            budget(
                "turn.end_to_end",
                4000,
                allotments=(
                    Allotment(budget=budget("transcription.final", 500)),
                    Allotment(budget=budget("answering.answer", 3000)),
                    Allotment(budget=budget("display.show", 200)),
                ),
            ),
            budget("answering.ollama_cloud", 1500),
            budget("answering.explain_terms", 200),
        )
    )
    series = (
        _make_series("answering.answer", [300, *(300 + 10 * step for step in range(9))]),
        _make_series("answering.explain_terms", [12.5, 14.25, 9.03]),
        _make_series("capture.preprocess", [0.0312] * 1000),
        _make_series("display.show", [80] * 10),
        _make_series("transcription.final", [900] + [200] * 9),
        _make_series("turn.end_to_end", [1300, *(600 + 10 * step for step in range(9))]),
    )
    return _make_session(
        policy,
        title="demo | interview",
        series=series,
        accounts=tuple(turns),
        outcomes={"completed": 10, "dropped": 1, "cancelled": 0, "failed": 1, "without a question": 8},
        facts={"display": "browser", "engine": "pocketsphinx"},
        losses={"spans_failed": 2},
    )
