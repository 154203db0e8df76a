"""A stored session as plain data for JSON, and back. The file around it lives in `session_file`.

Counts of a histogram are HdrHistogram's V2 encoding in base64, which other tools read; its exact sum, minimum
and maximum stand beside it. Durations are whole nanoseconds, stamps nanoseconds since the Unix epoch.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from latency_kit.baseline.budget_data import evaluations_from_data, evaluations_to_data
from latency_kit.baseline.git_commit import Commit
from latency_kit.baseline.histogram_data import histogram_from_data, histogram_to_data, typed
from latency_kit.baseline.run_data import (
    attributes_from_data,
    interval_from_data,
    interval_to_data,
    trace_from_data,
    trace_to_data,
)
from latency_kit.baseline.stored_session import StoredSession
from latency_kit.errors import CorruptDataError
from latency_kit.measurement.measurement import Outcome
from latency_kit.measurement.series import Exemplar, SeriesSnapshot
from latency_kit.session import Environment, Session, TurnAccount

__all__ = ["UNIT", "session_from_data", "session_to_data"]

UNIT = "ns"


def session_to_data(stored: StoredSession) -> dict[str, Any]:
    """Return what JSON can hold of a stored session."""
    session, environment = stored.session, stored.session.environment
    data: dict[str, Any] = {
        "title": session.title,
        "start_unix_nano": session.start_unix_nano,
        "end_unix_nano": session.end_unix_nano,
        "unit": UNIT,
        "environment": {
            one.name: getattr(environment, one.name)
            for one in fields(Environment)
            if getattr(environment, one.name) is not None
        },
        "conditions": dict(stored.conditions),
        "series": [_series_to_data(series) for series in session.series],
        "durations_ns": {name: list(values) for name, values in stored.durations_ns.items()},
        "outcomes": dict(session.outcomes),
        "accounts": [
            {
                "end_to_end_ns": account.end_to_end_ns,
                "stages_ns": [[stage, part_ns] for stage, part_ns in account.stages_ns.items()],
                "rest_ns": account.rest_ns,
            }
            for account in session.accounts
        ],
        "facts": dict(session.facts),
        "losses": dict(session.losses),
        "blocking_calls": dict(session.blocking_calls),
        "intervals": [interval_to_data(interval) for interval in session.intervals],
        "traces": [trace_to_data(trace) for trace in session.traces],
        "left_out": dict(session.left_out),
        **evaluations_to_data(session.evaluations),
    }
    data["environment"]["packages"] = dict(environment.packages)
    if session.end_to_end is not None:
        data["end_to_end"] = session.end_to_end
    if stored.commit is not None:
        data["commit"] = {one.name: getattr(stored.commit, one.name) for one in fields(Commit)}
    return data


def session_from_data(data: Mapping[str, Any]) -> StoredSession:
    """Return the stored session that `session_to_data` wrote.

    Raises:
        CorruptDataError: The unit is another one, or a histogram cannot be decoded.
        KeyError, TypeError, ValueError: Something is missing or of the wrong kind.
    """
    if data["unit"] != UNIT:
        raise CorruptDataError(f"its durations are in {data['unit']!r}, this latency_kit reads {UNIT!r}")
    session = Session(
        title=typed(data["title"], str),
        start_unix_nano=typed(data["start_unix_nano"], int),
        end_unix_nano=typed(data["end_unix_nano"], int),
        environment=Environment(**data["environment"]),
        series=tuple(_series_from_data(entry) for entry in data["series"]),
        evaluations=evaluations_from_data(data),
        end_to_end=data.get("end_to_end"),
        outcomes=typed(data["outcomes"], dict),
        accounts=tuple(
            TurnAccount(
                end_to_end_ns=typed(entry["end_to_end_ns"], int),
                stages_ns={typed(stage, str): typed(part_ns, int) for stage, part_ns in entry["stages_ns"]},
                rest_ns=typed(entry["rest_ns"], int),
            )
            for entry in data["accounts"]
        ),
        facts=typed(data["facts"], dict),
        losses=typed(data["losses"], dict),
        blocking_calls=typed(data["blocking_calls"], dict),
        # Since version 2.
        intervals=tuple(interval_from_data(entry) for entry in data.get("intervals", ())),
        traces=tuple(trace_from_data(entry) for entry in data.get("traces", ())),
        left_out=typed(data.get("left_out", {}), dict),
    )
    return StoredSession(
        session=session,
        commit=Commit(**data["commit"]) if "commit" in data else None,
        conditions=typed(data["conditions"], dict),
        durations_ns={
            name: tuple(typed(value, int) for value in values)
            for name, values in typed(data["durations_ns"], dict).items()
        },
    )


def _series_to_data(series: SeriesSnapshot) -> dict[str, Any]:
    return {
        "component": series.component,
        "operation": series.operation,
        "outcome": series.outcome.value,
        "attributes": dict(series.attributes),
        "start_unix_nano": series.start_unix_nano,
        "histogram": histogram_to_data(series.histogram),
        "exemplars": [
            {
                "value_ns": exemplar.value_ns,
                "unix_nano": exemplar.unix_nano,
                "trace_id": f"{exemplar.trace_id:032x}",
                "span_id": f"{exemplar.span_id:016x}",
            }
            for exemplar in series.exemplars
        ],
    }


def _series_from_data(data: Mapping[str, Any]) -> SeriesSnapshot:
    return SeriesSnapshot(
        component=typed(data["component"], str),
        operation=typed(data["operation"], str),
        outcome=Outcome(data["outcome"]),
        attributes=attributes_from_data(data["attributes"]),
        histogram=histogram_from_data(data["histogram"]),
        start_unix_nano=typed(data["start_unix_nano"], int),
        exemplars=tuple(
            Exemplar(
                value_ns=typed(entry["value_ns"], int),
                unix_nano=typed(entry["unix_nano"], int),
                trace_id=int(entry["trace_id"], 16),
                span_id=int(entry["span_id"], 16),
            )
            for entry in data["exemplars"]
        ),
    )
