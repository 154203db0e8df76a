"""`latency-kit profile ...`: profilers from the shell. What is printed is made in `profile_text`."""

import asyncio
import contextlib
import difflib
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from latency_kit.cli.command_line import FILE, FiniteRange, click, errors_on_standard_error, main
from latency_kit.cli.profile_target import find_target
from latency_kit.errors import UsageError
from latency_kit.profiling import (
    AsyncProfiler,
    FunctionProfiler,
    Profile,
    compare_profiles,
    load_profile,
    profile_process,
)
from latency_kit.profiling.profile_file import profile_to_data

__all__ = ["profile"]

Save = Callable[[Path], tuple[Path, ...]]

EXIT_FAILED = 1
"""What was profiled has raised an exception, as Python itself would end."""

_OURS = f"{Path(__file__).parents[1]}{os.sep}"

_PASS_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}
"""What stands after the target belongs to it, options too."""


@main.group()
def profile() -> None:
    """Find what takes the time or the memory: functions, coroutines, a running process, allocations.

    Example: latency-kit profile functions shop.py
    """


def _target(ctx: click.Context, _: click.Parameter, given: str) -> str:
    """Refuse an option that there is none of: what is unknown would be taken for the target."""
    if given.startswith("-"):
        name = given.partition("=")[0]
        known = [option for parameter in ctx.command.params for option in parameter.opts if option[0] == "-"]
        near = [repr(option) for option in difflib.get_close_matches(name, known)]
        # What click itself says of it differs from version to version.
        hint = f" (Did you mean one of: {', '.join(near)}?)" if len(near) > 1 else ""
        hint = f" Did you mean {near[0]}?" if len(near) == 1 else hint
        raise click.UsageError(f"No such option {name!r}.{hint}", ctx=ctx)
    return given


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that all profilers share."""
    for option in (
        click.option(
            "--output", "-o", type=FILE, default=Path("profiles"), show_default=True, help="Folder."
        ),
        click.option(
            "--top", type=click.IntRange(min=1), default=15, show_default=True, help="Entries shown."
        ),
        click.option("--json", "as_json", is_flag=True, help="Print the whole profile as JSON."),
    ):
        command = option(command)
    return command


@profile.command(context_settings=_PASS_ON)
@_options
@click.argument("target", callback=_target)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def functions(target: str, arguments: Sequence[str], *, output: Path, top: int, as_json: bool) -> None:
    """Profile every function call of TARGET with cProfile.

    TARGET is a script (NAME.py) or MODULE:FUNCTION; ARGUMENTS go to it. Writes a .pstats, which snakeviz and
    gprof2dot open, beside our own file. Exit codes: 0 profiled, 1 TARGET failed (its
    profile is written all the same), 2 wrong use.

    Example: latency-kit profile functions shop.py
    """
    with errors_on_standard_error():
        found = find_target(target, arguments)
        profiler = FunctionProfiler(found.title)
        with _shown_in_any_case(lambda: profiler.profile, profiler.save, output, top, as_json), profiler:
            _run(found.run, is_coroutine=found.is_coroutine)


@profile.command(context_settings=_PASS_ON)
@_options
@click.argument("target", callback=_target)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def memory(target: str, arguments: Sequence[str], *, output: Path, top: int, as_json: bool) -> None:
    """Profile what TARGET holds in memory at its peak, by line, with memray.

    TARGET is a script (NAME.py) or MODULE:FUNCTION; ARGUMENTS go to it. Writes a .memray.bin, which memray
    opens, and a .speedscope.json beside our own file. Takes the extra `profile`. Exit codes: 0 profiled,
    1 TARGET failed (its profile is written all the same), 2 wrong use.

    Example: latency-kit profile memory shop:build_index
    """
    with errors_on_standard_error():
        found = find_target(target, arguments)
        from latency_kit.profiling.memory_profiler import MemoryProfiler  # noqa: PLC0415  # an extra

        profiler = MemoryProfiler(found.title)
        with _shown_in_any_case(lambda: profiler.profile, profiler.save, output, top, as_json), profiler:
            _run(found.run, is_coroutine=found.is_coroutine)


@profile.command("async", context_settings=_PASS_ON)
@_options
@click.option(
    "--interval", "interval_ms", type=FiniteRange(), default=2.0, show_default=True, help="Milliseconds."
)
@click.argument("target", callback=_target)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def asynchronous(
    target: str, arguments: Sequence[str], *, interval_ms: float, output: Path, top: int, as_json: bool
) -> None:
    """Profile where a coroutine waits, where it computes, and where other tasks keep it.

    TARGET is MODULE:FUNCTION of a coroutine function. Writes a .speedscope.json and collapsed stacks, which
    speedscope and flame-graph tools open, beside our own file. Exit codes: 0 profiled, 1 TARGET failed (its
    profile is written all the same), 2 wrong use.

    Example: latency-kit profile async shop:answer
    """
    with errors_on_standard_error():
        found = find_target(target, arguments)
        if not found.is_coroutine:
            raise UsageError(
                f"{target} is no coroutine function; give MODULE:FUNCTION of one, or use `profile functions`"
            )
        profiler = AsyncProfiler(found.title, interval_ms=interval_ms)
        with _shown_in_any_case(lambda: profiler.profile, profiler.save, output, top, as_json):
            asyncio.run(profiler.run(found.run()))


@profile.command()
@_options
@click.option("--duration", "duration_s", type=int, default=10, show_default=True, help="Seconds.")
@click.option("--rate", "rate_hz", type=int, default=100, show_default=True, help="Samples a second.")
@click.option("--idle", is_flag=True, help="Sample threads that wait, too.")
@click.option("--native", is_flag=True, help="Show native frames.")
@click.argument("process_id", type=int)
def process(
    process_id: int,
    *,
    duration_s: int,
    rate_hz: int,
    idle: bool,
    native: bool,
    output: Path,
    top: int,
    as_json: bool,
) -> None:
    """Profile the running process PROCESS_ID with py-spy; it goes on as ever.

    Writes a .speedscope.json beside our own file. Takes the extra `profile`. Where the process can be watched
    (`latency-kit watch`), the calls that it measured meanwhile are listed. Exit codes: 0 profiled, 2 wrong
    use or not permitted.

    Example: latency-kit profile process 4711 --duration 30
    """
    with errors_on_standard_error():
        seen = profile_process(process_id, duration_s=duration_s, rate_hz=rate_hz, idle=idle, native=native)
        _show(seen.profile, seen.save(output), top=top, as_json=as_json)


@profile.command()
@click.option("--top", type=click.IntRange(min=1), default=15, show_default=True, help="Entries shown.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole profile as JSON.")
@click.argument("file", type=FILE)
def show(file: Path, *, top: int, as_json: bool) -> None:
    """Show a profile again. FILE ends in .profile.json; what else is written is for other viewers.

    Example: latency-kit profile show profiles/functions-shop.profile.json
    """
    with errors_on_standard_error():
        _show(load_profile(file), (), top=top, as_json=as_json)


@profile.command()
@click.option("--top", type=click.IntRange(min=1), default=15, show_default=True, help="Changes shown.")
@click.option("--json", "as_json", is_flag=True, help="Print all changes as JSON.")
@click.argument("before", type=FILE)
@click.argument("after", type=FILE)
def compare(before: Path, after: Path, *, top: int, as_json: bool) -> None:
    """Compare two profiles of one kind, function by function. Both files end in .profile.json.

    Exit codes: 0 compared, 2 they cannot be.

    Example: latency-kit profile compare before.profile.json after.profile.json
    """
    with errors_on_standard_error():
        comparison = compare_profiles(load_profile(before), load_profile(after))
    if as_json:
        changes = [
            {name: getattr(one, name) for name in (*one.__slots__, "change")} for one in comparison.changes
        ]
        click.echo(
            json.dumps({"unit": comparison.before.unit, "changes": changes}, indent=2, ensure_ascii=False)
        )
        return
    from latency_kit.cli.profile_text import comparison_view  # noqa: PLC0415  # rich is needed for this only

    _print(comparison_view(comparison, top=top))


def _run(run: Callable[[], Any], *, is_coroutine: bool) -> None:
    if is_coroutine:
        asyncio.run(run())
    else:
        run()


@contextlib.contextmanager
def _shown_in_any_case(
    profile_of: Callable[[], Profile],
    save: Save,
    output: Path,
    top: int,
    as_json: bool,
) -> Iterator[None]:
    """Write and show the profile also where the target fails; then say how it failed, without our own frames.

    A script that ends by `sys.exit` has ended; its exit code is kept.
    """
    failed: BaseException | None = None
    try:
        yield
    except (Exception, SystemExit) as error:  # noqa: BLE001  # the target's, told below
        failed = error
    _show(profile_of(), save(output), top=top, as_json=as_json)
    if isinstance(failed, SystemExit):
        raise failed
    if failed is not None:
        frames = traceback.extract_tb(failed.__traceback__)
        own = [frame for frame in frames if not frame.filename.startswith(_OURS)]
        lines = ["Traceback (most recent call last):\n", *traceback.format_list(own)]
        click.echo("".join([*lines, *traceback.format_exception_only(failed)]), err=True, nl=False)
        sys.exit(EXIT_FAILED)


def _show(seen: Profile, paths: Sequence[Path], *, top: int, as_json: bool) -> None:
    if as_json:
        click.echo(
            json.dumps({**profile_to_data(seen), "files": [str(path) for path in paths]}, ensure_ascii=False)
        )
        return
    from latency_kit.cli.profile_text import profile_view  # noqa: PLC0415  # rich is needed for this only

    _print(profile_view(seen, top=top))
    for path in paths:
        click.echo(f"written: {path}")


def _print(view: Any) -> None:
    from latency_kit.report.console import Console  # noqa: PLC0415  # rich is needed for this only

    Console(highlight=False, markup=False, emoji=False).print(view)
