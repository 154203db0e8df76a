"""What a budget policy asks of a configuration: the watch of single calls, the windows, and their figures."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from latency_kit.budget import AlertSink, BudgetFigure, BudgetPolicy, BudgetWatch, load_policy, strict_limits
from latency_kit.clock import Clock, WallAnchor
from latency_kit.configuration.parts import CallsOverLimit, Part, WatchFigures, WatchPart
from latency_kit.configuration.strict_append import strict_append
from latency_kit.measurement.active import Entry
from latency_kit.measurement.losses import Losses
from latency_kit.measurement.recording import Recording

if TYPE_CHECKING:
    from latency_kit.configuration.objectives_part import ObjectivesPart

__all__ = ["BudgetParts", "build_budget_parts", "policy_of"]


@dataclass(slots=True, kw_only=True)
class BudgetParts:
    """The parts that a policy asks for.

    Attributes:
        parts: Those that are flushed and shut down.
        periodic: Those with a thread of their own.
        figures: What gives numbers to the metrics.
        append: What takes finished calls instead of the recording, where a budget is strict.
    """

    parts: list[Part] = field(default_factory=list)
    periodic: "list[ObjectivesPart]" = field(default_factory=list)
    figures: list[Callable[[], Iterable[BudgetFigure]]] = field(default_factory=list)
    append: "Callable[[Entry], None] | None" = None


def policy_of(budgets: BudgetPolicy | Path | str | None) -> BudgetPolicy:
    """Return the policy that `configure(budgets=...)` was given; an empty one for None.

    Raises:
        PolicyError: The file has mistakes; all of them are listed.
    """
    if budgets is None:
        return BudgetPolicy()
    return budgets if isinstance(budgets, BudgetPolicy) else load_policy(budgets)


def build_budget_parts(
    policy: BudgetPolicy,
    recording: Recording,
    *,
    anchor: WallAnchor,
    clock: Clock,
    losses: Losses,
    sinks: Iterable[AlertSink] | None,
    state_file: Path | str | None,
) -> BudgetParts:
    """Set up what `policy` asks for; nothing for an empty one.

    Raises:
        UsageError: A sink cannot be called.
    """
    built = BudgetParts()
    if policy.budgets:
        watch = BudgetWatch(policy)
        recording.observe_entries(CallsOverLimit(watch, recording))
        built.parts.append(WatchPart(watch))
        built.figures.append(WatchFigures(watch, recording))
        strict = strict_limits(policy)
        if strict:
            built.append = strict_append(recording, strict)
    if policy.needs_windows:
        from latency_kit.configuration.objectives_part import build_objectives_part  # noqa: PLC0415  # few do

        part = build_objectives_part(
            policy,
            recording,
            anchor=anchor,
            clock=clock,
            losses=losses,
            sinks=sinks,
            state_file=state_file,
        )
        built.periodic.append(part)
        built.figures.append(part.figures)
    return built
