"""What `latency-kit profile` prints: tables of the greatest entries and of changes. Pure functions."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from latency_kit.cli.tables import empty_table
from latency_kit.profiling import Profile, ProfileComparison
from latency_kit.profiling.profile import ProfileEntry
from latency_kit.report.console import Group, RenderableType, Table, Text
from latency_kit.units import ns_to_ms

__all__ = ["amount", "comparison_view", "profile_view"]

_CALLS_SHOWN = 5

_HEADINGS = {
    "waits": "Waits",
    "kept": "Kept from going on by other tasks",
    "computes": "Computes",
    "seen": "Seen",
    "allocates": "Held at the peak",
}


def profile_view(profile: Profile, *, top: int) -> RenderableType:
    """Return the greatest entries of each category, the facts, and the calls that ran meanwhile."""
    parts: list[RenderableType] = [
        Text.assemble((profile.title, "bold"), f"  {profile.kind.value}, {amount(profile.duration_ns, 'ns')}")
    ]
    for category, heading in _HEADINGS.items():
        entries = [entry for entry in profile.top(top, category=category) if entry.own]
        if entries:
            parts += [Text(), _entries(entries, heading, unit=profile.unit)]
    if len(parts) == 1:
        parts += [Text(), Text("Nothing was seen.", style="dim")]
    parts += [Text(), *_calls(profile)]
    parts += [Text(f"{name}: {fact}", style="dim") for name, fact in profile.facts.items()]
    return Group(*parts)


def comparison_view(comparison: ProfileComparison, *, top: int) -> RenderableType:
    """Return the greatest changes of two profiles."""
    before, after = comparison.before, comparison.after
    unit = before.unit
    table = empty_table(("Function", "Before", "After", "Change", "Calls before", "after"), "lrrrrr")
    for one in comparison.changes[:top]:
        if not one.change:
            continue
        table.add_row(
            Text(f"{one.name} {one.category}" if one.category in {"waits", "kept"} else one.name),
            Text(amount(one.before, unit)),
            Text(amount(one.after, unit)),
            Text(_signed(one.change, unit), style="red" if one.change > 0 else "green"),
            Text(str(one.count_before)),
            Text(str(one.count_after)),
        )
    sums = f"in all {_signed(after.duration_ns - before.duration_ns, 'ns')}"
    title = " and ".join(f"{one.title} ({amount(one.duration_ns, 'ns')})" for one in (before, after))
    hint = "Two single runs differ by chance too: look here, then measure."
    return Group(Text(f"{title}, {sums}", style="bold"), Text(), table, Text(), Text(hint, style="dim"))


def amount(value: float, unit: str) -> str:
    """Return a duration or a size for people, with three significant figures."""
    if unit == "ns":
        milliseconds = ns_to_ms(int(value))
        return f"{milliseconds / 1000:.3g} s" if abs(milliseconds) >= 1000 else f"{milliseconds:.3g} ms"  # noqa: PLR2004  # a second
    for name, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if abs(value) >= size:
            return f"{value / size:.3g} {name}"
    return f"{value:.0f} B"


def _signed(value: int, unit: str) -> str:
    return f"{'+' if value > 0 else ''}{amount(value, unit)}"


def _entries(entries: Sequence[ProfileEntry], heading: str, *, unit: str) -> Table:
    count = "Calls" if unit == "ns" else "Allocations"
    table = empty_table((heading, "Own", "Total", count, "Where"), "lrrrl")
    for entry in entries:
        has_file = entry.file and not entry.file.startswith("<")
        where = f"{Path(entry.file).name}:{entry.line}" if has_file else ""
        table.add_row(
            Text(entry.name),
            Text(amount(entry.own, unit)),
            Text(amount(entry.total, unit)),
            Text(str(entry.count)),
            Text(where, style="dim"),
        )
    return table


def _calls(profile: Profile) -> Iterable[RenderableType]:
    if not profile.calls:
        yield Text("No measured call ended meanwhile.", style="dim")
        return
    slowest = sorted(profile.calls, key=lambda call: -call.duration_ns)[:_CALLS_SHOWN]
    table = empty_table((f"Slowest of {len(profile.calls)} measured calls", "Took", "Trace"), "lrl")
    for call in slowest:
        table.add_row(Text(call.name), Text(amount(call.duration_ns, "ns")), Text(call.trace_id or "-"))
    yield table
    yield Text()
