"""The group that all commands join, its exit codes, and how an error is said: the one door to click.

Commands live in modules of their own, which take `click` from here; what they print is made elsewhere.
"""

import errno
import io
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
    "FiniteRange",
    "click",
    "errors_on_standard_error",
    "main",
]

EXIT_MET = 0
EXIT_BREACHED = 1
"""A budget is breached, or something became slower."""

EXIT_USAGE = 2
"""Wrong use or unreadable input; standard error says what."""

EXIT_INTERRUPTED = 130
"""Ctrl-C: 128 and the number of SIGINT, as shells have it."""

FILE = click.Path(path_type=Path)
"""A path whose absence is told in our own words, when it is read."""


class FiniteRange(click.FloatRange):
    """A range that neither NaN nor an infinity passes: click compares with the bounds that there are."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; end with wrong use where it is none, or out of the range."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number.", param, ctx)
        return number


class _OneLineErrors(click.Group):
    """A group whose wrong use is told in one line, as every other error is."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command that the arguments name, and leave with its exit code."""
        for stream in (sys.stdout, sys.stderr):
            # A name that the terminal's encoding lacks is shown escaped instead of ending the command.
            if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
                stream.reconfigure(errors="backslashreplace")
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        try:
            code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except click.exceptions.NoArgsIsHelpError as asked:
            click.echo(asked.ctx.get_help() if asked.ctx else asked.format_message(), err=True)
            sys.exit(EXIT_USAGE)
        except click.ClickException as error:
            context = error.ctx if isinstance(error, click.UsageError) else None
            said = " ".join(error.format_message().split())
            tried = f" (try: {context.command_path} --help)" if context is not None else ""
            click.echo(f"latency-kit: {said}{tried}", err=True)
            sys.exit(EXIT_USAGE)
        except click.Abort:
            click.echo("latency-kit: interrupted", err=True)
            sys.exit(EXIT_INTERRUPTED)
        sys.exit(code if isinstance(code, int) else EXIT_MET)


@click.group("latency-kit", cls=_OneLineErrors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="latency-kit")
def main() -> None:
    """Look at latency budgets, recorded measurements and sessions.

    Exit codes: 0 all is well, 1 breached or regressed (of `profile`: its target failed), 2 wrong use or
    unreadable input, 130 ended by Ctrl-C, 143 (of `gate`) by SIGTERM. A script that `profile` runs
    keeps its own.

    Example: latency-kit report run.json
    """


@contextmanager
def errors_on_standard_error() -> Iterator[None]:
    """Say an error on standard error, without a traceback, and leave with `EXIT_USAGE`.

    Errors of ours, and of the operating system where nobody has told one better, such as a name too long.
    """
    try:
        yield
    except LatencyKitError as error:
        click.echo(f"latency-kit: {error}", err=True)
        sys.exit(EXIT_USAGE)
    except OSError as error:
        if error.errno == errno.EPIPE:  # whoever read our output has enough; click ends quietly then
            raise
        click.echo(f"latency-kit: {error}", err=True)
        sys.exit(EXIT_USAGE)
