"""The event loop's side of a session: final transcripts come in, painted answers go out.

What a stage does lives behind the ports; here is only the way of a turn through them: bounded, in order
where order matters (hearing), beside each other where it does not (answering).
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import latency_kit
from latency_kit.budget import LatencyBudget
from reference_pipeline.awaited_rest import REST_BEGINS_WITHIN_NS, AwaitedRest
from reference_pipeline.decision import Decision
from reference_pipeline.events import AnswerCost, Question, TurnStatus
from reference_pipeline.ports import TranscriberError
from reference_pipeline.settings import AnswerTimes, ConversationSettings
from reference_pipeline.shedding import Step, shedding_steps
from reference_pipeline.showing import Showing, end_tasks
from reference_pipeline.speculation import Speculations
from reference_pipeline.transcription.worker import FinalState, FinalTranscript
from reference_pipeline.turn import MonitoringPoint, Turn, TurnRecord
from reference_pipeline.turn_answer import Stages, TurnAnswer
from reference_pipeline.turn_messages import interim_message, transcript_message, turn_message

__all__ = ["Conversation", "Stages", "TurnBudgets"]

_UNHEARD = {
    FinalState.CANCELLED: (TurnStatus.CANCELLED, "the session ended before it was transcribed"),
    FinalState.DROPPED: (TurnStatus.DROPPED, "transcription could not keep up; the sound was lost"),
}

_NOTHING_UNDERSTOOD = (TurnStatus.NO_SPEECH, "nothing was understood")


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnBudgets:
    """The budgets that a turn carries along while it runs.

    Attributes:
        end_to_end: Its deadline, from the last voiced sample on.
        answer: By when its answers are to be what.
        judged: Budgets that each turn is held against for the display; percentiles are for the report.
    """

    end_to_end: LatencyBudget
    answer: AnswerTimes = field(default_factory=AnswerTimes)
    judged: tuple[LatencyBudget, ...] = ()


class Conversation:
    """Takes a session's transcripts, decides, answers and shows. Used on the event loop's thread only.

    * Every transcript becomes exactly one `TurnRecord`, given to `on_turn`, whatever happens to it.
    * What an utterance leaves unfinished, and asks something as it is, keeps its turn open until the next one
      takes it or `AwaitedRest` waits no longer; then the turn answers it.
    * At most `settings.answers_at_once` turns are answered at a time, each all of its questions at once; at
      most `settings.answers_waiting` wait, and one beyond them ends as DROPPED.
    * A question that was not answered whole and from a source is new when it is asked again.
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
        self._showing = Showing(stages.display)
        self._speculations = Speculations(stages.early, most=settings.speculations)
        self._rest = AwaitedRest()

    @property
    def unclaimed_cost(self) -> AnswerCost:
        """Of requests that began early for what became no turn, as far as no record holds it."""
        return self._speculations.unclaimed_cost

    def speech_started(self) -> None:
        """Somebody speaks: an utterance begins that ends in `heard`, or in `speech_discarded`."""
        self._rest.utterance_began()

    def heard_interim(self, text: str, stable: int = 0) -> None:
        """Show text that may still change, unless the load forbids it.

        Args:
            text: All that is known of the utterance so far.
            stable: How many of its characters will not change any more.
        """
        if Step.INTERIM_TEXT not in self._pressed():
            self._showing.show_soon(interim_message(text, stable=stable))

    def heard_provisional(self, key: int, text: str) -> None:
        """Take what utterance `key` says so far, if it ends here: its request may begin before it is certain.

        To be called with text that is likely to stand: decoded in the pause that must be waited for anyway,
        or a prefix that changes no more. What does not come true is given up, and its cost counted.

        Args:
            key: The number that the utterance will have when it ends.
            text: All of its text so far.
        """
        self._speculate(key, lambda: self._stages.decider.foresee(text))

    def speech_discarded(self, key: int) -> None:
        """Give up what was begun for utterance `key`: it was no utterance after all."""
        self._speculations.forget(key)
        self._rest.utterance_over()

    def heard(self, turn: Turn, final: FinalTranscript) -> None:
        """Take the final transcript of an utterance; its turn goes on in a task of its own."""
        turn.said.text = final.text
        task = asyncio.create_task(self._run(turn, final), name=f"turn-{turn.number}")
        self._turns.add(task)
        task.add_done_callback(self._turns.discard)

    async def finish(self, timeout_s: float) -> None:
        """Wait until all turns have ended; those still running after `timeout_s` seconds are cancelled.

        What waits for its rest is answered as it is.
        """
        await asyncio.sleep(0)  # what was heard just now may be the rest: its turn begins first
        self._rest.end()
        await end_tasks(self._turns, timeout_s)
        await self._speculations.close()
        await self._showing.end()

    async def _run(self, turn: Turn, final: FinalTranscript) -> None:
        limit_s = self._settings.turn_limit_ns / 1e9
        try:
            async with asyncio.timeout(limit_s):
                with turn.deadline(self._budgets.end_to_end):
                    end = await self._go(turn, final)
        except TimeoutError as error:
            end = _End(TurnStatus.TIMED_OUT, detail=f"not done after {limit_s:g} s", error=error)
        except asyncio.CancelledError as error:
            end = _End(TurnStatus.CANCELLED, detail="the session ended first", error=error)
        except Exception as error:  # noqa: BLE001  # a turn that fails must not take the session with it
            end = _End(TurnStatus.FAILED, detail=str(error) or type(error).__name__, error=error)
        speculation = self._speculations.end(turn.number)
        turn.said.speculations_started = speculation.started
        turn.said.speculations_adopted = speculation.adopted
        turn.said.cost += speculation.cost
        record = turn.finish(end.status, at_ns=end.at_ns, detail=end.detail, error=end.error)
        self._on_turn(record)
        budgets = self._budgets
        self._showing.show_soon(
            turn_message(turn, record, limit_ms=budgets.end_to_end.limit_ms, judged=budgets.judged)
        )

    async def _go(self, turn: Turn, final: FinalTranscript) -> "_End":
        decision = self._decide(turn, final)
        if isinstance(decision, _End):
            return decision
        waiting_ns = latency_kit.now_ns()
        rest = self._rest_of(turn) if decision.held else None
        self._speculations.decided(turn.number, decision.new)
        if decision.held:
            self._speculate(turn.number, lambda: (*decision.new, *decision.held))
        if decision.questions:
            self._showing.show_soon(transcript_message(turn, question=True))
            end = await self._answer_new(turn, decision)
        else:
            end = await self._show_statement(turn)
        if rest is None:
            return end
        await rest
        alone_ns = latency_kit.now_ns()
        alone = self._stages.decider.decide_held(turn, at_ns=alone_ns)
        if not alone.questions:
            return end
        turn.stage_was("transcription", "wait_for_rest", waiting_ns, alone_ns)
        return await self._answer_new(turn, alone)

    def _decide(self, turn: Turn, final: FinalTranscript) -> "Decision | _End":
        try:
            _account_for_transcription(turn, final)
            if final.error is not None:
                raise TranscriberError(f"transcription failed: {final.error}") from final.error
            unheard = _UNHEARD.get(final.state) or (None if turn.said.text.strip() else _NOTHING_UNDERSTOOD)
            if unheard is not None:
                return _End(unheard[0], detail=unheard[1])
            decision = self._stages.decider.decide(turn)
            self._rest.end()
            return decision
        finally:
            self._rest.utterance_over()

    def _rest_of(self, turn: Turn) -> "asyncio.Future[None]":
        said_ns = turn.utterance.end_ns
        return self._rest.begin(
            begins_by_ns=said_ns + REST_BEGINS_WITHIN_NS,
            ends_by_ns=said_ns + self._stages.decider.join_within_ns,
        )

    def _speculate(self, key: int, asked: Callable[[], Sequence[Question]]) -> None:
        # Who answers others has nothing to give to a question that may never be asked.
        if Step.SPECULATION not in self._pressed() and not self._answering.locked():
            self._speculations.heard(key, asked())

    async def _answer_new(self, turn: Turn, decision: Decision) -> "_End":
        turn.said.questions += tuple(question.text for question in decision.questions)
        turn.passed(MonitoringPoint.QUESTION_DETECTED)
        if not decision.new:
            return _End(TurnStatus.DUPLICATE, detail="asked and answered before")
        answers = [self._answer_to(turn, question) for question in decision.new]
        try:
            if self._waiting >= self._settings.answers_waiting:
                return _End(TurnStatus.DROPPED, detail="too many questions wait for an answer already")
            return await self._answer_all(turn, answers)
        finally:
            for answer in answers:
                if not answer.is_whole:
                    self._stages.decider.unanswered(answer.question)

    async def _show_statement(self, turn: Turn) -> "_End":
        receipt = await self._showing.show(transcript_message(turn, question=False))
        turn.said.display = receipt.display
        turn.noted("display.show", receipt.sent_ns, receipt.painted_ns)
        return _End(TurnStatus.NO_QUESTION, at_ns=receipt.painted_ns)

    def _answer_to(self, turn: Turn, question: Question) -> TurnAnswer:
        return TurnAnswer(
            turn, question, stages=self._stages, showing=self._showing, times=self._budgets.answer
        )

    async def _answer_all(self, turn: Turn, answers: Sequence[TurnAnswer]) -> "_End":
        queued_ns = latency_kit.now_ns()
        self._waiting += 1
        try:
            await self._answering.acquire()
        finally:
            self._waiting -= 1
        try:
            try:
                turn.stage_was("answering", "queue_wait", queued_ns, latency_kit.now_ns())
                for answer in answers:
                    self._begin(turn, answer)
                painted_ns = await _all_shown(answers)
            finally:
                self._answering.release()
            turn.passed(MonitoringPoint.DISPLAYED, painted_ns)
            for answer in answers:
                await answer.ended(self._settings.explain_limit_ns)
        finally:
            for answer in answers:
                await answer.close()
        return _End(TurnStatus.ANSWERED, at_ns=painted_ns, detail=turn.said.notice)

    def _begin(self, turn: Turn, answer: TurnAnswer) -> None:
        shedding = self._stages.shedding
        with latency_kit.use_context(turn.context):
            steps = () if shedding is None else shedding.decide()
        turn.said.shed = tuple(dict.fromkeys((*turn.said.shed, *(step.value for step in steps))))
        with shedding_steps(steps):
            answer.begin(self._speculations.take(turn.number, answer.question))

    def _pressed(self) -> Sequence[Step]:
        return () if self._stages.shedding is None else self._stages.shedding.pressed


async def _all_shown(answers: Sequence[TurnAnswer]) -> int:
    """Show the answers one after another; return when the last one was painted.

    One that fails does not keep the others from being shown; it is told when they are.
    """
    failure: Exception | None = None
    painted_ns = 0
    for answer in answers:
        try:
            painted_ns = await answer.answered()
        except Exception as error:  # noqa: BLE001  # raised below
            failure = failure or error
    if failure is not None:
        raise failure
    return painted_ns


@dataclass(slots=True)
class _End:
    """How a turn ended, and when."""

    status: TurnStatus
    detail: str = ""
    at_ns: int | None = None
    error: BaseException | None = None


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
