"""Measurements and series with chosen values, for the tests of storage."""

from collections.abc import Callable
from typing import Any

import pytest

from latency_kit.histogram import Histogram
from latency_kit.measurement.measurement import Measurement, Outcome
from latency_kit.measurement.series import SeriesSnapshot

# 2025-01-31T12:00:00.123456789Z
START_UNIX_NANO = 1_738_324_800_123_456_789


@pytest.fixture
def measurement() -> Callable[..., Measurement]:
    def build(duration_ns: int = 5_123_000_000, **fields: Any) -> Measurement:
        given = {
            "component": "llm",
            "operation": "generate",
            "start_ns": 1_000,
            "start_unix_nano": START_UNIX_NANO,
        } | fields
        return Measurement(end_ns=given["start_ns"] + duration_ns, **given)

    return build


@pytest.fixture(scope="session")
def series() -> Callable[..., SeriesSnapshot]:
    def build(*values_ns: int, **fields: Any) -> SeriesSnapshot:
        histogram = Histogram()
        histogram.record_many(values_ns)
        return SeriesSnapshot(
            **{
                "component": "llm",
                "operation": "generate",
                "outcome": Outcome.OK,
                "attributes": {},
                "histogram": histogram.snapshot(),
                "start_unix_nano": 1_000,
                "exemplars": (),
            }
            | fields
        )

    return build
