"""A stored session as plain data for JSON, and back. The file around it lives in `session_file`.

Counts of a histogram are HdrHistogram's V2 encoding in base64, which other tools read; its exact sum, minimum
and maximum stand beside it. Durations are whole nanoseconds, stamps nanoseconds since the Unix epoch.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from latency_kit.baseline.budget_data import evaluations_from_data, evaluations_to_data
from latency_kit.baseline.git_commit import Commit
from latency_kit.baseline.stored_session import StoredSession
from latency_kit.errors import CorruptDataError
from latency_kit.histogram import HistogramSnapshot, decode_base64, encode_base64
from latency_kit.measurement.measurement import Outcome
from latency_kit.measurement.series import Exemplar, SeriesSnapshot
from latency_kit.session import Environment, Session, TurnAccount

__all__ = ["UNIT", "histogram_from_data", "histogram_to_data", "session_from_data", "session_to_data"]

UNIT = "ns"

T = TypeVar("T")


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
        title=_typed(data["title"], str),
        start_unix_nano=_typed(data["start_unix_nano"], int),
        end_unix_nano=_typed(data["end_unix_nano"], int),
        environment=Environment(**data["environment"]),
        series=tuple(_series_from_data(entry) for entry in data["series"]),
        evaluations=evaluations_from_data(data),
        end_to_end=data.get("end_to_end"),
        outcomes=_typed(data["outcomes"], dict),
        accounts=tuple(
            TurnAccount(
                end_to_end_ns=_typed(entry["end_to_end_ns"], int),
                stages_ns={_typed(stage, str): _typed(part_ns, int) for stage, part_ns in entry["stages_ns"]},
                rest_ns=_typed(entry["rest_ns"], int),
            )
            for entry in data["accounts"]
        ),
        facts=_typed(data["facts"], dict),
        losses=_typed(data["losses"], dict),
        blocking_calls=_typed(data["blocking_calls"], dict),
    )
    return StoredSession(
        session=session,
        commit=Commit(**data["commit"]) if "commit" in data else None,
        conditions=_typed(data["conditions"], dict),
        durations_ns={
            name: tuple(_typed(value, int) for value in values)
            for name, values in _typed(data["durations_ns"], dict).items()
        },
    )


def histogram_to_data(histogram: HistogramSnapshot) -> dict[str, Any]:
    """Return a histogram as counts in V2 base64 and the figures that those do not tell."""
    data: dict[str, Any] = {"v2": encode_base64(histogram), "count": histogram.count}
    if histogram.count:
        data |= {"sum_ns": histogram.sum_ns, "min_ns": histogram.min_ns, "max_ns": histogram.max_ns}
        data["is_exact"] = histogram.is_exact
    return data


def histogram_from_data(data: Mapping[str, Any]) -> HistogramSnapshot:
    """Return the histogram that `histogram_to_data` wrote.

    Raises:
        CorruptDataError: The encoding is damaged, or its count is another one than stands beside it.
        KeyError, TypeError, ValueError: Something is missing or of the wrong kind.
    """
    histogram = decode_base64(_typed(data["v2"], str))
    if histogram.count != data["count"]:
        raise CorruptDataError(
            f"a histogram counts {histogram.count} values, the figure beside it says {data['count']!r}"
        )
    if not histogram.count:
        return histogram
    return histogram.with_figures(
        sum_ns=_typed(data["sum_ns"], int),
        min_ns=_typed(data["min_ns"], int),
        max_ns=_typed(data["max_ns"], int),
        is_exact=_typed(data["is_exact"], bool),
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
    attributes = _typed(data["attributes"], dict)
    return SeriesSnapshot(
        component=_typed(data["component"], str),
        operation=_typed(data["operation"], str),
        outcome=Outcome(data["outcome"]),
        # JSON has no tuples; attributes have no lists.
        attributes={
            name: tuple(value) if isinstance(value, list) else value for name, value in attributes.items()
        },
        histogram=histogram_from_data(data["histogram"]),
        start_unix_nano=_typed(data["start_unix_nano"], int),
        exemplars=tuple(
            Exemplar(
                value_ns=_typed(entry["value_ns"], int),
                unix_nano=_typed(entry["unix_nano"], int),
                trace_id=int(entry["trace_id"], 16),
                span_id=int(entry["span_id"], 16),
            )
            for entry in data["exemplars"]
        ),
    )


def _typed(value: object, kind: type[T]) -> T:
    # True is an int to Python, and no duration.
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"expected {kind.__name__}, got {value!r}")
    return value
