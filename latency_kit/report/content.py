"""What a report says, in its order, as frozen text that every renderer shares.

Pure. How it is laid out (Markdown, terminal, HTML) lives in the renderers; which stages hold the time and
what to do about it, in `bottlenecks` and `recommendations`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from latency_kit.baseline import Comparison
from latency_kit.budget import BudgetEvaluation
from latency_kit.budget.rules import ms_text
from latency_kit.histogram.percentile import ceil_rank
from latency_kit.report.bottlenecks import Breakdown, break_down
from latency_kit.report.culprit import culprit_lines, slow_percentile
from latency_kit.report.recommendations import observed_within_max_ns, recommend
from latency_kit.report.run_content import (
    BurnRow,
    ComparisonRow,
    TraceRow,
    burn_rows,
    comparison_lines,
    comparison_rows,
    trace_lines,
    trace_rows,
)
from latency_kit.report.stage_words import worded
from latency_kit.report.wording import counted, ms_figure, seconds_figure, share_figure
from latency_kit.session import DISPLAY_FACT, CallDurations, Session
from latency_kit.units import NS_PER_S

__all__ = ["ABSENT", "ComponentRow", "EndToEndRow", "ReportContent", "StageRow", "TurnRow", "compose"]

ABSENT = "-"
"""What stands in a cell for a figure that does not exist."""

FAILED = "failed"
"""What stands for a percentile that falls among calls that did not end well."""

_HEADLINE_PERCENTILES = (50.0, 95.0, 99.0)
_COUNTED_OUTCOMES = ("completed", "dropped", "cancelled", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndToEndRow:
    """One figure of the end-to-end duration; `target` and `status` are `ABSENT` without a budget on it."""

    figure: str
    value: str
    target: str = ABSENT
    status: str = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentRow:
    """One measured operation, or one budget on it."""

    name: str
    calls: str
    p50: str
    p95: str
    budget: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRow:
    """What a stage holds of typical and of slow turns."""

    name: str
    typical: str
    typical_share: str
    slow: str
    slow_share: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRow:
    """How many turns ended in one way."""

    outcome: str
    turns: str
    share: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContent:
    """A report as text, section after section.

    * Every sequence may be empty but `recommendations`, `bottleneck_lines` and `telemetry_lines`, which
      say so when there is nothing to say.

    Attributes:
        title: The heading.
        when: When the run took place and how long it was.
        end_to_end: p50, p95 with its target, p99, max, and whatever other percentile has a budget.
        end_to_end_lines: What must be known to read them.
        components: The table of components.
        component_lines: What must be known to read it.
        burns: How much of what each budget allows was used up; empty without budgets that have calls.
        comparison: Percentiles against the baseline; empty without one.
        comparison_lines: What the comparison says; empty without one.
        stages: The table of what holds the time of the turns.
        bottleneck_lines: What it says.
        traces: The slowest traces; empty where none were kept.
        trace_lines: What was left out of them.
        recommendations: What to do, most pressing first.
        turns: Counts of turns by how they ended.
        turn_line: How many there were in all.
        setup: What the answers were shown on, then the other facts of the run.
        machine: The environment.
        telemetry_lines: How many series there are and what was lost.
    """

    title: str
    when: str
    end_to_end: tuple[EndToEndRow, ...]
    end_to_end_lines: tuple[str, ...]
    components: tuple[ComponentRow, ...]
    component_lines: tuple[str, ...]
    burns: tuple[BurnRow, ...]
    comparison: tuple[ComparisonRow, ...]
    comparison_lines: tuple[str, ...]
    stages: tuple[StageRow, ...]
    bottleneck_lines: tuple[str, ...]
    traces: tuple[TraceRow, ...]
    trace_lines: tuple[str, ...]
    recommendations: tuple[str, ...]
    turns: tuple[TurnRow, ...]
    turn_line: str
    setup: tuple[tuple[str, str], ...]
    machine: tuple[tuple[str, str], ...]
    telemetry_lines: tuple[str, ...]


def compose(
    session: Session, *, comparison: Comparison | None = None, baseline: str = "the baseline"
) -> ReportContent:
    """Return what the report of `session` says.

    Args:
        session: The finished run.
        comparison: The run compared with a baseline.
        baseline: What the baseline is called.
    """
    percentile = slow_percentile(session)
    accounts = worded(session.accounts)
    breakdown = break_down(accounts, percentile=percentile) if accounts else None
    components = tuple(_component_rows(session))
    advice = tuple(one.text for one in recommend(session))
    return ReportContent(
        title=f"Performance report: {session.title}",
        when=_when(session),
        end_to_end=tuple(_end_to_end_rows(session)),
        end_to_end_lines=tuple(_end_to_end_lines(session)),
        components=components,
        component_lines=tuple(_component_lines(components)),
        burns=tuple(burn_rows(session)),
        comparison=tuple(comparison_rows(comparison)) if comparison else (),
        comparison_lines=tuple(comparison_lines(comparison, baseline=baseline)) if comparison else (),
        stages=tuple(_stage_rows(breakdown)) if breakdown else (),
        bottleneck_lines=(*culprit_lines(session, accounts, percentile), *_bottleneck_lines(breakdown)),
        traces=tuple(trace_rows(session)),
        trace_lines=tuple(trace_lines(session)),
        recommendations=advice or ("Nothing that was measured calls for a change.",),
        turns=tuple(_turn_rows(session)),
        turn_line=_turn_line(session.turn_count),
        setup=tuple(_setup(session)),
        machine=tuple(session.environment.facts().items()),
        telemetry_lines=tuple(_telemetry_lines(session)),
    )


def _when(session: Session) -> str:
    began = datetime.fromtimestamp(session.start_unix_nano // NS_PER_S, tz=UTC)
    length = seconds_figure(session.end_unix_nano - session.start_unix_nano)
    return f"{began:%Y-%m-%d %H:%M:%S} UTC, {length}"


def _end_to_end_rows(session: Session) -> Iterator[EndToEndRow]:
    if session.end_to_end is None:
        return
    durations = session.durations(session.end_to_end)
    judged = {
        one.budget.percentile: one for one in session.evaluations if one.budget.measures == session.end_to_end
    }
    for percentile in sorted({*_HEADLINE_PERCENTILES, *judged}):
        evaluation = judged.get(percentile)
        yield EndToEndRow(
            figure=f"p{percentile:g}",
            value=_value(session, durations, percentile, evaluation),
            target=ABSENT if evaluation is None else ms_text(evaluation.budget.limit_ns),
            status=ABSENT if evaluation is None else evaluation.verdict.value,
        )
    longest = ms_figure(durations.max_ns) if durations.good.count else ABSENT
    yield EndToEndRow(figure="max", value=longest)


def _end_to_end_lines(session: Session) -> Iterator[str]:
    if session.end_to_end is None:
        yield "No end-to-end series was named."
        return
    durations = session.durations(session.end_to_end)
    if not durations.count:
        yield f"No call of {session.end_to_end} was measured, so there is no end-to-end figure."
        return
    yield f"Over {counted(durations.count, 'call')} of {session.end_to_end}."
    if durations.failed_count:
        yield (
            f"{durations.failed_count} of them did not end well. They stand above all others "
            f"({FAILED} is a percentile that falls among them); max is the longest of those that did."
        )
        return
    at_the_top = [
        f"p{percentile:g}"
        for percentile in (95, 99)
        if ceil_rank(percentile, durations.count) == durations.count
    ]
    if at_the_top and durations.count > 1:
        verb = "is" if len(at_the_top) == 1 else "are"
        yield f"With so few calls {' and '.join(at_the_top)} {verb} the slowest one."


def _component_rows(session: Session) -> Iterator[ComponentRow]:
    """Yield budgets in the order of the policy, then what no budget is about."""
    with_budget = set()
    for evaluation in session.evaluations:
        name = evaluation.budget.measures
        with_budget.add(name)
        if name != session.end_to_end:
            yield _component_row(session, name, evaluation)
    for name in session.series_names:
        if name != session.end_to_end and name not in with_budget:
            yield _component_row(session, name, None)


def _component_row(session: Session, name: str, evaluation: BudgetEvaluation | None) -> ComponentRow:
    durations = session.durations(name)
    budget = status = ABSENT
    if evaluation is not None:
        percentile = evaluation.budget.percentile
        at = "" if percentile == 95 else f"p{percentile:g} "  # noqa: PLR2004  # the percentile of the column
        budget = at + ms_text(evaluation.budget.limit_ns)
        status = evaluation.verdict.value
    return ComponentRow(
        name=name,
        calls=str(durations.count),
        p50=_value(session, durations, 50.0, evaluation),
        p95=_value(session, durations, 95.0, evaluation),
        budget=budget,
        status=status,
    )


def _value(
    session: Session, durations: CallDurations, percentile: float, evaluation: BudgetEvaluation | None
) -> str:
    """Write the value at `percentile`, as the evaluation saw it where it is about that percentile."""
    if not durations.count:
        return ABSENT
    if evaluation is not None and evaluation.budget.percentile == percentile:
        if not evaluation.is_observed:
            return FAILED
        return ms_figure(observed_within_max_ns(session, evaluation))
    return (
        ms_figure(durations.value_at_percentile(percentile)) if durations.has_value_at(percentile) else FAILED
    )


def _component_lines(rows: Iterable[ComponentRow]) -> Iterator[str]:
    rows = tuple(rows)
    if not rows:
        yield "Nothing else was measured."
    if any(FAILED in (row.p50, row.p95) for row in rows):
        yield f"{FAILED}: the percentile falls among calls that did not end well, which stand on top."


def _stage_rows(breakdown: Breakdown) -> Iterator[StageRow]:
    for part in (*breakdown.stages, breakdown.rest):
        yield StageRow(
            name=part.name,
            typical=ms_figure(part.typical_ns),
            typical_share=share_figure(part.typical_share),
            slow=ms_figure(part.slow_ns),
            slow_share=share_figure(part.slow_share),
        )


def _bottleneck_lines(breakdown: Breakdown | None) -> Iterator[str]:
    if breakdown is None:
        yield "No turn was broken down into stages, so there is no bottleneck to name."
        return
    if breakdown.stages:
        top = breakdown.stages[0]
        yield (
            f"{top.name} holds the most of a typical turn: {ms_figure(top.typical_ns)} "
            f"of {ms_figure(breakdown.typical_end_to_end_ns)} ({share_figure(top.typical_share)})."
        )
    if breakdown.stages and breakdown.turn_count > 1:
        slowest = max(breakdown.stages, key=lambda stage: stage.slow_ns)
        yield (
            f"{slowest.name} holds the most of the {'slowest' if breakdown.slow_count == 1 else 'slow'} "
            f"{'turn' if breakdown.slow_count == 1 else 'turns'}: {ms_figure(slowest.slow_ns)} "
            f"of {ms_figure(breakdown.slow_end_to_end_ns)} ({share_figure(slowest.slow_share)})."
        )
    yield (
        f"Unexplained rest between stages: p50 {ms_figure(breakdown.rest_p50_ns)}, "
        f"max {ms_figure(breakdown.rest_max_ns)}."
    )
    yield _groups_line(breakdown)


def _groups_line(breakdown: Breakdown) -> str:
    if breakdown.turn_count == 1:
        return "There was one turn, which is the typical and the slow one."
    slow = "the slowest one" if breakdown.slow_count == 1 else f"the slowest {breakdown.slow_count}"
    return (
        f"Typical: {breakdown.typical_count} of {breakdown.turn_count} turns, around the median; "
        f"slow: {slow}. Means over the same turns, so that each column adds up."
    )


def _turn_rows(session: Session) -> Iterator[TurnRow]:
    total = session.turn_count
    for outcome in dict.fromkeys((*_COUNTED_OUTCOMES, *session.outcomes)):
        count = session.outcomes.get(outcome, 0)
        share = share_figure(count / total) if total else ABSENT
        yield TurnRow(outcome=outcome, turns=str(count), share=share)


def _turn_line(count: int) -> str:
    return f"{counted(count, 'turn')} in all." if count else "There was no turn in this run."


def _setup(session: Session) -> Iterator[tuple[str, str]]:
    yield "Display", session.facts.get(DISPLAY_FACT, "not recorded")
    for name, fact in session.facts.items():
        if name != DISPLAY_FACT:
            yield name[:1].upper() + name[1:], fact


def _telemetry_lines(session: Session) -> Iterator[str]:
    count = len(session.series)
    yield f"{count} series {'was' if count == 1 else 'were'} recorded (one for each operation and outcome)."
    lost = [f"{kind}: {number}" for kind, number in session.losses.items() if number]
    yield f"Lost by telemetry: {', '.join(lost)}." if lost else "Nothing was lost by telemetry."
