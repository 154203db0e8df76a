"""What late viewers get is bounded, and never begins in the middle of a turn."""

from hypothesis import given
from hypothesis import strategies as st

from reference_pipeline.display.history import History, Kept


def kept(seq: int, turn: int, size: int = 10) -> Kept:
    return Kept(seq=seq, turn=turn, body="x" * size)


def seqs(history: History, since: int = 0) -> list[int]:
    return [one.seq for one in history.since(since)]


def test_what_came_after_a_number_is_returned_in_order() -> None:
    history = History()
    for seq in range(1, 5):
        history.keep(kept(seq, turn=1))
    assert seqs(history) == [1, 2, 3, 4]
    assert seqs(history, since=2) == [3, 4]
    assert history.forgotten_through == 0


def test_the_oldest_run_of_a_turn_is_forgotten_whole() -> None:
    history = History(messages=4)
    for seq, turn in enumerate([1, 1, 1, 2, 2], start=1):
        history.keep(kept(seq, turn))
    assert seqs(history) == [4, 5]
    assert history.forgotten_through == 3


def test_bytes_are_bounded_too_even_by_one_message_alone() -> None:
    history = History(size_bytes=25)
    for seq in (1, 2, 3):
        history.keep(kept(seq, turn=seq))
    assert seqs(history) == [2, 3]
    history.keep(kept(4, turn=4, size=100))
    assert seqs(history) == []
    assert history.forgotten_through == 4


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 40)), max_size=60))
def test_the_bounds_hold_after_every_message(arrivals: list[tuple[int, int]]) -> None:
    history = History(messages=7, size_bytes=120)
    for seq, (turn, size) in enumerate(arrivals, start=1):
        history.keep(kept(seq, turn, size))
        left = history.since(0)
        assert len(left) <= 7
        assert sum(len(one.body) for one in left) <= 120
        assert [one.seq for one in left] == list(range(history.forgotten_through + 1, seq + 1))
