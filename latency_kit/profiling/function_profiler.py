"""The profile of functions: cProfile of the standard library, which counts every call of the thread."""

import cProfile
import marshal
import pstats
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from latency_kit.errors import UsageError
from latency_kit.profiling.calls_meanwhile import CallsMeanwhile
from latency_kit.profiling.profile import Profile, ProfileEntry, ProfileKind
from latency_kit.profiling.profile_file import save_files
from latency_kit.units import NS_PER_S

__all__ = ["FunctionProfiler"]

_FROZEN = "<frozen "
"""Begins the file of a module that is part of the interpreter."""


class FunctionProfiler:
    """Profiles the functions that one thread calls inside a block.

        with FunctionProfiler("checkout") as profiler:
            checkout(cart)
        for entry in profiler.profile.top(10):
            print(entry.name, entry.own, entry.total)
        profiler.save("profiles")       # a .pstats for snakeviz, gprof2dot and pstats beside our own file

    * What the block raises passes through; the profile up to there is kept.
    * Every call costs about a microsecond more: shares of short functions come out too large.

    Args:
        title: What is profiled.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._profiler = cProfile.Profile()
        self._meanwhile = CallsMeanwhile()
        self._profile: Profile | None = None
        self._stats: dict[Any, Any] = {}
        self._start_unix_nano = self._start_ns = 0

    def __enter__(self) -> Self:
        self._meanwhile.__enter__()
        self._start_unix_nano, self._start_ns = time.time_ns(), time.perf_counter_ns()
        try:
            self._profiler.enable()
        except ValueError as error:
            self._meanwhile.__exit__(None, None, None)
            raise UsageError(
                f"functions cannot be profiled: {error}; end the other profiler or debugger first"
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._profiler.disable()
        duration_ns = time.perf_counter_ns() - self._start_ns
        self._meanwhile.__exit__(kind, error, traceback)
        self._profiler.create_stats()
        self._stats = self._profiler.stats
        self._profile = Profile(
            kind=ProfileKind.FUNCTIONS,
            title=self._title,
            start_unix_nano=self._start_unix_nano,
            duration_ns=duration_ns,
            entries=_entries(self._stats),
            calls=self._meanwhile.calls(),
            facts={"profiler": "cProfile, calls of one thread"},
        )

    @property
    def profile(self) -> Profile:
        """What was seen.

        Raises:
            UsageError: The block has not ended.
        """
        if self._profile is None:
            raise UsageError("there is a profile once the block has ended")
        return self._profile

    def statistics(self) -> pstats.Stats:
        """Return the same as the standard library's `pstats` has it."""
        return pstats.Stats(self._profiler)

    def save(self, folder: Path | str) -> tuple[Path, ...]:
        """Write `NAME.profile.json` and `NAME.pstats`; return their paths.

        Raises:
            UsageError: The folder cannot be written to, or the block has not ended.
        """
        return save_files(self.profile, folder, {".pstats": marshal.dumps(self._stats)})


def _entries(stats: dict[Any, Any]) -> tuple[ProfileEntry, ...]:
    entries = []
    for (file, line, name), (_, calls, own_s, total_s, _) in stats.items():
        if "_lsprof.Profiler" in name or file == __file__:
            continue  # the end of the profiling itself
        is_builtin = file == "~"
        module = file[len(_FROZEN) : -1] if file.startswith(_FROZEN) else Path(file).stem
        entries.append(
            ProfileEntry(
                name=name if is_builtin else f"{module}.{name}",
                file="" if is_builtin else file,
                line=line,
                category="computes",
                count=calls,
                own=round(own_s * NS_PER_S),
                total=round(total_s * NS_PER_S),
            )
        )
    return tuple(sorted(entries, key=lambda entry: -entry.own))
