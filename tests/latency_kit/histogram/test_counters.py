"""Sparse counters against a dictionary of counts."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latency_kit.errors import UsageError
from latency_kit.histogram.counters import MAX_COUNT, SparseCounters

INDICES = st.integers(0, 56_000)
ADDITIONS = st.lists(
    st.tuples(INDICES, st.sampled_from([1, 2, 255, 256, 65_535, 2**16, 2**31, 2**32, 2**55]))
)


def counters_of(additions: list[tuple[int, int]]) -> SparseCounters:
    counters = SparseCounters()
    for index, count in additions:
        counters.add(index, count)
    return counters


def sums_of(additions: list[tuple[int, int]]) -> dict[int, int]:
    sums: Counter[int] = Counter()
    for index, count in additions:
        sums[index] += count
    return dict(sorted(sums.items()))


@given(ADDITIONS)
def test_counters_hold_the_sums_of_what_was_added(additions: list[tuple[int, int]]) -> None:
    assert dict(counters_of(additions).items()) == sums_of(additions)


@given(ADDITIONS)
def test_items_ascend(additions: list[tuple[int, int]]) -> None:
    indices = [index for index, _ in counters_of(additions).items()]
    assert indices == sorted(set(indices))


@given(ADDITIONS, ADDITIONS)
def test_merging_adds_and_subtracting_takes_away(
    mine: list[tuple[int, int]], theirs: list[tuple[int, int]]
) -> None:
    merged = counters_of(mine)
    merged.merge(counters_of(theirs))
    assert dict(merged.items()) == sums_of(mine + theirs)
    assert merged.minus(counters_of(theirs)) == counters_of(mine)


@given(ADDITIONS, INDICES)
def test_counts_through_an_index_and_ranks_agree_with_the_sums(
    additions: list[tuple[int, int]], index: int
) -> None:
    counters, sums = counters_of(additions), sums_of(additions)
    assert counters.count_through(index) == sum(count for at, count in sums.items() if at <= index)
    through = counters.counts_through_pages()
    rank = 0
    for at, count in sums.items():
        assert counters.index_at_rank(rank + 1, through) == at
        rank += count
        assert counters.index_at_rank(rank, through) == at


def test_a_page_appears_with_its_first_count() -> None:
    counters = SparseCounters()
    assert counters.pages == []
    counters.add(1000, 1)
    assert [len(page) for page in counters.pages] == [0, 0, 0, 256]
    counters.add(10, 1)
    assert [len(page) for page in counters.pages] == [256, 0, 0, 256]


@pytest.mark.parametrize(
    ("count", "item_bytes"),
    [(255, 1), (256, 2), (2**16 - 1, 2), (2**16, 4), (2**32 - 1, 4), (2**32, 8), (MAX_COUNT, 8)],
)
def test_a_counter_widens_when_its_count_needs_it(count: int, item_bytes: int) -> None:
    at_once = counters_of([(5, count)])
    step_by_step = counters_of([(5, count - 1), (6, 7), (5, 1)])
    one_by_one = counters_of([(5, count - 1), (6, 7)])
    one_by_one.add_each([5])
    for counters in (at_once, step_by_step, one_by_one):
        assert memoryview(counters.pages[0]).itemsize == item_bytes
        assert dict(counters.items())[5] == count
    assert step_by_step == one_by_one != at_once


def test_equality_is_that_of_counts_whatever_their_width() -> None:
    narrow = counters_of([(5, 3)])
    wide = counters_of([(5, 300)]).minus(counters_of([(5, 297)]))
    widened = counters_of([(5, 3), (6, 1000)]).minus(counters_of([(6, 1000)]))
    assert narrow == wide == widened
    assert counters_of([(900, 3)]).minus(counters_of([(900, 3)])) == SparseCounters()
    assert narrow != counters_of([(5, 3), (900, 1)])
    assert narrow != "counters"


def test_a_copy_shares_nothing_with_its_original() -> None:
    original = counters_of([(5, 3), (700, 300)])
    copy = original.copy()
    copy.add(5, 1)
    copy.add(700, 1)
    copy.add(300, 1)
    assert dict(original.items()) == {5: 3, 700: 300}
    assert dict(copy.items()) == {5: 4, 300: 1, 700: 301}


def test_merging_shares_nothing_with_what_was_merged() -> None:
    source, target = counters_of([(5, 3)]), SparseCounters()
    target.merge(source)
    target.add(5, 1)
    assert dict(source.items()) == {5: 3}


@pytest.mark.parametrize("too_much", [[(5, 4)], [(6, 1)], [(900, 1)], [(5, 2**40)]])
def test_more_than_was_counted_cannot_be_subtracted(too_much: list[tuple[int, int]]) -> None:
    with pytest.raises(UsageError, match="cannot subtract"):
        counters_of([(5, 3)]).minus(counters_of(too_much))
