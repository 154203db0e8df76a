"""Whether memory stays flat: what a process holds over time, and a slope that a few outliers do not move."""

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PAGE = 4096
_Z95 = 1.96
_MOST_POINTS = 300
"""Pairs grow with the square; more points than this are thinned out."""


@dataclass(frozen=True, kw_only=True)
class Slope:
    """Bytes a second, with its 95 % confidence interval."""

    bytes_per_s: float
    low: float
    high: float

    def describe(self) -> str:
        """Return it for people, as megabytes an hour."""
        hourly = [value * 3600 / 1e6 for value in (self.bytes_per_s, self.low, self.high)]
        return "{:+.1f} MB an hour (95 % confidence {:+.1f} to {:+.1f})".format(*hourly)


def slope_of(points: Sequence[tuple[float, float]]) -> Slope:
    """Return the Theil-Sen slope of (seconds, bytes) and Sen's interval.

    Sen, "Estimates of the regression coefficient based on Kendall's tau", JASA 63 (1968). Neighbouring
    readings are alike, which makes the interval somewhat too narrow: the check errs towards alarm.

    Raises:
        ValueError: There are fewer than three points.
    """
    if len(points) < 3:
        raise ValueError(f"expected three points or more, got {len(points)}")
    kept = points[:: max(1, len(points) // _MOST_POINTS)]
    slopes = sorted(
        (y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in itertools.combinations(kept, 2) if x2 > x1
    )
    count = len(kept)
    reach = _Z95 * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    low = max(0, round((len(slopes) - reach) / 2))
    high = min(len(slopes) - 1, round((len(slopes) + reach) / 2))
    return Slope(bytes_per_s=statistics.median(slopes), low=slopes[low], high=slopes[high])


def resident_bytes(pid: int) -> int:
    """Return what a process and all that descend from it hold in memory; 0 where it has gone."""
    return sum(_resident(one) for one in (pid, *descendants(pid)))


def descendants(pid: int) -> list[int]:
    """Return the processes that descend from one."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (fields := _fields(int(folder.name))):
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found: list[int] = []
    open_ends = [pid]
    while open_ends:
        its = children.get(open_ends.pop(), [])
        found += its
        open_ends += its
    return found


def _resident(pid: int) -> int:
    fields = _fields(pid)
    return int(fields[21]) * _PAGE if fields else 0


def _fields(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on (proc(5))."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return []
