"""A pytest run as a stored session: one series for each measurement, one budget for each limit."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from latency_kit.baseline import StoredSession, current_commit
from latency_kit.budget import BudgetPolicy, LatencyBudget, evaluate
from latency_kit.measurement.measurement import Outcome
from latency_kit.measurement.series import SeriesSnapshot
from latency_kit.pytest_plugin.result import LatencyResult
from latency_kit.session import Environment, Session

__all__ = ["session_of_run"]

_PACKAGES = ("pytest", "pytest-xdist")

_DISTRIBUTION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
"""At the beginning of a dependency specifier (PyPA, "Dependency specifiers", names)."""


def session_of_run(
    results: Sequence[LatencyResult],
    *,
    start_unix_nano: int,
    end_unix_nano: int,
    folder: str,
    workers: int = 1,
    packages: Sequence[str] = (),
) -> StoredSession:
    """Return the session of a run.

    Args:
        results: Its measurements.
        start_unix_nano: When it began.
        end_unix_nano: When it ended.
        folder: Where the code is, to ask for its commit.
        workers: How many processes measured at the same time.
        packages: Distributions whose versions the session names, where they are installed; by default those
            that the pyproject.toml in `folder` names.
    """
    series = tuple(
        SeriesSnapshot(
            component=result.component,
            operation=result.operation,
            outcome=Outcome.OK,
            attributes={},
            histogram=result.histogram,
            start_unix_nano=result.start_unix_nano,
            exemplars=(),
        )
        for result in results
    )
    policy = BudgetPolicy(budgets=tuple(_budgets(results)))
    facts = {f"verdict of {result.title}": result.explain() for result in results if result.verdict}
    session = Session(
        title="pytest latency tests",
        start_unix_nano=start_unix_nano,
        end_unix_nano=max(start_unix_nano, end_unix_nano),
        environment=Environment.take(packages=[*_PACKAGES, *(packages or _declared(Path(folder)))]),
        series=series,
        evaluations=evaluate(policy, series),
        facts=facts,
    )
    return StoredSession(
        session=session,
        commit=current_commit(folder),
        conditions={"instrument": "latency-kit", "processes at once": str(workers)},
        durations_ns={
            f"{result.component}.{result.operation}": result.durations_ns
            for result in results
            if result.durations_ns
        },
    )


def _declared(folder: Path) -> Iterator[str]:
    """Yield the project in a folder and what it depends on; nothing where that is not declared there."""
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        wanted = [project["name"], *project.get("dependencies", ())]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return  # no project of this kind: others complain of a file that is broken
    for one in wanted:
        if isinstance(one, str) and (named := _DISTRIBUTION.match(one)):
            yield named.group()


def _budgets(results: Sequence[LatencyResult]) -> list[LatencyBudget]:
    return [
        LatencyBudget(
            # Budgets' names are steps of a dotted path.
            name=f"{result.component}::{result.operation}".replace(".", "/"),
            component=result.component,
            operation=result.operation,
            limit_ns=limit.limit_ns,
            percentile=limit.percentile,
            min_samples=1,
            description=limit.budget,
        )
        for result in results
        if (limit := result.judgement.limit) is not None
    ]
