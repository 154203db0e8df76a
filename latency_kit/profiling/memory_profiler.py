"""The profile of memory: what was held at the peak, by the line that allocated it. The one door to memray."""

import os
import tempfile
import time
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from latency_kit.errors import MissingExtraError, UsageError
from latency_kit.profiling.calls_meanwhile import CallsMeanwhile
from latency_kit.profiling.profile import Profile, ProfileKind
from latency_kit.profiling.profile_file import save_files
from latency_kit.profiling.speedscope import WeightedStack, speedscope
from latency_kit.profiling.stack_entries import entries_of
from latency_kit.profiling.stacks import MAX_DEPTH, Frame

try:
    import memray
except ImportError as missing:
    raise MissingExtraError("memray", "profile") from missing

__all__ = ["MemoryProfiler"]


class MemoryProfiler:
    """Profiles what a block allocates, in all threads, native code included.

        with MemoryProfiler("index") as profiler:
            build_index(notes)
        profiler.profile.top(10)            # by line: bytes held when the most was held
        profiler.save("profiles")           # .memray.bin for memray, .speedscope.json beside our own file

    * Entries are what was held at the peak, not all that was ever allocated.
    * What the block raises passes through; the profile up to there is kept.

    Args:
        title: What is profiled.

    Raises:
        MissingExtraError: memray is not installed (the extra `profile`; it does not exist for Windows).
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._meanwhile = CallsMeanwhile()
        self._profile: Profile | None = None
        self._samples: list[tuple[tuple[Frame, ...], int, int]] = []
        self._recorded = b""
        self._start_unix_nano = self._start_ns = 0

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="latency-kit-")
        self._path = Path(self._folder.name, "memray.bin")
        self._meanwhile.__enter__()
        self._start_unix_nano, self._start_ns = time.time_ns(), time.perf_counter_ns()
        self._tracker = memray.Tracker(self._path)
        try:
            self._tracker.__enter__()
        except RuntimeError as error:
            self._meanwhile.__exit__(None, None, None)
            self._folder.cleanup()
            raise UsageError(f"memory cannot be profiled: {error}; end the other profiler first") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._tracker.__exit__(kind, error, traceback)
        duration_ns = time.perf_counter_ns() - self._start_ns
        self._meanwhile.__exit__(kind, error, traceback)
        with memray.FileReader(self._path) as reader:
            peak, allocations = reader.metadata.peak_memory, reader.metadata.total_allocations
            self._samples = [
                (_stack(record), record.size, record.n_allocations)
                for record in reader.get_high_watermark_allocation_records(merge_threads=True)
            ]
        self._recorded = self._path.read_bytes()
        self._folder.cleanup()
        self._profile = Profile(
            kind=ProfileKind.MEMORY,
            title=self._title,
            start_unix_nano=self._start_unix_nano,
            duration_ns=duration_ns,
            entries=tuple(
                sorted(
                    entries_of(self._samples, category="allocates", by_line=True),
                    key=lambda entry: -entry.own,
                )
            ),
            calls=self._meanwhile.calls(),
            facts={
                "profiler": f"memray {metadata.version('memray')}",
                "peak": f"{peak} bytes",
                "allocations": str(allocations),
            },
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

    def save(self, folder: Path | str) -> tuple[Path, ...]:
        """Write `NAME.profile.json`, `NAME.memray.bin` and `NAME.speedscope.json`; return their paths.

        Raises:
            UsageError: The folder cannot be written to, or the block has not ended.
        """
        held: list[WeightedStack] = [(stack, size) for stack, size, _ in self._samples]
        others = {
            ".memray.bin": self._recorded,
            ".speedscope.json": speedscope(self._title, {"held at the peak": held}, unit="bytes").encode(),
        }
        return save_files(self.profile, folder, others)


def _stack(record: Any) -> tuple[Frame, ...]:
    """Return the stack of an allocation, from the outermost function to the one that allocated."""
    frames = [
        Frame(f"{Path(file).stem}.{name}", file, line)
        for name, file, line in record.stack_trace(max_stacks=MAX_DEPTH)
        if not _is_ours(file)
    ]
    return tuple(reversed(frames)) or (Frame("(outside of Python code)", "", 0),)


_OURS = tuple(f"{Path(__file__).parents[1] / floor}{os.sep}" for floor in ("cli", "profiling"))


def _is_ours(file: str) -> bool:
    return file.startswith(_OURS)
