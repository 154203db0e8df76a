"""The commands about budget policies and recorded measurements, and the import of all other commands.

What a command prints lives in the module of its name.
"""

from pathlib import Path

from latency_kit.budget import load_policy
from latency_kit.cli.budgets import policy_json, policy_lines
from latency_kit.cli.command_line import EXIT_USAGE, FILE, click, errors_on_standard_error, main
from latency_kit.storage import export_csv

__all__ = ["EXIT_USAGE", "main"]


@main.group()
def budgets() -> None:
    """Work with latency budgets."""


@budgets.command()
@click.argument("file", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print the policy, or its mistakes, as JSON.")
def check(file: Path, *, as_json: bool) -> None:
    """Check a budget policy FILE (TOML, or a pyproject.toml with [tool.latency_kit]).

    Every mistake is listed with its key and line. Exit codes: 0 no mistake, 2 mistakes.

    Example: latency-kit budgets check budgets.toml
    """
    with errors_on_standard_error():
        try:
            policy = load_policy(file)
        except PolicyError as error:
            if as_json:
                click.echo(mistakes_json(error))
            raise
        if as_json:
            click.echo(policy_json(policy))
        else:
            for line in policy_lines(policy, source=str(file)):
                click.echo(line)


@budgets.command()
@click.argument("policy", type=FILE)
@click.argument("history", type=FILE, nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def backtest(policy: Path, history: tuple[Path, ...], *, as_json: bool) -> None:
    """Run POLICY over HISTORY: when it would have alerted, and how long before or after a breach.

    HISTORY is one or more performance.jsonl or .hlog files; their rotated parts are read as well. Budgets
    without a window are judged over all of it. Exit codes: 0 no alert and no breach, 1 an alert or a breach,
    2 wrong use or unreadable input.

    Example: latency-kit budgets backtest budgets.toml performance.jsonl
    """
    with errors_on_standard_error():
        loaded = load_policy(policy)
        series = {
            *(placed.budget.series for placed in loaded.placements),
            *(objective.series for objective in loaded.objectives),
        }
        found = read_history(history, series)
        result = run_backtest(loaded, found.calls, intervals=found.intervals)
        whole = evaluate_history(loaded, found.calls, intervals=found.intervals)
    if as_json:
        click.echo(backtest_json(result, whole, found))
    else:
        for line in backtest_lines(result, whole, found):
            click.echo(line)
    if not is_all_well(result, whole):
        sys.exit(EXIT_BREACHED)


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
