"""One session of everything that `nox -s perf` has measured: the tests' figures and the assistant's own."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from latency_kit.baseline import StoredSession, read_session
from latency_kit.budget import BudgetPolicy, evaluate
from latency_kit.measurement.series_sets import merge_series
from latency_kit.session import Session

__all__ = ["perf_session"]

_TRACES = 12


def perf_session(tests: StoredSession, runs: Sequence[Path]) -> StoredSession:
    """Return the session of the tests with what the runs of the assistant recorded.

    The series of all runs are merged and judged anew; their slowest traces and all their turns are taken
    together. The course over the run is that of the first, since runs went on beside each other.

    Args:
        tests: What the tests have measured.
        runs: The session files of the assistant.
    """
    heard = [read_session(path).session for path in runs]
    if not heard:
        return tests
    series = merge_series(*(one.series for one in heard))
    budgets = [one.budget for one in heard[0].evaluations if one.placed.depth == 0]
    traces = sorted((trace for one in heard for trace in one.traces), key=lambda trace: -trace.duration_ns)
    counts: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    for one in heard:
        counts.update(one.outcomes)
        left_out.update(one.left_out)
    left_out["traces that were not among the slowest"] += len(traces[_TRACES:])
    session: Session = replace(
        heard[0],
        title="nox -s perf",
        start_unix_nano=tests.session.start_unix_nano,
        end_unix_nano=tests.session.end_unix_nano,
        series=(*tests.session.series, *series),
        evaluations=(*tests.session.evaluations, *evaluate(BudgetPolicy(budgets=tuple(budgets)), series)),
        outcomes=dict(counts),
        accounts=tuple(account for one in heard for account in one.accounts),
        facts={**heard[0].facts, "runs of the assistant": str(len(heard)), **tests.session.facts},
        losses=dict(sum((Counter(one.losses) for one in heard), Counter())),
        traces=tuple(traces[:_TRACES]),
        left_out={what: number for what, number in left_out.items() if number},
    )
    return replace(tests, session=session)
