"""A whole run of the gate: two versions checked out and made ready, every benchmark compared."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from random import Random

from latency_kit.errors import UsageError
from latency_kit.gate.checkout import Checkouts, checked_out, lay_benchmarks_over, repository_of
from latency_kit.gate.environments import EnvironmentWish, import_paths, prepared
from latency_kit.gate.finding import benchmark_files, is_test_file
from latency_kit.gate.lock_step_comparison import BenchmarkComparison, LockStep, compare_in_lock_step
from latency_kit.gate.verdict import Verdict
from latency_kit.gate.worker_process import Benchmark, BenchmarkFailedError, Version, WorkerProcess

__all__ = ["GateProgress", "GateResult", "GateWish", "Uncompared", "run_gate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateWish:
    """What to compare.

    Attributes:
        folder: Inside the git work tree; the project's files are those from here on.
        baseline: A commit, branch or tag.
        candidate: Another; None for the work tree as it is.
        paths: Benchmark files, test files or folders of either, relative to `folder`; none for all files
            `bench_*.py`.
        only: Patterns, of which a benchmark's name must match one; none for all.
        environment: What to build; None to run both versions by interpreters that are there.
        pythons: Those of the baseline and the candidate, where nothing is built.
        own_benchmarks: Whether the baseline runs its own benchmark files, not the candidate's.
        how: How to compare.
    """

    folder: Path
    baseline: str
    candidate: str | None = None
    paths: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    environment: EnvironmentWish | None = None
    pythons: tuple[Path, Path] = (Path(sys.executable), Path(sys.executable))
    own_benchmarks: bool = False
    how: LockStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncompared:
    """A benchmark that the baseline cannot run, such as one for what is new.

    Attributes:
        benchmark: Which.
        reason: Why, in one line.
    """

    benchmark: Benchmark
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """What a run of the gate found.

    * At least one benchmark was compared.

    Attributes:
        baseline_commit: The full hash.
        candidate_commit: The same; of the commit beneath, where the work tree was compared.
        is_work_tree: Whether it was.
        comparisons: In the order of the benchmarks.
        uncompared: What the baseline cannot run.
    """

    baseline_commit: str
    candidate_commit: str
    is_work_tree: bool
    comparisons: tuple[BenchmarkComparison, ...]
    uncompared: tuple[Uncompared, ...]

    @property
    def regressed(self) -> tuple[BenchmarkComparison, ...]:
        """The benchmarks that are slower, in the median or the tail."""
        return tuple(one for one in self.comparisons if one.verdict is Verdict.SLOWER)


class GateProgress:
    """Is told how far the gate is; this one says nothing."""

    def step(self, text: str) -> None:
        """Take note of something that may take long."""

    def compared(self, number: int, of: int, benchmark: Benchmark, pairs: int, planned: int) -> None:
        """Take note of a pair: of which benchmark, the how manieth it is, and up to how many go on."""


def run_gate(wish: GateWish, *, progress: GateProgress | None = None) -> GateResult:
    """Compare two versions of the project around `wish.folder`.

    Raises:
        UsageError: There is no git, no such commit, no benchmark, or none that the baseline can run.
        BuildError: An environment cannot be made.
        BenchmarkFailedError: The candidate cannot run a benchmark.
    """
    told = progress or GateProgress()
    repository = repository_of(wish.folder)
    inside = wish.folder.resolve().relative_to(repository.resolve())
    told.step("checks both versions out")
    with checked_out(repository, baseline=wish.baseline, candidate=wish.candidate) as checkouts:
        project = checkouts.candidate / inside
        if not project.is_dir():
            raise UsageError(f"there is no folder {inside} in the candidate")
        files = benchmark_files(project, wish.paths)
        if not wish.own_benchmarks:
            (checkouts.baseline / inside).mkdir(parents=True, exist_ok=True)
            lay_benchmarks_over(project, checkouts.baseline / inside, files)
        baseline, candidate = _versions(wish, checkouts, inside, told)
        benchmarks = _listed(candidate, files, wish.only)
        comparisons, uncompared = _compared(benchmarks, baseline, candidate, wish.how, told)
    if not comparisons:
        raise UsageError(
            "the baseline can run none of the benchmarks; "
            f"{uncompared[0].benchmark.id}: {uncompared[0].reason}"
        )
    return GateResult(
        baseline_commit=checkouts.baseline_commit,
        candidate_commit=checkouts.candidate_commit,
        is_work_tree=wish.candidate is None,
        comparisons=tuple(comparisons),
        uncompared=tuple(uncompared),
    )


def _versions(
    wish: GateWish, checkouts: Checkouts, inside: Path, told: GateProgress
) -> tuple[Version, Version]:
    made = []
    sides = (("baseline", checkouts.baseline), ("candidate", checkouts.candidate))
    for (label, checkout), own_python in zip(sides, wish.pythons, strict=True):
        folder = checkout / inside
        python, paths = own_python, import_paths(folder)
        if wish.environment is not None:
            site = checkouts.place / f"{label[:4]}-site"
            python, paths = prepared(label, folder, site, wish.environment, say=told.step)
        made.append(Version(label=label, checkout=folder, python=python, import_paths=paths))
    return made[0], made[1]


def _listed(candidate: Version, files: Sequence[str], only: Sequence[str]) -> list[Benchmark]:
    benchmarks = []
    for are_tests in (False, True):
        chosen = [file for file in files if is_test_file(file) == are_tests]
        if not chosen:
            continue
        with WorkerProcess(candidate) as worker:
            names = worker.listed(chosen, are_tests=are_tests)
        for name in names:
            file, _, function = name.partition("::")
            benchmarks.append(Benchmark(file=file, name=function, is_test=are_tests))
    if not benchmarks:
        raise UsageError(
            f"no benchmark in {', '.join(files)}; one is a function whose name begins with bench_, "
            "or a test that uses the fixture latency or benchmark"
        )
    matching = [
        one
        for one in benchmarks
        if not only or any(fnmatch(one.id, f"*{pattern.strip('*')}*") for pattern in only)
    ]
    if not matching:
        raise UsageError(
            f"no benchmark matches {', '.join(map(repr, only))}; "
            f"there are {', '.join(one.id for one in benchmarks)}"
        )
    return matching


def _compared(
    benchmarks: Sequence[Benchmark], baseline: Version, candidate: Version, how: LockStep, told: GateProgress
) -> tuple[list[BenchmarkComparison], list[Uncompared]]:
    comparisons: list[BenchmarkComparison] = []
    uncompared: list[Uncompared] = []
    source = Random()  # noqa: S311  # no secret
    for number, benchmark in enumerate(benchmarks, start=1):
        told.compared(number, len(benchmarks), benchmark, 0, how.rule.looks[0])
        _check_candidate(benchmark, candidate)
        try:
            result = compare_in_lock_step(
                benchmark,
                baseline,
                candidate,
                how=how,
                source=source,
                each=_telling(told, number, len(benchmarks), benchmark),
            )
        except BenchmarkFailedError as error:
            if error.version != baseline.label:
                raise UsageError(f"{benchmark.id}: {error}") from error
            uncompared.append(Uncompared(benchmark=benchmark, reason=error.reason))
        else:
            comparisons.append(result)
    return comparisons, uncompared


def _check_candidate(benchmark: Benchmark, candidate: Version) -> None:
    """Call a benchmark once in the candidate: one that is broken there is no news of the baseline."""
    try:
        with WorkerProcess(candidate) as worker:
            worker.open(benchmark)
    except BenchmarkFailedError as error:
        raise UsageError(f"{benchmark.id}: {error}") from error


def _telling(told: GateProgress, number: int, of: int, benchmark: Benchmark) -> Callable[[int, int], None]:
    return lambda pairs, planned: told.compared(number, of, benchmark, pairs, planned)
