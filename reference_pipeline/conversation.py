"""The event loop's side of a session: final transcripts come in, painted answers go out.

What a stage does lives behind the ports; here is only the way of a turn through them: bounded, in order
where order matters (hearing), beside each other where it does not (answering).
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import latency_kit
from latency_kit.budget import LatencyBudget
from latency_kit.units import ns_to_ms
from reference_pipeline.decision import Decider
from reference_pipeline.events import DisplayMessage, DisplayReceipt, MessageKind, Question, TurnStatus
from reference_pipeline.ports import Answerer, Display, PipelineError, TermExplainer, TranscriberError
from reference_pipeline.settings import ConversationSettings
from reference_pipeline.transcription.worker import FinalState, FinalTranscript
from reference_pipeline.turn import MonitoringPoint, Turn, TurnRecord

__all__ = ["Conversation", "Stages", "TurnBudgets"]

_SHOW_GRACE_S = 2.0
"""How long messages that nobody waits for may still be under way when a session ends."""

_UNHEARD = {
    FinalState.CANCELLED: (TurnStatus.CANCELLED, "the session ended before it was transcribed"),
    FinalState.DROPPED: (TurnStatus.DROPPED, "transcription could not keep up; the sound was lost"),
}

_NOTHING_UNDERSTOOD = (TurnStatus.NO_SPEECH, "nothing was understood")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """What a conversation works with."""

    decider: Decider
    answerer: Answerer
    explainer: TermExplainer
    display: Display


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnBudgets:
    """The budgets that a turn carries along while it runs.

    Attributes:
        end_to_end: Its deadline, from the last voiced sample on.
        terms: Of the explanation of terms, which is left out when it no longer fits.
    """

    end_to_end: LatencyBudget
    terms: LatencyBudget


class Conversation:
    """Takes a session's transcripts, decides, answers and shows. Used on the event loop's thread only.

    * Every transcript becomes exactly one `TurnRecord`, given to `on_turn`, whatever happens to it.
    * At most `settings.answers_at_once` answers run; at most `settings.answers_waiting` wait, and a
      question beyond them ends as DROPPED.
    * Nothing that a stage raises ends the conversation; it ends the turn as FAILED.
    """

    def __init__(
        self,
        stages: Stages,
        *,
        settings: ConversationSettings,
        budgets: TurnBudgets,
        on_turn: Callable[[TurnRecord], None],
    ) -> None:
        self._stages = stages
        self._settings = settings
        self._budgets = budgets
        self._on_turn = on_turn
        self._answering = asyncio.Semaphore(settings.answers_at_once)
        self._waiting = 0
        self._turns: set[asyncio.Task[None]] = set()
        self._shows: set[asyncio.Task[DisplayReceipt | None]] = set()

    def heard_interim(self, text: str) -> None:
        """Show text that may still change."""
        self._show_soon(DisplayMessage(kind=MessageKind.INTERIM, turn=0, text=text, data={}, traceparent=""))

    def heard_provisional(self, key: int, text: str) -> None:
        """Take what utterance `key` says so far, if it ends here: its request may begin before it is certain.

        To be called with text that is likely to stand: decoded in the pause that must be waited for anyway,
        or a prefix that changes no more. What does not come true is given up, and its cost counted.

        Args:
            key: The number that the utterance will have when it ends.
            text: All of its text so far.
        """

    def forget_provisional(self, key: int) -> None:
        """Give up what was begun for utterance `key`: it was no utterance after all."""

    def heard(self, turn: Turn, final: FinalTranscript) -> None:
        """Take the final transcript of an utterance; its turn goes on in a task of its own."""
        turn.said.text = final.text
        task = asyncio.create_task(self._run(turn, final), name=f"turn-{turn.number}")
        self._turns.add(task)
        task.add_done_callback(self._turns.discard)

    async def finish(self, timeout_s: float) -> None:
        """Wait until all turns have ended; those still running after `timeout_s` seconds are cancelled."""
        await _end(self._turns, timeout_s)
        await _end(self._shows, _SHOW_GRACE_S)

    async def _run(self, turn: Turn, final: FinalTranscript) -> None:
        limit_s = self._settings.turn_limit_ns / 1e9
        try:
            async with asyncio.timeout(limit_s):
                with turn.deadline(self._budgets.end_to_end):
                    record = await self._go(turn, final)
        except TimeoutError as error:
            record = turn.finish(TurnStatus.TIMED_OUT, detail=f"not done after {limit_s:g} s", error=error)
        except asyncio.CancelledError as error:
            record = turn.finish(TurnStatus.CANCELLED, detail="the session ended first", error=error)
        except Exception as error:  # noqa: BLE001  # a turn that fails must not take the session with it
            record = turn.finish(TurnStatus.FAILED, detail=str(error) or type(error).__name__, error=error)
        self._on_turn(record)
        self._show_soon(self._message(turn, MessageKind.TURN, record.text, self._timing(record), last=True))

    async def _go(self, turn: Turn, final: FinalTranscript) -> TurnRecord:
        _account_for_transcription(turn, final)
        if final.error is not None:
            raise TranscriberError(f"transcription failed: {final.error}") from final.error
        unheard = _UNHEARD.get(final.state) or (None if turn.said.text else _NOTHING_UNDERSTOOD)
        if unheard is not None:
            return turn.finish(unheard[0], detail=unheard[1])
        decision = self._stages.decider.decide(turn)
        turn.said.questions = tuple(question.text for question in decision.questions)
        if not decision.questions:
            return await self._show_statement(turn)
        turn.passed(MonitoringPoint.QUESTION_DETECTED)
        self._show_soon(
            self._message(turn, MessageKind.TRANSCRIPT, turn.said.text, {"question": True}, last=True)
        )
        if not decision.new:
            return turn.finish(TurnStatus.DUPLICATE, detail="asked and answered before")
        if self._waiting >= self._settings.answers_waiting:
            return turn.finish(TurnStatus.DROPPED, detail="too many questions wait for an answer already")
        return await self._answer_all(turn, decision.new)

    async def _show_statement(self, turn: Turn) -> TurnRecord:
        receipt = await self._show(
            turn, self._message(turn, MessageKind.TRANSCRIPT, turn.said.text, {"question": False}, last=True)
        )
        return turn.finish(TurnStatus.NO_QUESTION, at_ns=receipt.painted_ns)

    async def _answer_all(self, turn: Turn, questions: Sequence[Question]) -> TurnRecord:
        queued_ns = latency_kit.now_ns()
        self._waiting += 1
        try:
            await self._answering.acquire()
        finally:
            self._waiting -= 1
        try:
            turn.stage_was("answering", "queue_wait", queued_ns, latency_kit.now_ns())
            painted_ns = [await self._answer(turn, question) for question in questions]
        finally:
            self._answering.release()
        turn.passed(MonitoringPoint.DISPLAYED, painted_ns[-1])
        return turn.finish(TurnStatus.ANSWERED, at_ns=painted_ns[-1], detail=turn.said.notice)

    async def _answer(self, turn: Turn, question: Question) -> int:
        """Answer one question, showing each piece as it comes; return when the last one was painted."""
        said = turn.said
        asked: dict[str, object] = {"kind": question.kind}
        self._show_soon(self._message(turn, MessageKind.QUESTION, question.text, asked, last=True))
        if said.answer:
            said.answer += "\n\n"
        before = said.answer
        last: DisplayMessage | None = None
        with turn.stage("answering", "answer"):
            turn.passed(MonitoringPoint.REQUEST_SENT)
            self._explain_soon(turn, question)
            async for chunk in self._stages.answerer.answer(question):
                if chunk.text:
                    turn.passed(MonitoringPoint.FIRST_TOKEN)
                said.answer = (before if chunk.restart else said.answer) + chunk.text
                said.answered_by, said.answer_source = chunk.provider.value, chunk.source
                said.notice = chunk.notice or said.notice
                data: dict[str, object] = {
                    "provider": chunk.provider.value,
                    "source": chunk.source,
                    "restart": chunk.restart,
                    "notice": chunk.notice,
                    "question": question.text,
                }
                # The first piece and the last are what a trace must show; the others would bury it.
                traced = last is None or chunk.last
                last = self._message(
                    turn, MessageKind.ANSWER, chunk.text, data, last=chunk.last, traced=traced
                )
                if not chunk.last:
                    self._show_soon(last)
            turn.passed(MonitoringPoint.RESPONSE_RECEIVED)
        if last is None:
            raise PipelineError("the answer ended before it began; no provider gave any text")
        return (await self._show(turn, last)).painted_ns

    def _explain_soon(self, turn: Turn, question: Question) -> None:
        with latency_kit.use_context(turn.context):
            if not latency_kit.allow(self._budgets.terms):
                return  # what is left of the turn belongs to the answer

        async def explain() -> DisplayReceipt | None:
            with latency_kit.use_context(turn.context):
                terms = await asyncio.to_thread(self._stages.explainer.explain, question)
            if not terms:
                return None
            listed = [{"term": term.term, "explanation": term.explanation} for term in terms]
            data: dict[str, object] = {"terms": listed}
            return await self._stages.display.show(
                self._message(turn, MessageKind.TERMS, question.text, data, last=True)
            )

        self._keep(asyncio.create_task(explain(), name=f"terms-{turn.number}"))

    async def _show(self, turn: Turn, message: DisplayMessage) -> DisplayReceipt:
        # As a task, like all others: they begin in the order in which they were made, and so are shown.
        receipt = await asyncio.create_task(self._stages.display.show(message))
        turn.said.display = receipt.display
        turn.noted("display.show", receipt.sent_ns, receipt.painted_ns)
        return receipt

    def _show_soon(self, message: DisplayMessage) -> None:
        self._keep(asyncio.create_task(self._show_or_forget(message)))

    async def _show_or_forget(self, message: DisplayMessage) -> DisplayReceipt | None:
        try:
            return await self._stages.display.show(message)
        except PipelineError:
            return None  # the display is gone; the turn's own messages tell of it

    def _keep(self, task: "asyncio.Task[DisplayReceipt | None]") -> None:
        self._shows.add(task)
        task.add_done_callback(self._shows.discard)

    def _message(
        self,
        turn: Turn,
        kind: MessageKind,
        text: str,
        data: dict[str, object],
        *,
        last: bool = False,
        traced: bool = True,
    ) -> DisplayMessage:
        return DisplayMessage(
            kind=kind,
            turn=turn.number,
            text=text,
            data=data,
            traceparent=turn.traceparent,
            last=last,
            traced=traced,
        )

    def _timing(self, record: TurnRecord) -> dict[str, object]:
        data: dict[str, object] = {
            "question": " / ".join(record.questions),
            "status": record.status.value,
            "answered_by": record.answered_by,
            "budget_ms": self._budgets.end_to_end.limit_ms,
            "stages_ms": _labelled(record.account.stages_ns),
            "rest_ms": ns_to_ms(record.account.rest_ns),
            "trace_id": record.trace_id,
        }
        if record.asks:
            data["end_to_end_ms"] = ns_to_ms(record.account.end_to_end_ns)
        return data


def _labelled(stages_ns: Mapping[str, int]) -> dict[str, float]:
    """Return milliseconds by the operation's name, with its component where two stages share the name."""
    counted = Counter(name.partition(".")[2] for name in stages_ns)
    labels = {name: name.partition(".")[2] for name in stages_ns}
    return {
        label if counted[label] == 1 else name.replace(".", " "): ns_to_ms(stages_ns[name])
        for name, label in labels.items()
    }


def _account_for_transcription(turn: Turn, final: FinalTranscript) -> None:
    now_ns = latency_kit.now_ns()
    turn.stage_was("transcription", "queue_wait", turn.utterance.decided_ns, final.started_ns)
    turn.stage_was("transcription", "finalise", final.started_ns, final.finished_ns)
    turn.stage_was("turn", "hand_over", final.finished_ns, now_ns)
    turn.passed(MonitoringPoint.TRANSCRIPTION_COMPLETE, final.finished_ns)
    latency_kit.record(
        "turn",
        "capture_to_transcription",
        start_ns=turn.utterance.end_ns,
        end_ns=final.finished_ns,
        context=turn.context,
        span=False,
    )


async def _end(
    tasks: "set[asyncio.Task[None]] | set[asyncio.Task[DisplayReceipt | None]]", timeout_s: float
) -> None:
    pending: set[asyncio.Task[object]] = set(tasks)
    if not pending:
        return
    _, late = await asyncio.wait(pending, timeout=timeout_s)
    for task in late:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
