"""Sessions are compared percentile by percentile; those that cannot be compared are refused."""

import random
from collections.abc import Callable

import pytest

from latency_kit.baseline import Change, StoredSession, compare, differences
from latency_kit.baseline.comparison_text import comparison_data, comparison_lines
from latency_kit.errors import UsageError

Make = Callable[..., StoredSession]
MS = 1_000_000


def calls(seed: int, *, factor: float = 1.0, count: int = 400) -> list[int]:
    source = random.Random(seed)  # noqa: S311  # statistics, not secrets
    return [round(factor * (10 + source.expovariate(1)) * MS) for _ in range(count)]


def changes(stored: Make, factor: float) -> dict[float, Change]:
    result = compare(stored({"a.b": calls(1)}), stored({"a.b": calls(2, factor=factor)}))
    return {one.percentile: one.change for one in result.series[0].percentiles}


def test_what_is_the_same_is_so_called_and_what_is_too_few_as_well(stored: Make) -> None:
    found = changes(stored, 1.0)
    assert [found[percentile] for percentile in (50, 90, 95)] == [Change.SAME] * 3
    assert found[99] in {Change.SAME, Change.UNCLEAR}
    few = compare(stored({"a.b": calls(1, count=30)}), stored({"a.b": calls(2, count=30)}))
    assert few.series[0].percentiles[-1].change is Change.TOO_FEW
    assert not few.regressed


def test_what_is_slower_by_more_than_the_tolerance_is_regressed(stored: Make) -> None:
    result = compare(stored({"a.b": calls(1)}), stored({"a.b": calls(2, factor=1.3)}))
    assert [one.name for one in result.regressed] == ["a.b"]
    assert result.series[0].percentiles[0].change is Change.REGRESSED
    assert result.series[0].percentiles[0].ratio.estimate == pytest.approx(1.3, rel=0.03)


def test_what_is_slower_by_less_than_the_tolerance_is_not(stored: Make) -> None:
    assert changes(stored, 1.05)[50] is Change.SAME
    base, slower = stored({"a.b": calls(1)}), stored({"a.b": calls(2, factor=1.05)})
    assert compare(base, slower, tolerance=0.01).regressed


def test_what_is_faster_is_improved(stored: Make) -> None:
    assert changes(stored, 0.7)[50] is Change.IMPROVED


def test_an_interval_over_the_edge_of_the_tolerance_is_unclear(stored: Make) -> None:
    assert changes(stored, 1.1)[50] is Change.UNCLEAR


def test_unchanged_calls_are_not_called_regressed_at_no_tolerance_beyond_the_agreed_chance(
    stored: Make,
) -> None:
    """An interval above 1 is an error in at most 2.5 % of cases."""
    alarms = sum(
        bool(
            compare(
                stored({"a.b": calls(2 * seed, count=150)}),
                stored({"a.b": calls(2 * seed + 1, count=150)}),
                tolerance=0,
                percentiles=[50],
            ).regressed
        )
        for seed in range(300)
    )
    assert alarms / 300 <= 0.025 + 3 * (0.025 * 0.975 / 300) ** 0.5


def test_series_of_one_side_only_are_named(stored: Make) -> None:
    result = compare(stored({"a.b": [1], "a.old": [1]}), stored({"a.b": [1], "a.new": [1]}))
    assert (result.only_in_baseline, result.only_in_candidate) == (("a.old",), ("a.new",))


def test_sessions_without_a_common_series_are_refused(stored: Make) -> None:
    with pytest.raises(UsageError, match=r"no series in common: the baseline has a\.b, the candidate a\.c"):
        compare(stored({"a.b": [1]}), stored({"a.c": [1]}))


