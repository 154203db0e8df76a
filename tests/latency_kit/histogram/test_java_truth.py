"""Java's HdrHistogram 2.2.2 is the reference: its figures and bytes, kept in java_truth.json, are ours too.

`JavaTruth.java` made them and can make them again.
"""

import binascii
import io
import json
from pathlib import Path
from typing import Any

import pytest

from latency_kit.histogram import Histogram, HistogramLogReader, HistogramSnapshot, decode, encode


@pytest.fixture(scope="module")
def java() -> dict[str, Any]:
    return json.loads(Path(__file__).with_name("java_truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def values() -> list[int]:
    return [step**3 * 1009 + step for step in range(500)]


@pytest.fixture(scope="module")
def snapshot(values: list[int]) -> HistogramSnapshot:
    histogram = Histogram()
    histogram.record_many(values)
    return histogram.snapshot()


def test_percentiles_are_javas(java: dict[str, Any], snapshot: HistogramSnapshot) -> None:
    assert len(java["percentiles"]) == 15
    for percentile, value in java["percentiles"]:
        assert snapshot.value_at_percentile(percentile) == value


def test_the_standard_deviation_is_javas(java: dict[str, Any], snapshot: HistogramSnapshot) -> None:
    assert snapshot.stddev_ns == pytest.approx(java["stddev"], rel=1e-12)


def test_our_encoding_is_javas_byte_for_byte(java: dict[str, Any], snapshot: HistogramSnapshot) -> None:
    assert encode(snapshot) == binascii.a2b_base64(java["raw"])


def test_an_empty_histogram_is_javas_both_ways(java: dict[str, Any]) -> None:
    assert encode(HistogramSnapshot.empty()) == binascii.a2b_base64(java["empty"])
    assert decode(binascii.a2b_base64(java["empty"])) == HistogramSnapshot.empty()


def test_values_corrected_for_coordinated_omission_are_javas(java: dict[str, Any], values: list[int]) -> None:
    histogram = Histogram()
    for value in values:
        histogram.record_corrected(value, 50_000_000)
    assert encode(histogram.snapshot()) == binascii.a2b_base64(java["corrected"])


def test_a_log_of_java_is_read(java: dict[str, Any], snapshot: HistogramSnapshot) -> None:
    reader = HistogramLogReader(io.StringIO(java["log"]))
    (interval,) = reader
    assert interval.snapshot.has_same_counts(snapshot)
    assert (interval.tag, reader.start_unix_nano) == ("llm", 1_441_812_279_474_000_000)
    assert interval.start_unix_nano == 1_441_812_280_000_000_000
    assert interval.end_unix_nano == 1_441_812_281_500_000_000
