"""The group that all commands join, its exit codes, and how an error is said: the one door to click.

Commands live in modules of their own, which take `click` from here; what they print is made elsewhere.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from latency_kit.errors import LatencyKitError, MissingExtraError

try:
    import click
except ImportError as missing:
    raise MissingExtraError("click", "cli") from missing

__all__ = [
    "EXIT_BREACHED",
    "EXIT_MET",
    "EXIT_USAGE",
    "FILE",
    "click",
    "errors_on_standard_error",
    "main",
]

EXIT_MET = 0
EXIT_BREACHED = 1
"""A budget is breached, or something became slower."""

EXIT_USAGE = 2
"""Wrong use or unreadable input; standard error says what."""

FILE = click.Path(path_type=Path)
"""A path whose absence is told in our own words, when it is read."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="latency-kit")
def main() -> None:
    """Look at latency budgets, recorded measurements and sessions.

    Exit codes of every command: 0 all is well, 1 breached or regressed, 2 wrong use or unreadable input.
    """


@contextmanager
def errors_on_standard_error() -> Iterator[None]:
    """Say an error of ours on standard error, without a traceback, and leave with `EXIT_USAGE`."""
    try:
        yield
    except LatencyKitError as error:
        click.echo(f"latency-kit: {error}", err=True)
        sys.exit(EXIT_USAGE)
