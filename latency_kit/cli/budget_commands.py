"""`latency-kit budgets ...`: the commands about budget policies. What they print is made in other modules."""

import sys
from pathlib import Path

from latency_kit.budget import backtest as run_backtest
from latency_kit.budget import evaluate_history, load_policy
from latency_kit.cli.backtests import backtest_json, backtest_lines, is_all_well
from latency_kit.cli.budgets import mistakes_json, policy_json, policy_lines
from latency_kit.cli.command_line import EXIT_BREACHED, FILE, click, errors_on_standard_error, main
from latency_kit.cli.history import read_history
from latency_kit.errors import PolicyError

__all__ = ["budgets"]


@main.group()
def budgets() -> None:
    """Work with latency budgets.

    Example: latency-kit budgets check budgets.toml
    """


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
