"""The slope of memory, on lines whose slope is known."""

import os
import random
import subprocess
import sys

import pytest
from memory import descendants, resident_bytes, slope_of


def line(per_s: float, *, noise: float = 0.0, outliers: int = 0) -> list[tuple[float, float]]:
    draw = random.Random(1)  # noqa: S311  # noise, not a secret
    points = [(float(x), 1e8 + per_s * x + draw.gauss(0, noise)) for x in range(200)]
    for at in draw.sample(range(200), outliers):
        points[at] = (points[at][0], points[at][1] + 5e7)
    return points


def test_the_slope_of_a_line_is_exact() -> None:
    slope = slope_of(line(1000.0))
    assert slope.bytes_per_s == pytest.approx(1000.0)
    assert (slope.low, slope.high) == (pytest.approx(1000.0), pytest.approx(1000.0))


def test_a_fifth_of_outliers_does_not_make_a_leak() -> None:
    slope = slope_of(line(0.0, noise=1e5, outliers=40))
    assert slope.low < 0 < slope.high


def test_a_leak_shows_through_noise() -> None:
    assert slope_of(line(5000.0, noise=1e5)).low > 3000.0


def test_two_points_are_no_trend() -> None:
    with pytest.raises(ValueError, match="three"):
        slope_of([(0.0, 1.0), (1.0, 2.0)])


def test_what_a_child_holds_is_counted_with_its_parent() -> None:
    own = resident_bytes(os.getpid())
    hold = "x = bytearray(60_000_000); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in descendants(os.getpid())
        assert resident_bytes(os.getpid()) > own + 50_000_000
        child.communicate(b"\n")
