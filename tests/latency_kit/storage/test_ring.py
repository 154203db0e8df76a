import threading
from collections.abc import Callable
from typing import Any

import pytest

from latency_kit.errors import UsageError
from latency_kit.measurement.measurement import Measurement
from latency_kit.storage import RecentRing

BuildMeasurement = Callable[..., Measurement]


def test_it_keeps_the_last_capacity_items_oldest_first(measurement: BuildMeasurement) -> None:
    ring = RecentRing(3)
    ring([measurement(n) for n in range(5)])
    assert [m.duration_ns for m in ring.recent()] == [2, 3, 4]
    assert len(ring) == ring.capacity == 3


def test_it_keeps_a_thousand_unless_told_otherwise(measurement: BuildMeasurement) -> None:
    ring = RecentRing()
    ring([measurement(n) for n in range(1500)])
    assert [m.duration_ns for m in ring.recent()] == list(range(500, 1500))


@pytest.mark.parametrize(("limit", "expected"), [(0, []), (2, [3, 4]), (99, [2, 3, 4])])
def test_a_limit_gives_the_last_ones(measurement: BuildMeasurement, limit: int, expected: list[int]) -> None:
    ring = RecentRing(3)
    ring([measurement(n) for n in range(5)])
    assert [m.duration_ns for m in ring.recent(limit)] == expected


def test_items_become_measurements_only_when_somebody_asks(measurement: BuildMeasurement) -> None:
    made = []
    ring = RecentRing(2, materialise=lambda n: made.append(n) or measurement(n))
    for n in range(4):
        ring.append(n)
    assert made == []
    assert [m.duration_ns for m in ring.recent()] == [2, 3]


def test_clearing_forgets_all(measurement: BuildMeasurement) -> None:
    ring = RecentRing(2)
    ring.append(measurement())
    ring.clear()
    assert ring.recent() == ()


@pytest.mark.parametrize("capacity", [0, -1, True, 2.5])
def test_a_capacity_below_one_is_refused(capacity: Any) -> None:
    with pytest.raises(UsageError, match="capacity"):
        RecentRing(capacity)


def test_a_limit_below_zero_is_refused() -> None:
    with pytest.raises(UsageError, match="limit"):
        RecentRing().recent(-1)


def test_reading_while_another_thread_puts_in_gives_whole_states_in_order(
    measurement: BuildMeasurement,
) -> None:
    ring = RecentRing(500, materialise=measurement)
    ring(range(500))
    stop = threading.Event()

    def put_in() -> None:
        n = 500
        while not stop.is_set():
            ring.append(n)
            n += 1

    writer = threading.Thread(target=put_in)
    writer.start()
    try:
        for _ in range(50):
            seen = [m.duration_ns for m in ring.recent()]
            assert seen == list(range(seen[0], seen[0] + 500))
    finally:
        stop.set()
        writer.join()
