"""`latency-kit`: commands, options and exit codes. What a command says lives in the module of its name.

Exit codes: 0 all is well, 1 a budget is breached, 2 wrong use or unreadable input (standard error says what).
The only module here that knows click.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from latency_kit.budget import load_policy
from latency_kit.cli.budgets import policy_json, policy_lines
from latency_kit.errors import LatencyKitError, MissingExtraError
from latency_kit.storage import export_csv

try:
    import click
except ImportError as missing:
    raise MissingExtraError("click", "cli") from missing

__all__ = ["EXIT_USAGE", "main"]

EXIT_USAGE = 2

_FILE = click.Path(path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="latency-kit")
def main() -> None:
    """Look at latency budgets and at recorded measurements."""


@main.group()
def budgets() -> None:
    """Work with latency budgets."""


@budgets.command()
@click.argument("file", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print the budgets as JSON.")
def check(file: Path, *, as_json: bool) -> None:
    """Check a budget policy FILE (TOML, or a pyproject.toml with [tool.latency_kit]).

    Every mistake is listed with its key and line. Exit codes: 0 no mistake, 2 mistakes.

    Example: latency-kit budgets check budgets.toml
    """
    with _errors_on_standard_error():
        policy = load_policy(file)
        if as_json:
            click.echo(policy_json(policy))
        else:
            for line in policy_lines(policy, source=str(file)):
                click.echo(line)


@main.command()
@click.argument("source", type=_FILE)
@click.argument("target", type=_FILE)
@click.option("--rotated", is_flag=True, help="Read the older, rotated parts of SOURCE first.")
@click.option("--byte-order-mark", is_flag=True, help="Begin with the mark by which Excel knows UTF-8.")
def csv(source: Path, target: Path, *, rotated: bool, byte_order_mark: bool) -> None:
    """Turn the measurements of SOURCE (performance.jsonl) into the CSV file TARGET.

    Example: latency-kit csv performance.jsonl performance.csv
    """
    with _errors_on_standard_error():
        count = export_csv(source, target, rotated=rotated, byte_order_mark=byte_order_mark)
        click.echo(f"{target}: {count} {'measurement' if count == 1 else 'measurements'}")


@contextmanager
def _errors_on_standard_error() -> Iterator[None]:
    try:
        yield
    except LatencyKitError as error:
        click.echo(f"latency-kit: {error}", err=True)
        sys.exit(EXIT_USAGE)
