"""The bucket arithmetic, against HdrHistogram's own and against its definition."""

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from latency_kit.errors import UsageError
from latency_kit.histogram import DEFAULT_LAYOUT, MAX_VALUE_NS, BucketLayout

ANY_VALUE = st.integers(0, MAX_VALUE_NS)
LAYOUTS = st.builds(BucketLayout, st.integers(1, 5), st.integers(1, 2**30))


@given(LAYOUTS, ANY_VALUE)
def test_a_value_lies_in_the_range_of_its_index(layout: BucketLayout, value_ns: int) -> None:
    index = layout.index_of(value_ns)
    assert layout.lowest_at(index) <= value_ns <= layout.highest_at(index)
    assert layout.highest_at(index) - layout.lowest_at(index) + 1 == layout.width_at(index)


@given(LAYOUTS, ANY_VALUE)
def test_the_ranges_of_neighbouring_indices_touch(layout: BucketLayout, value_ns: int) -> None:
    index = layout.index_of(value_ns)
    assert layout.lowest_at(index + 1) == layout.highest_at(index) + 1
    assert layout.index_of(layout.highest_at(index)) == index
    if layout.lowest_at(index):
        assert layout.index_of(layout.lowest_at(index) - 1) == index - 1


@given(LAYOUTS, ANY_VALUE)
def test_a_range_is_no_wider_than_the_significant_figures_allow(layout: BucketLayout, value_ns: int) -> None:
    index = layout.index_of(value_ns)
    unit = 1 << layout.unit_magnitude
    assert unit <= layout.lowest_ns
    assert layout.width_at(index) == unit or (
        layout.width_at(index) * 10**layout.significant_figures <= layout.lowest_at(index)
    )


@given(LAYOUTS, st.lists(ANY_VALUE))
def test_many_indices_are_those_of_each_value(layout: BucketLayout, values: list[int]) -> None:
    assert layout.indices_of(values) == [layout.index_of(value) for value in values]


def test_every_value_below_2048_has_an_index_of_its_own_at_three_figures() -> None:
    assert [DEFAULT_LAYOUT.index_of(value) for value in range(2048)] == list(range(2048))
    assert DEFAULT_LAYOUT.index_of(2048) == DEFAULT_LAYOUT.index_of(2049) == 2048


def test_no_value_is_clamped_up_to_the_largest() -> None:
    hour_ns = 3600 * 10**9
    assert DEFAULT_LAYOUT.index_of(hour_ns) < DEFAULT_LAYOUT.index_of(2 * hour_ns)
    assert DEFAULT_LAYOUT.highest_equivalent(MAX_VALUE_NS) == MAX_VALUE_NS
    assert DEFAULT_LAYOUT.index_limit == DEFAULT_LAYOUT.index_of(MAX_VALUE_NS) + 1


@pytest.mark.parametrize("figures", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("lowest_ns", [1, 2, 3, 1000, 1024])
def test_indices_and_ranges_are_those_of_the_hdrhistogram_package(figures: int, lowest_ns: int) -> None:
    layout = BucketLayout(figures, lowest_ns)
    peer = HdrHistogram(lowest_ns, 3600 * 10**9, figures)
    for value_ns in [0, 1, 2047, 2048, 2049, 10**6 - 1, 123_456_789, 3600 * 10**9]:
        index = layout.index_of(value_ns)
        assert index == peer._counts_index_for(value_ns)
        assert layout.lowest_at(index) == peer.get_lowest_equivalent_value(value_ns)
        assert layout.highest_at(index) == peer.get_highest_equivalent_value(value_ns)
        assert layout.median_at(index) == peer._hdr_median_equiv_value(value_ns)


def test_layouts_are_equal_when_their_arguments_are() -> None:
    assert BucketLayout(3, 1) == DEFAULT_LAYOUT
    assert hash(BucketLayout(3, 1)) == hash(DEFAULT_LAYOUT)
    assert BucketLayout(2, 1) != DEFAULT_LAYOUT
    assert BucketLayout(3, 2) != DEFAULT_LAYOUT
    assert DEFAULT_LAYOUT != "layout"
    assert repr(BucketLayout(2, 10)) == "BucketLayout(significant_figures=2, lowest_ns=10)"


@pytest.mark.parametrize("figures", [0, 6, -1, 2.0, True, "3"])
def test_figures_outside_1_to_5_are_refused(figures: int) -> None:
    with pytest.raises(UsageError, match="significant_figures must be a whole number from 1 to 5"):
        BucketLayout(figures)


@pytest.mark.parametrize("lowest_ns", [0, -1, 1.5])
def test_a_lowest_value_below_1_is_refused(lowest_ns: int) -> None:
    with pytest.raises(UsageError, match="lowest_ns must be a whole number of nanoseconds from 1"):
        BucketLayout(3, lowest_ns)


def test_a_lowest_value_that_leaves_no_room_is_refused() -> None:
    assert BucketLayout(3, 2**51).unit_magnitude == 51
    with pytest.raises(UsageError, match=r"too large for 3 significant figures; it must be below 2\*\*52"):
        BucketLayout(3, 2**52)
