"""`latency-kit watch`: a running process, live in the terminal. What is drawn is made in `watch_view`."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from latency_kit.cli.command_line import FiniteRange, click, errors_on_standard_error, main
from latency_kit.live import LiveConnection, connect, frame_from_data
from latency_kit.live.client import ProcessEndedError, find_processes

__all__ = ["watch"]

_LEAST_INTERVAL_S = 0.1
_GREATEST_INTERVAL_S = 86_400.0


@main.command()
@click.argument("process", required=False)
@click.option(
    "--interval",
    "interval_s",
    type=FiniteRange(min=_LEAST_INTERVAL_S, max=_GREATEST_INTERVAL_S),
    default=1.0,
    show_default=True,
    help="Seconds from one look to the next.",
)
@click.option("--count", type=click.IntRange(min=1), help="End after so many looks.")
@click.option("--rows", type=click.IntRange(min=1), default=20, show_default=True, help="Series to show.")
@click.option("--list", "only_list", is_flag=True, help="List the processes that can be watched.")
@click.option("--json", "as_json", is_flag=True, help="Print each look as one line of JSON.")
def watch(
    process: str | None,
    *,
    interval_s: float,
    count: int | None,
    rows: int,
    only_list: bool,
    as_json: bool,
) -> None:
    """Watch a running PROCESS: percentiles of the last interval, budgets, calls in flight.

    PROCESS is a process id, the name of a service, or the path of a socket; it may be left out where only one
    can be watched. A process can be watched that was configured with live=True, or started with
    LATENCY_KIT_LIVE=1. Ends with Ctrl-C, or with the process. Exit codes: 0 it was watched, 2 it cannot be.

    Example: latency-kit watch shop
    """
    with errors_on_standard_error():
        if only_list:
            _list(as_json=as_json)
            return
        with connect(process) as connection, contextlib.suppress(KeyboardInterrupt):
            _first_look(connection)
            looks = _looks(connection, interval_s=interval_s, count=count)
            if as_json:
                for data in looks:
                    click.echo(json.dumps(data, ensure_ascii=False))
            else:
                _show(looks, rows=rows)


def _list(*, as_json: bool) -> None:
    found = find_processes()
    if found.silent:
        click.echo(f"latency-kit: {found.describe_silent()}", err=True)
    running = found.running
    if as_json:
        listed = [
            {"process_id": one.process_id, "service_name": one.service_name, "command": one.command}
            for one in running
        ]
        click.echo(json.dumps(listed, ensure_ascii=False, indent=2))
        return
    for one in running:
        click.echo(f"{one.process_id}  {one.service_name}  {one.command}")
    if not running and not found.silent:
        click.echo("No process can be watched; start one with LATENCY_KIT_LIVE=1 in its environment.")


def _first_look(connection: LiveConnection) -> None:
    """Begin the first interval now: it would otherwise reach back to the start of the recording."""
    frame_from_data(connection.frame_data())


def _looks(
    connection: LiveConnection,
    *,
    interval_s: float,
    count: int | None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Mapping[str, Any]]:
    """Yield a look at each interval, until there were `count` or the process has ended."""
    due_s = time.monotonic()
    number = 0
    while count is None or number < count:
        due_s += interval_s
        sleep(max(due_s - time.monotonic(), 0.0))
        try:
            data = connection.frame_data()
        except ProcessEndedError:
            click.echo("The process has ended.", err=True)
            return
        yield data
        number += 1


def _show(looks: Iterator[Mapping[str, Any]], *, rows: int) -> None:
    from latency_kit.cli.watch_view import draw  # noqa: PLC0415  # rich is needed for this only
    from latency_kit.report.console import Console, Live  # noqa: PLC0415  # as above

    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        for data in looks:
            console.print(draw(frame_from_data(data), rows=rows))
            console.print()
        return
    # The other screen: what stood in the terminal is there again afterwards.
    drawn = None
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            for data in looks:
                drawn = draw(frame_from_data(data), rows=rows)
                live.update(drawn, refresh=True)
    finally:
        if drawn is not None:
            console.print(drawn)
