"""Reading what pytest-benchmark saved (`--benchmark-save-data`, `--benchmark-json`) as a stored session.

A figure of pytest-benchmark is the mean of as many calls as its `iterations` say, not one call: such values
have no tail, so the session says how many there are in each, and is comparable only with its like.
"""

import json
import math
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from latency_kit.baseline.git_commit import Commit
from latency_kit.baseline.series_names import series_of_test
from latency_kit.baseline.stored_session import StoredSession, few_enough
from latency_kit.errors import CorruptDataError, UsageError
from latency_kit.histogram import Histogram
from latency_kit.measurement.measurement import Outcome
from latency_kit.measurement.series import SeriesSnapshot
from latency_kit.session import Environment, Session
from latency_kit.units import NS_PER_S

__all__ = ["read_pytest_benchmark"]

_UNVERSIONED = "unversioned"


def read_pytest_benchmark(path: str | os.PathLike[str]) -> StoredSession:
    """Read a file that pytest-benchmark wrote.

    Benchmarks without raw data are left out and named in the facts.

    Raises:
        CorruptDataError: The file is not of pytest-benchmark, or is damaged.
        UsageError: The file cannot be opened, or was saved without raw data.
    """
    source = os.fspath(path)
    try:
        document = json.loads(Path(source).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{source}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise CorruptDataError(f"{source}: is no file of pytest-benchmark: it is not UTF-8 text") from error
    except (ValueError, RecursionError) as error:
        raise CorruptDataError(f"{source}: is not JSON: {error}") from error
    if not isinstance(document, dict) or not {"benchmarks", "machine_info", "datetime"} <= document.keys():
        raise CorruptDataError(
            f"{source}: is no file of pytest-benchmark: it lacks benchmarks, machine_info or datetime"
        )
    try:
        return _session_of(document, source)
    except (UsageError, CorruptDataError):
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptDataError(
            f"{source}: cannot be read as of pytest-benchmark: {type(error).__name__}: {error}"
        ) from error


def _session_of(document: Mapping[str, Any], source: str) -> StoredSession:
    end_unix_nano = _unix_nano(document["datetime"])
    with_data = [one for one in document["benchmarks"] if one["stats"].get("data")]
    if not with_data:
        raise UsageError(
            f"{source}: holds no raw data to import; run pytest with --benchmark-save-data (beside "
            "--benchmark-save or --benchmark-autosave), or with --benchmark-json"
        )
    facts = {"imported from": f"pytest-benchmark {document.get('version', 'of unknown version')}"}
    without = [one["fullname"] for one in document["benchmarks"] if not one["stats"].get("data")]
    if without:
        facts["left out, without raw data"] = ", ".join(without)
    series, durations_ns, total_ns = [], {}, 0
    for benchmark in with_data:
        one = _series_of(benchmark, end_unix_nano)
        series.append(one)
        iterations = int(benchmark["stats"]["iterations"])
        total_ns += one.histogram.sum_ns * iterations
        durations_ns[one.name] = tuple(_values_ns(benchmark))
        if iterations > 1:
            facts[one.name] = f"each value is the mean of {iterations} calls"
    session = Session(
        title=f"pytest-benchmark, {Path(source).stem}",
        start_unix_nano=end_unix_nano - total_ns,
        end_unix_nano=end_unix_nano,
        environment=_environment_of(document["machine_info"], str(document.get("version", ""))),
        series=tuple(series),
        facts=facts,
    )
    return StoredSession(
        session=session,
        commit=_commit_of(document.get("commit_info") or {}),
        conditions={"instrument": "pytest-benchmark"},
        durations_ns={name: tuple(values) for name, values in few_enough(durations_ns).items()},
    )


def _unix_nano(stamp: str) -> int:
    taken = datetime.fromisoformat(stamp)
    if taken.tzinfo is None:
        taken = taken.replace(tzinfo=UTC)
    # In whole numbers: a double holds seconds since 1970 to some 200 ns only.
    since = taken - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * 1_000


def _series_of(benchmark: Mapping[str, Any], end_unix_nano: int) -> SeriesSnapshot:
    component, operation = series_of_test(str(benchmark["fullname"]))
    histogram = Histogram()
    histogram.record_many(_values_ns(benchmark))
    return SeriesSnapshot(
        component=component,
        operation=operation,
        outcome=Outcome.OK,
        attributes={},
        histogram=histogram.snapshot(),
        start_unix_nano=end_unix_nano - histogram.snapshot().sum_ns,
        exemplars=(),
    )


def _values_ns(benchmark: Mapping[str, Any]) -> list[int]:
    values_ns = []
    for seconds in benchmark["stats"]["data"]:
        if not math.isfinite(seconds) or seconds < 0:
            raise CorruptDataError(f"{benchmark['fullname']}: a duration cannot be {seconds!r} seconds")
        values_ns.append(round(seconds * NS_PER_S))
    return values_ns


def _environment_of(machine: Mapping[str, Any], version: str) -> Environment:
    processor = machine.get("cpu") or {}
    system = " ".join(part for part in (machine.get("system"), machine.get("release")) if part)
    return Environment(
        python_version=str(machine["python_version"]),
        python_implementation=str(machine["python_implementation"]),
        operating_system=system or "unknown",
        machine=machine.get("machine") or None,
        processor=" ".join(str(processor.get("brand_raw", "")).split()) or None,
        cores=processor.get("count"),
        packages={"pytest-benchmark": version} if version else {},
    )


def _commit_of(commit: Mapping[str, Any]) -> Commit | None:
    identifier = commit.get("id")
    if not identifier or identifier == _UNVERSIONED:
        return None
    branch = commit.get("branch")
    return Commit(
        id=str(identifier),
        is_modified=bool(commit.get("dirty")),
        branch=None if not branch or branch.startswith("(") else str(branch),
    )
