"""A chosen few attributes make series of their own, within a bound, and overflow is loud."""

from typing import Any

import pytest

from latency_kit import Outcome, UsageError
from latency_kit.measurement.call_site import CallSite
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.series_attributes import SeriesId, SeriesIds, attributes_of, order_of


def keep(ids: SeriesIds, kept: dict[SeriesId, int], wanted: SeriesId, losses: Losses) -> SeriesId:
    """Do what a recording does with a call."""
    admitted = wanted if wanted in kept else ids.admitted(wanted, kept, losses)
    kept[admitted] = kept.get(admitted, 0) + 1
    return admitted


def test_only_chosen_attributes_make_series_and_the_calls_own_counts_first() -> None:
    ids = SeriesIds(("model", "tier"))
    site = CallSite("llm", "generate", {"model": "small", "region": "eu"})
    assert ids.looks_at_attributes
    assert attributes_of(ids.id_of(site, Outcome.OK)) == {"model": "small"}
    assert attributes_of(ids.id_of(site, Outcome.OK, {"tier": 2, "tokens": 9})) == {
        "model": "small",
        "tier": 2,
    }
    assert attributes_of(ids.id_of(site, Outcome.OK, {"model": "large"})) == {"model": "large"}
    assert ids.id_of(site, Outcome.OK) != ids.id_of(site, Outcome.ERROR)


def test_without_a_choice_attributes_make_no_series() -> None:
    ids = SeriesIds()
    site = CallSite("llm", "generate", {"model": "small"})
    assert not ids.looks_at_attributes
    assert ids.id_of(site, Outcome.OK, {"tier": 2}) == ("llm", "generate", Outcome.OK, ())
    assert attributes_of(ids.id_of(site, Outcome.OK)) == {}


def test_values_of_different_types_that_compare_equal_are_different_series() -> None:
    ids = SeriesIds(("a",))
    site = CallSite("x", "y")
    found = {ids.id_of(site, Outcome.OK, {"a": value}) for value in (True, 1, 1.0, "1", [1], (1,), [True])}
    # A list and a tuple are one OpenTelemetry value.
    assert len(found) == 6
    assert sorted(found, key=order_of) == sorted(found, key=order_of, reverse=True)[::-1]


def test_above_the_bound_new_series_go_to_the_overflow_of_their_operation() -> None:
    ids, losses, kept = SeriesIds(("user",), max_series=3), Losses(), dict[SeriesId, int]()
    site = CallSite("web", "request")
    for user in range(10):
        keep(ids, kept, ids.id_of(site, Outcome.OK, {"user": user}), losses)
    keep(ids, kept, ids.id_of(site, Outcome.ERROR, {"user": 0}), losses)
    assert [dict(attributes_of(series)) for series in kept] == [
        {"user": 0},
        {"user": 1},
        {"user": 2},
        {"otel.metric.overflow": True},
        {"otel.metric.overflow": True},
    ]
    assert {series[:3] for series in kept} == {
        ("web", "request", Outcome.OK),
        ("web", "request", Outcome.ERROR),
    }
    assert sum(kept.values()) == 11
    assert losses.counts()["series_overflowed"] == 8


def test_names_that_grow_without_end_are_bounded_too() -> None:
    ids, losses, kept = SeriesIds(max_series=4), Losses(), dict[SeriesId, int]()
    for number in range(100):
        keep(ids, kept, ids.id_of(CallSite("web", f"path {number}"), Outcome.OK), losses)
    assert len(kept) == 9
    assert kept["latency_kit", "overflow", Outcome.OK, (("otel.metric.overflow", "bool", True),)] == 92
    assert sum(kept.values()) == 100


def test_what_was_a_series_of_its_own_stays_one() -> None:
    ids, losses, kept = SeriesIds(max_series=1), Losses(), dict[SeriesId, int]()
    first, second = CallSite("a", "first"), CallSite("a", "second")
    for site in (first, second, first, second):
        keep(ids, kept, ids.id_of(site, Outcome.OK), losses)
    assert [series[1] for series in kept] == ["first", "second"]
    assert list(kept.values()) == [2, 2]


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        ({"names": "model"}, r"write \('model',\)"),
        ({"names": ("",)}, "non-empty strings"),
        ({"names": (3,)}, "non-empty strings, got 3"),
        ({"max_series": 0}, "whole number from 1, got 0"),
        ({"max_series": True}, "whole number from 1"),
        ({"max_series": 2.5}, "whole number from 1"),
    ],
)
def test_bad_use_is_refused_at_construction(arguments: dict[str, Any], fragment: str) -> None:
    with pytest.raises(UsageError, match=fragment):
        SeriesIds(**arguments)
