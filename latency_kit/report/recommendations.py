"""What to do about a run, each piece of advice with the figure that it comes from.

Pure. A rule that finds nothing says nothing; each threshold stands as a constant with its reason.
"""

from collections.abc import Iterator, Sequence
from statistics import median_low

from latency_kit.budget import BudgetEvaluation, FailureRule, Verdict
from latency_kit.budget.rules import ms_text
from latency_kit.report.bottlenecks import Breakdown, break_down
from latency_kit.report.causes import cacheless, kept_loops, long_queue_waits, long_waits_of_turns
from latency_kit.report.culprit import slow_percentile
from latency_kit.report.recommendation import Recommendation
from latency_kit.report.stage_words import is_wait_words, worded
from latency_kit.report.wording import counted, ms_figure, share_figure
from latency_kit.session import Session, TurnAccount
from latency_kit.units import NS_PER_MS

__all__ = ["Recommendation", "observed_within_max_ns", "recommend"]

DOMINANT_SHARE = 0.5
"""A stage with more than this share outweighs all others together."""

COLD_FACTOR = 2
"""A first call below twice the later median is within what scheduling alone does."""

COLD_MIN_LATER_TURNS = 3
"""The fewest later turns whose median is not simply one of the extremes."""

COLD_MIN_SHARE = 0.05
"""A cold call that costs less than this share of the median turn is not worth a warm-up."""

SPREAD_FACTOR = 5
"""p99 over p50: an exponential distribution, as of queues under load, has 6.6; steady work has below 2."""

SPREAD_MIN_CALLS = 100
"""The fewest calls of which p99 is not simply the longest."""

SPREAD_MIN_SHARE = 0.01
"""A spread smaller than this share of the median turn cannot be noticed."""

SPREAD_MIN_NS = NS_PER_MS
"""The same where there are no turns."""

REST_SHARE = 0.02
REST_NS = 20 * NS_PER_MS
"""A turn whose unexplained rest exceeds both is not accounted for."""

_LOST_TURNS = {
    "dropped": "work comes in faster than it is done; bound the input, add workers or shorten a stage",
    "failed": "look at the errors in the traces of these turns",
    "timed out": "look at the traces of these turns for the stage in which the time ran out",
}


def recommend(session: Session) -> tuple[Recommendation, ...]:
    """Return what `session` calls for, the most pressing first; empty where nothing does."""
    accounts = worded(session.accounts)
    breakdown = break_down(accounts, percentile=slow_percentile(session)) if accounts else None
    found = [*_breached(session), *_lost_turns(session), *_lost_telemetry(session)]
    if breakdown is not None:
        found.extend(long_waits_of_turns(breakdown))
        found.extend(_dominant_stage(breakdown))
        found.extend(_cold_stages(accounts))
        found.extend(_unexplained(accounts))
    found.extend(long_queue_waits(session, known=[one.about for one in found]))
    found.extend(kept_loops(session))
    found.extend(cacheless(session))
    found.extend(_spreads(session))
    found.extend(_without_data(session.evaluations))
    return tuple(found)


def observed_within_max_ns(session: Session, evaluation: BudgetEvaluation) -> int:
    """Return what was observed at the budget's percentile, at most the longest call.

    A histogram answers with the upper end of a bucket, which may lie just above the longest call in it.

    Raises:
        NoDataError: Nothing was observed.
    """
    observed_ns = evaluation.observed_ns
    if evaluation.failed_count and evaluation.budget.failures is FailureRule.BY_DURATION:
        return observed_ns
    return min(observed_ns, session.durations(evaluation.budget.measures).max_ns)


def _breached(session: Session) -> Iterator[Recommendation]:
    for evaluation in session.evaluations:
        if evaluation.verdict is not Verdict.BREACHED:
            continue
        budget = evaluation.budget
        over = f"{evaluation.over_limit_count} of {counted(evaluation.count, 'call')} over it"
        if evaluation.is_observed:
            observed_ns = observed_within_max_ns(session, evaluation)
            excess_ns = max(0, observed_ns - budget.limit_ns)
            figure = (
                f"p{budget.percentile:g} is {ms_figure(observed_ns)}, {ms_figure(excess_ns)} "
                f"({share_figure(excess_ns / budget.limit_ns)}) over the limit of "
                f"{ms_text(budget.limit_ns)}, {over}"
            )
            advice = f"shorten {budget.measures}, or divide the budget anew"
        else:
            figure = (
                f"p{budget.percentile:g} falls among the {evaluation.failed_count} calls that failed, {over}"
            )
            advice = f"make {budget.measures} fail less before making it faster"
        yield Recommendation(
            about=evaluation.name, finding=f"Budget {evaluation.name} is breached; {figure}", advice=advice
        )


def _lost_turns(session: Session) -> Iterator[Recommendation]:
    for outcome, advice in _LOST_TURNS.items():
        count = session.outcomes.get(outcome, 0)
        if count:
            verb = "was" if count == 1 and outcome == "dropped" else "were" if outcome == "dropped" else ""
            said = " ".join(word for word in (verb, outcome) if word)
            finding = f"{count} of {counted(session.turn_count, 'turn')} {said}"
            yield Recommendation(about=outcome, finding=finding, advice=advice)


