"""The commands about budget policies and recorded measurements, and the import of all other commands.

What a command prints lives in the module of its name.
"""

from pathlib import Path

from latency_kit.cli import budget_commands as _budget_commands  # noqa: F401  # joins its commands to `main`
from latency_kit.cli import profile as _profile  # noqa: F401  # as above
from latency_kit.cli import watch as _watch  # noqa: F401  # as above
from latency_kit.cli.command_line import EXIT_USAGE, FILE, click, errors_on_standard_error, main
from latency_kit.storage import export_csv

__all__ = ["EXIT_USAGE", "main"]


@main.command()
@click.argument("source", type=FILE)
@click.argument("target", type=FILE)
@click.option("--rotated", is_flag=True, help="Read the older, rotated parts of SOURCE first.")
@click.option("--byte-order-mark", is_flag=True, help="Begin with the mark by which Excel knows UTF-8.")
def csv(source: Path, target: Path, *, rotated: bool, byte_order_mark: bool) -> None:
    """Turn the measurements of SOURCE (performance.jsonl) into the CSV file TARGET.

    Example: latency-kit csv performance.jsonl performance.csv
    """
    with errors_on_standard_error():
        count = export_csv(source, target, rotated=rotated, byte_order_mark=byte_order_mark)
        click.echo(f"{target}: {count} {'measurement' if count == 1 else 'measurements'}")
