"""The folder of flights: two files for each, the newest kept."""

import re
from collections import deque
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path

from latency_kit.clock import Clock
from latency_kit.measurement.active import active
from latency_kit.profiling.flight import Flight
from latency_kit.units import NS_PER_S, NS_PER_US

__all__ = ["FlightFolder"]

_UNFIT = re.compile(r"[^A-Za-z0-9._-]")


class FlightFolder:
    """Writes flights, and removes the oldest of its own.

    * There are never more than `keep` flights of one recorder in the folder; files of others stay.
    * A file is complete under its final name or absent.
    * What cannot be written is counted as "flight_files_failed".
    """

    def __init__(self, folder: str | PathLike[str], *, keep: int, clock: Clock) -> None:
        self._folder = Path(folder)
        self._keep = keep
        self._clock = clock
        self._written: deque[tuple[Path, ...]] = deque()
        self._count = 0

    def write(self, flight: Flight) -> None:
        """Write `flight-<when>-<number>-<name>` as `.speedscope.json` and `.collapsed.txt`."""
        self._count += 1
        seconds, rest = divmod(self._clock.unix_nano(), NS_PER_S)
        when = f"{datetime.fromtimestamp(seconds, tz=UTC):%Y%m%dT%H%M%S}.{rest // NS_PER_US:06d}Z"
        stem = f"flight-{when}-{self._count}-{_UNFIT.sub('_', flight.name)}"
        files = {
            self._folder / f"{stem}.speedscope.json": flight.speedscope(),
            self._folder / f"{stem}.collapsed.txt": flight.collapsed(),
        }
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._written.append(tuple(files))
            while len(self._written) > self._keep:
                for path in self._written.popleft():
                    path.unlink(missing_ok=True)
            for path, text in files.items():
                unfinished = path.with_name(f"{path.name}.part")
                unfinished.write_text(text, encoding="utf-8")
                unfinished.replace(path)
        except OSError as error:
            active.losses.count("flight_files_failed", why=repr(error))