@pytest.mark.parametrize(
    ("other", "both_sides"),
    [
        ({"processor": "Apple M3"}, "processor: AMD EPYC 7B13 against Apple M3"),
        ({"processor": None}, "processor: AMD EPYC 7B13 against not known"),
        ({"machine": "arm64"}, "architecture: x86_64 against arm64"),
        ({"cores": 2}, "cores: 4 against 2"),
        ({"python_version": "3.13.0"}, "Python: CPython 3.12 against CPython 3.13"),
        ({"python_implementation": "PyPy"}, "Python: CPython 3.12 against PyPy 3.12"),
        ({"operating_system": "macOS 14.1"}, "operating system: Linux against macOS"),
        (
            {"conditions": {"instrument": "pytest-benchmark"}},
            "instrument: latency-kit against pytest-benchmark",
        ),
        ({"conditions": {}}, "instrument: latency-kit against not known"),
    ],
)
def test_sessions_of_other_circumstances_are_refused_with_both_sides(
    stored: Make, other: dict[str, object], both_sides: str
) -> None:
    baseline, candidate = stored({"a.b": [1] * 99}), stored({"a.b": [1] * 99}, **other)
    with pytest.raises(UsageError, match=f"cannot be compared, .*{both_sides}.*--allow-different"):
        compare(baseline, candidate)
    assert compare(baseline, candidate, allow_different=True).differences[0].forbids


def test_what_a_comparison_may_be_about_is_remarked_and_does_not_forbid_it(stored: Make) -> None:
    result = compare(
        stored({"a.b": [1]}),
        stored(
            {"a.b": [1]},
            python_version="3.12.9",
            operating_system="Linux 6.12.0",
            memory_bytes=8 * 1024**3,
            packages={"latency-kit": "0.2.0"},
        ),
    )
    assert [str(one) for one in result.differences] == [
        "Python release: 3.12.4 against 3.12.9",
        "operating system release: Linux 6.8.0 against Linux 6.12.0",
        "memory in bytes: 17179869184 against 8589934592",
        "package hdrhistogram: 0.10.3 against absent",
        "package latency-kit: 0.1.0 against 0.2.0",
    ]
    assert not any(one.forbids for one in result.differences)


def test_sessions_of_the_same_circumstances_differ_in_nothing(stored: Make) -> None:
    assert differences(stored({"a.b": [1]}), stored({"c.d": [2]}, commit="c" * 40)) == ()


@pytest.mark.parametrize("tolerance", [-0.1, 10, float("nan")])
def test_an_unfit_tolerance_is_refused(stored: Make, tolerance: float) -> None:
    with pytest.raises(UsageError, match="tolerance must be a share from 0"):
        compare(stored({"a.b": [1]}), stored({"a.b": [1]}), tolerance=tolerance)


def test_the_words_show_both_values_the_ratio_and_what_differs(stored: Make) -> None:
    result = compare(
        stored({"a.b": [10 * MS] * 100, "a.old": [1]}),
        stored({"a.b": [20 * MS] * 100}, python_version="3.12.9"),
        percentiles=[50, 99],
    )
    lines = list(comparison_lines(result, baseline="'main'"))
    assert lines == [
        (
            "against 'main': ratio of candidate to baseline with its 95% interval; "
            "slower by more than 10% counts"
        ),
        "a.b",
        "  p50       10.0 ms ->    20.0 ms  2.00 (2.00 to 2.00)     regressed",
        "  p99       10.0 ms ->    20.0 ms  2.00 (no interval)      too few calls",
        "only in the baseline: a.old",
        "what else differs: Python release: 3.12.4 against 3.12.9",
    ]


def test_the_data_hold_the_same(stored: Make) -> None:
    result = compare(stored({"a.b": [10 * MS] * 100}), stored({"a.b": [20 * MS] * 100}), percentiles=[50, 99])
    data = comparison_data(result)
    assert data["regressed"] == ["a.b"]
    first, last = data["series"][0]["percentiles"]
    assert (first["change"], first["ratio"]) == ("regressed", pytest.approx(2.0))
    assert first["ratio_lower"] <= 2 <= first["ratio_upper"]
    assert "ratio_lower" not in last
