"""What `latency-kit watch` draws of one look at a running process: a pure function from a frame to tables."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from latency_kit.cli.tables import empty_table
from latency_kit.live import LiveFrame, LiveSeries
from latency_kit.report.console import Group, Padding, RenderableType, Text
from latency_kit.units import NS_PER_S, ns_to_ms

__all__ = ["ABSENT", "MAX_ROWS", "draw"]

MAX_ROWS = 20
"""Series that are drawn at first; the busiest come first."""

ABSENT = "-"

_STYLES = {"MET": "green", "BREACHED": "bold red", "NO_DATA": "yellow"}
_MAX_CALLS = 8


def draw(frame: LiveFrame, *, rows: int = MAX_ROWS) -> RenderableType:
    """Return what a terminal shows of a frame: series, budgets, calls in flight, readings, losses."""
    parts: list[RenderableType] = [_title(frame), _series(frame, rows)]
    if frame.budgets:
        parts += [Text(), _budgets(frame)]
    if frame.objectives:
        parts += [Text(), _objectives(frame)]
    parts += [Text(), _in_flight(frame)]
    if frame.readings:
        parts += [Text(), _readings(frame)]
    if frame.losses:
        lost = ", ".join(f"{kind} {number}" for kind, number in frame.losses.items())
        parts += [Text(), Text(f"telemetry lost: {lost}", style="bold yellow")]
    return Group(*parts)


def _title(frame: LiveFrame) -> RenderableType:
    about = frame.process
    at = datetime.fromtimestamp(frame.end_unix_nano / NS_PER_S).astimezone()
    title = Text.assemble(
        (str(about["service_name"]), "bold"),
        f"  process {about['process_id']}, Python {about['python']}",
        (f"  {at:%H:%M:%S}, the last {frame.interval_ns / NS_PER_S:.1f} s", "dim"),
    )
    return Padding(title, (0, 0, 1, 0))


def _series(frame: LiveFrame, rows: int) -> RenderableType:
    limits = {budget["measures"]: budget for budget in frame.budgets}
    table = empty_table(
        ("Series", "Calls/s", "p50", "p95", "p99", "max", "All calls", "p95", "p99"), "lrrrrrrrr"
    )
    for one in frame.series[:rows]:
        table.add_row(*_series_row(one, frame, limits.get(one.name)))
    left_out = frame.series_left_out + max(len(frame.series) - rows, 0)
    if not frame.series:
        return Text("Nothing has been recorded yet.", style="dim")
    if left_out:
        return Group(table, Text(f"and {left_out} more series", style="dim"))
    return table


def _series_row(one: LiveSeries, frame: LiveFrame, budget: Mapping[str, Any] | None) -> Iterable[Text]:
    name = one.name if one.outcome == "ok" else f"{one.name} ({one.outcome})"
    if one.attributes:
        name += " " + ", ".join(f"{key}={value}" for key, value in one.attributes.items())
    rate = one.count * NS_PER_S / frame.interval_ns
    yield Text(name)
    yield Text(f"{rate:.1f}" if one.count else ABSENT, style="" if one.count else "dim")
    for figure in ("p50", "p95", "p99", "max"):
        yield _duration(one.interval_ns.get(figure), _limit_ns(figure, budget))
    yield Text(f"{one.total_count}", style="dim")
    for figure in ("p95", "p99"):
        yield _duration(one.whole_ns.get(figure), _limit_ns(figure, budget))


def _limit_ns(figure: str, budget: Mapping[str, Any] | None) -> int | None:
    """Return the limit that a figure is judged by: the budget's, where it is about that percentile."""
    if budget is None or figure != f"p{budget['percentile']:g}":
        return None
    return int(budget["limit_ns"])


def _duration(value_ns: int | None, limit_ns: int | None) -> Text:
    if value_ns is None:
        return Text(ABSENT, style="dim")
    if limit_ns is not None and value_ns > limit_ns:
        return Text(f"{_ms(value_ns)} !", style="bold red")
    return Text(_ms(value_ns))


def _ms(value_ns: float) -> str:
    """Three significant figures, in a unit that keeps them short."""
    milliseconds = ns_to_ms(int(value_ns))
    if milliseconds >= 9_999.5:  # noqa: PLR2004  # four digits are read at a glance, five are not
        return f"{milliseconds / 1000:.3g} s"
    if milliseconds >= 1:
        return f"{milliseconds:.0f} ms" if milliseconds >= 99.95 else f"{milliseconds:.3g} ms"  # noqa: PLR2004
    return f"{milliseconds * 1000:.3g} µs"


def _budgets(frame: LiveFrame) -> RenderableType:
    table = empty_table(("Budget", "Now", "Limit", "Status", "Over limit"), "lrrlr")
    for one in frame.budgets:
        figure = f"p{one['percentile']:g}"
        table.add_row(
            Text(one["name"]),
            Text(f"{figure} {_ms(one['observed_ns'])}" if "observed_ns" in one else ABSENT),
            Text(_ms(one["limit_ns"])),
            Text(one["verdict"], style=_STYLES.get(one["verdict"], "")),
            Text(f"{one['over_limit_count']} of {one['count']}"),
        )
    return table


def _objectives(frame: LiveFrame) -> RenderableType:
    table = empty_table(("Objective", "Error budget", "Status", "Bad", "Burn rate"), "lrlrl")
    for one in frame.objectives:
        left = one.get("remaining_error_budget")
        firing = "".join(f", {name} fires" for name in one["firing"])
        table.add_row(
            Text(one["name"]),
            Text(ABSENT if left is None else f"{100 * left:.0f} % left"),
            Text(f"{one['verdict']}{firing}", style=_STYLES.get(one["verdict"], "")),
            Text(f"{one['bad']} of {one['events']}"),
            Text(_burns(one["burns"])),
        )
    return table


def _burns(burns: Mapping[str, float]) -> str:
    """Name the fastest burn of all windows, and that of the longest, which is the objective's own."""
    if not burns:
        return ABSENT
    fastest, longest = max(burns, key=lambda window: burns[window]), list(burns)[-1]
    return ", ".join(f"{burns[window]:.2f} in {window}" for window in dict.fromkeys((fastest, longest)))


def _in_flight(frame: LiveFrame) -> RenderableType:
    found = frame.in_flight
    if not found["followed"]:
        return Text("Calls in flight are not followed; configure(in_flight=True) shows them.", style="dim")
    if not found["count"]:
        return Text("No call is in flight.", style="dim")
    table = empty_table(("In flight", "For", "In"), "lrl")
    for call in found["calls"][:_MAX_CALLS]:
        table.add_row(Text(call["name"]), Text(_ms(call["age_ns"])), Text(call["running_in"]))
    more = found["count"] - _MAX_CALLS
    return Group(table, Text(f"and {more} more calls", style="dim")) if more > 0 else table


def _readings(frame: LiveFrame) -> RenderableType:
    table = empty_table(("Reading", "Value"), "lr")
    for one in frame.readings:
        whose = ", ".join(str(value) for value in one["attributes"].values())
        value = one["value"]
        shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        unit = "" if one["unit"].startswith("{") or one["unit"] == "1" else f" {one['unit']}"
        table.add_row(Text(f"{one['name']} {whose}".strip()), Text(f"{shown}{unit}"))
    return table
