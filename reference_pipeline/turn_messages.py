"""The messages of a turn: what of a question, an answer or a finished turn goes into a message's data.

`message_data` says what the keys mean. Nothing is shown here.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from latency_kit.budget import LatencyBudget
from latency_kit.units import ns_to_ms
from reference_pipeline.events import (
    AnswerChunk,
    AnswerCost,
    DisplayMessage,
    MessageKind,
    Question,
    TermExplanation,
)
from reference_pipeline.message_data import (
    AnswerData,
    BudgetVerdictData,
    CostData,
    InterimData,
    SpeculationData,
    TermsData,
    TurnData,
)
from reference_pipeline.turn import AnsweringRecord, MonitoringPoint, Turn, TurnRecord

__all__ = [
    "answer_message",
    "cost_data",
    "interim_message",
    "question_message",
    "speculation_data",
    "terms_message",
    "transcript_message",
    "turn_message",
]


def interim_message(text: str, *, stable: int) -> DisplayMessage:
    """Return the message of what is heard while somebody speaks; `stable` characters will not change."""
    data: InterimData = {"stable": stable}
    return DisplayMessage(kind=MessageKind.INTERIM, turn=0, text=text, data=dict(data), traceparent="")


def transcript_message(turn: Turn, *, question: bool) -> DisplayMessage:
    """Return the message of what was heard."""
    return _message(turn, MessageKind.TRANSCRIPT, turn.said.text, {"question": question}, last=True)


def question_message(turn: Turn, question: Question) -> DisplayMessage:
    """Return the message that heads an answer."""
    return _message(turn, MessageKind.QUESTION, question.text, {"kind": question.kind}, last=True)


def answer_message(
    turn: Turn, question: Question, chunk: AnswerChunk, *, speculative: bool, traced: bool
) -> DisplayMessage:
    """Return the message of a piece of an answer."""
    data: AnswerData = {
        "question": question.text,
        "provider": chunk.provider.value,
        "source": chunk.source,
        "restart": chunk.restart,
        "notice": chunk.notice,
        "draft": chunk.draft,
        "cached": chunk.cached,
        "speculative": speculative,
    }
    if chunk.last:
        data["cut"] = chunk.cut
        data["shortened"] = chunk.shortened
        if chunk.cost is not None:
            data["cost"] = cost_data(chunk.cost)
        first_ns = turn.point_ns(MonitoringPoint.FIRST_MODEL_TOKEN)
        if first_ns is not None:
            data["first_model_token_ms"] = ns_to_ms(first_ns)
    return _message(turn, MessageKind.ANSWER, chunk.text, data, last=chunk.last, traced=traced)


def terms_message(turn: Turn, question: Question, terms: Iterable[TermExplanation]) -> DisplayMessage:
    """Return the message that explains terms."""
    data: TermsData = {
        "terms": [
            {"term": term.term, "explanation": term.explanation, "origin": term.origin} for term in terms
        ]
    }
    return _message(turn, MessageKind.TERMS, question.text, data, last=True)


def turn_message(
    turn: Turn, record: TurnRecord, *, limit_ms: float, judged: Sequence[LatencyBudget]
) -> DisplayMessage:
    """Return the message that ends a turn: its times against its budgets, its cost, what was left out."""
    answering = record.answering
    data: TurnData = {
        "question": " / ".join(record.questions),
        "status": record.status.value,
        "detail": record.detail,
        "answered_by": record.answered_by,
        "budget_ms": limit_ms,
        "stages_ms": _labelled(record.account.stages_ns),
        "rest_ms": ns_to_ms(record.account.rest_ns),
        "trace_id": record.trace_id,
        "cached": answering.cached,
        "cut": answering.cut,
        "shortened": answering.shortened,
        "shed": list(answering.shed),
    }
    if record.asks:
        data["end_to_end_ms"] = ns_to_ms(record.account.end_to_end_ns)
        data["budgets"] = _verdicts(turn, record, judged)
    if answering.speculations_started:
        data["speculation"] = speculation_data(answering)
    if answering.cost.requests:
        data["cost"] = cost_data(answering.cost)
    points = record.points_ns
    if (first := points.get(MonitoringPoint.FIRST_TEXT_PAINTED)) is not None:
        data["first_text_ms"] = ns_to_ms(first)
    if (first := points.get(MonitoringPoint.FIRST_ANSWER_PAINTED)) is not None:
        data["first_answer_ms"] = ns_to_ms(first)
    if (first := points.get(MonitoringPoint.FIRST_MODEL_TOKEN)) is not None:
        data["first_model_token_ms"] = ns_to_ms(first)
    return _message(turn, MessageKind.TURN, record.text, data, last=True)


def speculation_data(answering: AnsweringRecord) -> SpeculationData:
    """Return what became of the requests that began before the question was certain."""
    return {"started": answering.speculations_started, "adopted": answering.speculations_adopted}


def cost_data(cost: AnswerCost) -> CostData:
    """Return a cost as the page takes it."""
    data: CostData = {
        "requests": cost.requests,
        "wasted_requests": cost.wasted_requests,
        "answer_tokens": cost.answer_tokens,
        "wasted_tokens": cost.wasted_tokens,
        "busy_ms": ns_to_ms(cost.busy_ns),
    }
    if cost.prompt_tokens:
        data["prompt_tokens"] = cost.prompt_tokens
    return data


def _message(
    turn: Turn,
    kind: MessageKind,
    text: str,
    data: Mapping[str, object],
    *,
    last: bool = False,
    traced: bool = True,
) -> DisplayMessage:
    return DisplayMessage(
        kind=kind,
        turn=turn.number,
        text=text,
        data=dict(data),
        traceparent=turn.traceparent,
        last=last,
        traced=traced,
    )


def _verdicts(turn: Turn, record: TurnRecord, judged: Sequence[LatencyBudget]) -> list[BudgetVerdictData]:
    observed_ns = turn.observed_ns() | {"turn.end_to_end": record.account.end_to_end_ns}
    return [
        {
            "name": budget.name,
            "measured": budget.measures,
            "limit_ms": budget.limit_ms,
            "observed_ms": ns_to_ms(observed_ns[budget.measures]),
            "met": observed_ns[budget.measures] <= budget.limit_ns,
        }
        for budget in judged
        if budget.measures in observed_ns
    ]


def _labelled(stages_ns: Mapping[str, int]) -> dict[str, float]:
    """Return milliseconds by the operation's name, with its component where two stages share the name."""
    counted = Counter(name.partition(".")[2] for name in stages_ns)
    labels = {name: name.partition(".")[2] for name in stages_ns}
    return {
        label if counted[label] == 1 else name.replace(".", " "): ns_to_ms(stages_ns[name])
        for name, label in labels.items()
    }
