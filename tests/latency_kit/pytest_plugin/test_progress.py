"""The progress line appears on long measurements only, and is gone at their end."""

import pytest

from latency_kit.pytest_plugin.progress import Progress
from latency_kit.testing import FakeClock


def shown(clock: FakeClock, *, is_terminal: bool, seconds: int) -> list[str]:
    written: list[str] = []
    progress = Progress("test_x", written.append, is_terminal=is_terminal, clock=clock)
    for count in range(1, seconds + 1):
        clock.advance(s=1)
        progress.show(count, 100)
    progress.end()
    return written


@pytest.mark.parametrize("is_terminal", [True, False])
def test_nothing_is_written_in_the_first_two_seconds(clock: FakeClock, is_terminal: bool) -> None:
    assert shown(clock, is_terminal=is_terminal, seconds=1) == []


def test_on_a_terminal_one_line_is_written_over_and_taken_away(clock: FakeClock) -> None:
    written = shown(clock, is_terminal=True, seconds=4)
    assert written == [
        "\ntest_x: 2 of 100 samples, 2 s",
        "\rtest_x: 3 of 100 samples, 3 s",
        "\rtest_x: 4 of 100 samples, 4 s",
        f"\r{' ' * 29}\r",
    ]


def test_in_a_log_there_is_a_line_every_15_seconds(clock: FakeClock) -> None:
    written = shown(clock, is_terminal=False, seconds=35)
    assert written == [
        "\ntest_x: 2 of 100 samples, 2 s",
        "\ntest_x: 17 of 100 samples, 17 s",
        "\ntest_x: 32 of 100 samples, 32 s",
    ]


def test_a_shorter_line_covers_a_longer_one(clock: FakeClock) -> None:
    written: list[str] = []
    progress = Progress("t", written.append, is_terminal=True, clock=clock)
    clock.advance(s=3)
    progress.show(100, 1000)
    clock.advance(s=1)
    progress.show(1, 10)
    assert len(written[1]) == len(written[0])


def test_without_a_place_to_write_nothing_is_written(clock: FakeClock) -> None:
    progress = Progress("t", None, is_terminal=False, clock=clock)
    clock.advance(s=60)
    progress.show(1, 2)
    progress.end()
