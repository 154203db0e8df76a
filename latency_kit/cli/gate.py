"""`latency-kit gate`: is this version slower than that one? Two versions compared in lock step."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from latency_kit.cli.baseline import AS_JSON
from latency_kit.cli.command_line import (
    EXIT_BREACHED,
    EXIT_MET,
    FILE,
    click,
    errors_on_standard_error,
    main,
)
from latency_kit.errors import UsageError
from latency_kit.gate import (
    DEFAULT_LOOKS,
    DEFAULT_MEDIAN_THRESHOLD,
    DEFAULT_TAIL_THRESHOLD,
    DecisionRule,
    EnvironmentWish,
    GateWish,
    LockStep,
    LockStepPlan,
    Verdict,
    allowed_cores,
    default_cache,
    idlest_core,
    looks_up_to,
    run_gate,
)
from latency_kit.units import s_to_ns

__all__: list[str] = []


@main.command()
@click.argument("paths", nargs=-1)
@click.option("--baseline", required=True, metavar="GIT_REF", help="The version to compare with.")
@click.option(
    "--candidate", metavar="GIT_REF", help="The version that is judged; by default the work tree as it is."
)
@click.option(
    "--only", multiple=True, metavar="PATTERN", help="Compare benchmarks whose name contains this (* and ?)."
)
@click.option(
    "--threshold",
    type=float,
    default=DEFAULT_MEDIAN_THRESHOLD,
    show_default=True,
    help="The smallest change of the median, as a share, that must be found; a third of it is tolerated.",
)
@click.option(
    "--p99-threshold",
    "tail_threshold",
    type=float,
    default=DEFAULT_TAIL_THRESHOLD,
    show_default=True,
    help="The same for the 99th percentile.",
)
@click.option(
    "--pairs",
    type=int,
    default=DEFAULT_LOOKS[-1],
    show_default=True,
    help="How many pairs of processes at most, for each benchmark.",
)
@click.option(
    "--seconds",
    type=float,
    default=60.0,
    show_default=True,
    help="Begin no further pair of a benchmark after this time.",
)
@click.option(
    "--pair-seconds",
    type=float,
    default=LockStepPlan().pair_ns / 1e9,
    show_default=True,
    help="How long to measure in a pair at most; longer for the p99 of calls above a millisecond.",
)
@click.option(
    "--core", type=int, help="Where to measure; by default the idlest core that this process may use."
)
@click.option(
    "--undecided",
    type=click.Choice(["pass", "fail"]),
    default="pass",
    show_default=True,
    help="What a median does that could not be decided.",
)
@click.option(
    "--own-benchmarks",
    is_flag=True,
    help="Run each version's own benchmark files, not the candidate's in both.",
)
@click.option(
    "--python", type=FILE, default=Path(sys.executable), help="The interpreter of the environments."
)
@click.option("--extra", "extras", multiple=True, metavar="NAME", help="Install this extra of the project.")
@click.option("--group", "groups", multiple=True, metavar="NAME", help="Install this dependency group.")
@click.option(
    "--with",
    "requirements",
    multiple=True,
    metavar="REQUIREMENT",
    help="Install this as well, such as pytest.",
)
@click.option("--cache", type=FILE, help="Where environments are kept; by default in the user's cache.")
@click.option(
    "--no-build", is_flag=True, help="Build nothing: import both checkouts into --python as they are."
)
@click.option("--baseline-python", type=FILE, help="Another interpreter for the baseline, with --no-build.")
@AS_JSON
def gate(
    *,
    paths: tuple[str, ...],
    baseline: str,
    candidate: str | None,
    only: tuple[str, ...],
    threshold: float,
    tail_threshold: float,
    pairs: int,
    seconds: float,
    pair_seconds: float,
    core: int | None,
    undecided: str,
    own_benchmarks: bool,
    python: Path,
    extras: tuple[str, ...],
    groups: tuple[str, ...],
    requirements: tuple[str, ...],
    cache: Path | None,
    no_build: bool,
    baseline_python: Path | None,
    as_json: bool,
) -> None:
    """Compare the benchmarks in PATHS between two versions; exit code 1 if one is slower.

    Both are checked out beside the work tree and run in lock step: a process of each on the same core, in
    turns of milliseconds. PATHS are files or folders; by default all files bench_*.py with their functions
    bench_*. In test files, tests that use the fixture latency or benchmark are benchmarks.

    Example: latency-kit gate --baseline main --extra test
    """
    from latency_kit.cli.gate_output import TerminalProgress, gate_data, print_gate  # noqa: PLC0415  # rich

    with errors_on_standard_error(), _ended_by_signals():
        if no_build and (extras or groups or requirements or cache):
            raise UsageError(
                "--extra, --group, --with and --cache are for environments; --no-build makes none"
            )
        if baseline_python is not None and not no_build:
            raise UsageError("--baseline-python names an interpreter that is there; give --no-build with it")
        environment = EnvironmentWish(
            python=python,
            extras=extras,
            groups=groups,
            requirements=requirements,
            cache=default_cache() if cache is None else cache,
        )
        wish = GateWish(
            folder=Path.cwd(),
            baseline=baseline,
            candidate=candidate,
            paths=paths,
            only=only,
            environment=None if no_build else environment,
            pythons=(baseline_python or python, python),
            own_benchmarks=own_benchmarks,
            how=LockStep(
                rule=DecisionRule(
                    median_threshold=threshold, tail_threshold=tail_threshold, looks=looks_up_to(pairs)
                ),
                plan=LockStepPlan(pair_ns=s_to_ns(_positive("--pair-seconds", pair_seconds))),
                most_ns=s_to_ns(_positive("--seconds", seconds)),
                core=_core(core),
            ),
        )
        with TerminalProgress(sys.stderr) as progress:
            result = run_gate(wish, progress=progress)
        if as_json:
            click.echo(json.dumps(gate_data(result, wish.how), indent=2, ensure_ascii=False))
        else:
            print_gate(result, wish.how)
    is_undecided = any(one.median.verdict is Verdict.UNDECIDED for one in result.comparisons)
    fails = bool(result.regressed) or (undecided == "fail" and is_undecided)
    raise SystemExit(EXIT_BREACHED if fails else EXIT_MET)


def _positive(option: str, given: float) -> float:
    if not given > 0:
        raise UsageError(f"{option} must be above 0, got {given:g}")
    return given


def _core(given: int | None) -> int | None:
    allowed = allowed_cores()
    if given is None:
        return idlest_core()
    if given not in allowed:
        known = ", ".join(map(str, sorted(allowed))) or "none, this system pins no process"
        raise UsageError(f"--core {given}: this process may use {known}")
    return given


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the program by their own exit codes, with all that was made removed."""

    def end(number: int, _frame: FrameType | None) -> None:
        # Once: another one must not end the clearing up.
        signal.signal(number, signal.SIG_IGN)
        raise SystemExit(128 + number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, end) for number in numbers]
    try:
        yield
    finally:
        for number, former in zip(numbers, before, strict=True):
            signal.signal(number, former)