def _lost_telemetry(session: Session) -> Iterator[Recommendation]:
    for kind, count in session.losses.items():
        if count:
            yield Recommendation(
                about=kind,
                finding=f"Telemetry lost {count} ({kind})",
                advice="it is missing from traces, files or figures; the log has the first cause",
            )


def _dominant_stage(breakdown: Breakdown) -> Iterator[Recommendation]:
    for stage in breakdown.stages:
        # A wait has advice of its own: there is nothing in it to make faster.
        if stage.typical_share > DOMINANT_SHARE and not is_wait_words(stage.name):
            yield Recommendation(
                about=stage.name,
                finding=(
                    f"{stage.name} holds {share_figure(stage.typical_share)} of a typical turn "
                    f"({ms_figure(stage.typical_ns)} of {ms_figure(breakdown.typical_end_to_end_ns)})"
                ),
                advice="begin there; everything else together holds less",
            )


def _cold_stages(accounts: Sequence[TurnAccount]) -> Iterator[Recommendation]:
    first, *later = accounts
    if len(later) < COLD_MIN_LATER_TURNS:
        return
    material_ns = COLD_MIN_SHARE * median_low(one.end_to_end_ns for one in later)
    for name, first_ns in first.stages_ns.items():
        later_ns = [one.stages_ns[name] for one in later if one.stages_ns.get(name)]
        if len(later_ns) < COLD_MIN_LATER_TURNS or first_ns <= max(later_ns):
            continue
        usual_ns = median_low(later_ns)
        if first_ns >= COLD_FACTOR * usual_ns and first_ns - usual_ns >= material_ns:
            yield Recommendation(
                about=name,
                finding=(
                    f"{name} took {ms_figure(first_ns)} in the first turn, "
                    f"{ms_figure(usual_ns)} in the median of the {len(later_ns)} later ones"
                ),
                advice="warm it up before the first turn",
            )


def _unexplained(accounts: Sequence[TurnAccount]) -> Iterator[Recommendation]:
    over = [one for one in accounts if one.rest_ns > max(REST_NS, REST_SHARE * one.end_to_end_ns)]
    if over:
        worst = max(over, key=lambda one: one.rest_ns)
        yield Recommendation(
            about="unexplained rest",
            finding=(
                f"{len(over)} of {counted(len(accounts), 'turn')} spent more than {ms_text(REST_NS)} and "
                f"{share_figure(REST_SHARE)} outside all stages, at most {ms_figure(worst.rest_ns)} "
                f"of {ms_figure(worst.end_to_end_ns)}"
            ),
            advice="measure what runs between the stages",
        )


def _spreads(session: Session) -> Iterator[Recommendation]:
    material_ns: float = SPREAD_MIN_NS
    if session.accounts:
        material_ns = SPREAD_MIN_SHARE * median_low(one.end_to_end_ns for one in session.accounts)
    for name in session.series_names:
        calls = session.durations(name)
        if calls.count < SPREAD_MIN_CALLS or not calls.has_value_at(99):
            continue
        p50_ns, p99_ns = calls.value_at_percentile(50), calls.value_at_percentile(99)
        if p99_ns < SPREAD_FACTOR * p50_ns or p99_ns - p50_ns < material_ns:
            continue
        times = f"{p99_ns / p50_ns:.0f} times " if p50_ns else "against "
        trace = f", such as trace {calls.exemplars[0].trace_id:032x}" if calls.exemplars else ""
        yield Recommendation(
            about=name,
            finding=(
                f"{name} is uneven: p99 is {ms_figure(p99_ns)}, {times}the p50 of {ms_figure(p50_ns)}, "
                f"over {counted(calls.count, 'call')}"
            ),
            advice=f"look for what its slow calls wait for{trace}",
        )


def _without_data(evaluations: Sequence[BudgetEvaluation]) -> Iterator[Recommendation]:
    unjudged = [one for one in evaluations if one.verdict is Verdict.NO_DATA]
    too_few = [one for one in unjudged if one.count]
    if too_few:
        counts = ", ".join(f"{one.name} {one.count} of {one.budget.min_samples}" for one in too_few)
        yield Recommendation(
            about=Verdict.NO_DATA.value,
            finding=f"{_budgets_have(too_few)} NO_DATA for want of calls ({counts})",
            advice="run longer",
        )
    never_called = [one for one in unjudged if not one.count and not one.placed.optional]
    if never_called:
        names = ", ".join(one.name for one in never_called)
        yield Recommendation(
            about=Verdict.NO_DATA.value,
            finding=f"{_budgets_have(never_called)} NO_DATA with 0 calls ({names})",
            advice="nothing to do for stages that are not in use; the others are not measured",
        )


def _budgets_have(evaluations: Sequence[BudgetEvaluation]) -> str:
    return counted(len(evaluations), "budget has", "budgets have")
