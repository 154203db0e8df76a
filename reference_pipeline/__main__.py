"""`python -m reference_pipeline` and the command `reference-pipeline`: one line where an extra is missing."""

import sys

from latency_kit.errors import MissingExtraError

__all__ = ["main"]


def main() -> None:
    """Run the command line.

    Raises:
        SystemExit: Always, with the exit code.
    """
    try:
        from reference_pipeline.cli import main as command_line  # noqa: PLC0415  # it may be missing
    except MissingExtraError as error:
        print(f"reference-pipeline: {error}", file=sys.stderr)  # noqa: T201  # the command line's own output
        sys.exit(2)
    command_line(prog_name="reference-pipeline")


if __name__ == "__main__":
    main()
