"""`python -m latency_kit` and the command `latency-kit`: one line where an extra is missing."""

import sys

from latency_kit.errors import MissingExtraError

__all__ = ["main"]


def main() -> None:
    """Run the command line.

    Raises:
        SystemExit: Always, with the exit code.
    """
    try:
        from latency_kit.cli import main as command_line  # noqa: PLC0415  # it may be missing
    except MissingExtraError as error:
        print(f"latency-kit: {error}", file=sys.stderr)  # noqa: T201  # the command line's own output
        sys.exit(2)
    command_line(prog_name="latency-kit")


if __name__ == "__main__":
    main()
