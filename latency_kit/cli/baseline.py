"""`latency-kit baseline`: keep sessions under names, list them, import them, check others against them."""

import json
from pathlib import Path

from latency_kit.baseline import (
    DEFAULT_FOLDER,
    DEFAULT_TOLERANCE,
    BaselineStore,
    compare,
    read_pytest_benchmark,
    read_session,
)
from latency_kit.baseline.comparison_text import comparison_data, comparison_lines
from latency_kit.cli.baseline_list import listing_data, listing_lines
from latency_kit.cli.command_line import (
    EXIT_BREACHED,
    EXIT_MET,
    EXIT_USAGE,
    FILE,
    click,
    errors_on_standard_error,
    main,
)
from latency_kit.errors import UsageError

__all__ = ["AS_JSON", "DIFFERENT", "FOLDER", "TOLERANCE", "existing_folder"]

FOLDER = click.option(
    "--folder", type=FILE, default=DEFAULT_FOLDER, show_default=True, help="Where the baselines are."
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
TOLERANCE = click.option(
    "--tolerance",
    type=float,
    default=DEFAULT_TOLERANCE,
    show_default=True,
    help="How much slower, as a share, is no regression yet.",
)
DIFFERENT = click.option(
    "--allow-different",
    is_flag=True,
    help="Go on although processor, Python, system or conditions are others.",
)


@main.group()
def baseline() -> None:
    """Keep sessions under names, and check others against them.

    Example: latency-kit baseline save run.json main
    """


@baseline.command()
@click.argument("session", type=FILE)
@click.argument("name")
@click.option("--replace", is_flag=True, help="Replace the baseline of that name.")
@FOLDER
@AS_JSON
def save(session: Path, name: str, *, replace: bool, folder: Path, as_json: bool) -> None:
    """Keep the session file SESSION as the baseline NAME.

    Example: latency-kit baseline save run.json main
    """
    with errors_on_standard_error():
        path = BaselineStore(folder).save(read_session(session), name, replace=replace)
        _say_kept(name, path, as_json=as_json)


@baseline.command("import")
@click.argument("file", type=FILE)
@click.argument("name", required=False)
@click.option("--replace", is_flag=True, help="Replace the baseline of that name.")
@FOLDER
@AS_JSON
def import_(file: Path, name: str | None, *, replace: bool, folder: Path, as_json: bool) -> None:
    """Keep what pytest-benchmark saved in FILE as the baseline NAME (by default the file's name).

    The file must hold raw data: pytest --benchmark-save-data, or --benchmark-json.

    Example: latency-kit baseline import .benchmarks/Linux-CPython-3.12-64bit/0001_main.json main
    """
    with errors_on_standard_error():
        chosen = file.stem if name is None else name
        path = BaselineStore(folder).save(read_pytest_benchmark(file), chosen, replace=replace)
        _say_kept(chosen, path, as_json=as_json)


@baseline.command("list")
@FOLDER
@AS_JSON
def list_(*, folder: Path, as_json: bool) -> None:
    """List the baselines; exit code 2 if one of them cannot be read.

    Example: latency-kit baseline list --folder .latency-kit
    """
    with errors_on_standard_error():
        found = BaselineStore(existing_folder(folder)).found() if folder.exists() else ()
    if as_json:
        click.echo(json.dumps(listing_data(found), indent=2, ensure_ascii=False))
    else:
        for line in listing_lines(found, folder=folder):
            click.echo(line)
    raise SystemExit(EXIT_USAGE if any(one.stored is None for one in found) else EXIT_MET)


@baseline.command()
@click.argument("session")
@click.argument("name")
@TOLERANCE
@DIFFERENT
@FOLDER
@AS_JSON
def check(
    session: str, name: str, *, tolerance: float, allow_different: bool, folder: Path, as_json: bool
) -> None:
    """Check SESSION (a session file or a baseline) against the baseline NAME; exit code 1 if it is slower.

    Example: latency-kit baseline check run.json main --tolerance 0.15
    """
    with errors_on_standard_error():
        store = BaselineStore(folder)
        result = compare(
            store.load(name), store.find(session), tolerance=tolerance, allow_different=allow_different
        )
    if as_json:
        click.echo(json.dumps(comparison_data(result), indent=2, ensure_ascii=False))
    else:
        for line in comparison_lines(result, baseline=repr(name)):
            click.echo(line)
    raise SystemExit(EXIT_BREACHED if result.regressed else EXIT_MET)


def existing_folder(path: Path) -> Path:
    """Return the path of a folder.

    Raises:
        UsageError: There is none.
    """
    if not path.exists():
        raise UsageError(f"{path}: there is no such folder")
    if not path.is_dir():
        raise UsageError(f"{path}: is no folder; give the one that the session files are in")
    return path


def _say_kept(name: str, path: Path, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"name": name, "path": str(path)}, ensure_ascii=False))
    else:
        click.echo(f"{path}: kept as baseline {name!r}")
