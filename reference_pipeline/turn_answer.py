"""Answering one question of a turn: from the answer's stream to its messages, points and cost.

Who answers, and from what, is the answerer's business; which questions are answered, the conversation's.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import latency_kit
from latency_kit.units import NS_PER_MS, NS_PER_S
from reference_pipeline.decision import Decider
from reference_pipeline.events import AnswerChunk, AnswerCost, DisplayReceipt, Provider, Question
from reference_pipeline.ports import Answerer, Display, EarlyAnswer, EarlyAsker, PipelineError, TermExplainer
from reference_pipeline.settings import AnswerTimes
from reference_pipeline.shedding import Shedding, Step, is_shed
from reference_pipeline.showing import Showing
from reference_pipeline.turn import MonitoringPoint, Turn
from reference_pipeline.turn_messages import answer_message, question_message, terms_message

__all__ = ["Stages", "TurnAnswer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """What a conversation works with.

    Attributes:
        decider: Finds the questions.
        answerer: Answers them.
        explainer: Explains their terms.
        display: Shows everything.
        early: Begins requests before a question is certain; none begin without it.
        shedding: Decides what is left out; nothing is where there is none.
    """

    decider: Decider
    answerer: Answerer
    explainer: TermExplainer
    display: Display
    early: EarlyAsker | None = None
    shedding: Shedding | None = None


class TurnAnswer:
    """One question's answer on its way to the display.

    * Each piece is shown as it comes, in order; the turn's `answer` is what stands on the display.
    * `answered` returns when the answer's last piece is painted; its terms and its whole cost come after
      that, in `ended`, and hold nobody up.
    * The answer's deadline is `times.deadline_ns` after T0, within the turn's own.
    """

    def __init__(
        self,
        turn: Turn,
        question: Question,
        *,
        stages: Stages,
        showing: Showing,
        times: AnswerTimes,
        early: EarlyAnswer | None = None,
    ) -> None:
        self._turn = turn
        self._question = question
        self._stages = stages
        self._showing = showing
        self._times = times
        self._early = early
        self._before = f"{turn.said.answer}\n\n" if turn.said.answer else ""
        self._stream: AsyncIterator[AnswerChunk] | None = None
        self._first_paints: list[asyncio.Task[None]] = []
        self._explaining: asyncio.Task[None] | None = None
        self._explained: set[str] = set()
        self._cost: AnswerCost | None = None

    async def answered(self) -> int:
        """Answer and show; return when the last piece was painted.

        Raises:
            AnswererError: Nobody answered.
            PipelineError: The answer ended before it began, or the display is gone.
        """
        turn, said = self._turn, self._turn.said
        self._showing.show_soon(question_message(turn, self._question))
        with (
            turn.stage("answering", "answer") as span,
            latency_kit.deadline(
                self._times.deadline_ns / NS_PER_MS, start_ns=turn.utterance.end_ns, name="answer"
            ),
        ):
            turn.passed(MonitoringPoint.REQUEST_SENT)
            early = self._early
            self._stream = early.adopt(span) if early else self._stages.answerer.answer(self._question)
            self._explain_soon()
            last = await self._show_until_last(self._stream)
            turn.passed(MonitoringPoint.RESPONSE_RECEIVED)
        said.answers += 1
        said.cached += last.cached
        said.cut = said.cut or last.cut
        said.shortened = said.shortened or last.shortened
        message = answer_message(turn, self._question, last, speculative=self._early is not None, traced=True)
        receipt = await self._showing.show(message)
        said.display = receipt.display
        turn.noted("display.show", receipt.sent_ns, receipt.painted_ns)
        self._painted(last, receipt)
        await asyncio.gather(*self._first_paints)
        return receipt.painted_ns

    async def ended(self, limit_ns: int) -> None:
        """Take what follows the answer, terms and cost, for `limit_ns` at most, and close its stream."""
        try:
            async with asyncio.timeout(limit_ns / NS_PER_S):
                if self._explaining is not None:
                    await asyncio.wait({self._explaining})  # what is known already is not told twice
                if self._stream is not None:
                    async for chunk in self._stream:
                        self._take_rest(chunk)
        except TimeoutError:
            pass
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the stream, whatever it still has to say; idempotent."""
        stream, self._stream = self._stream, None
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
        if self._cost is not None:
            self._turn.said.cost += self._cost
            self._cost = None

    async def _show_until_last(self, stream: AsyncIterator[AnswerChunk]) -> AnswerChunk:
        """Show the pieces as they come; return the last one, which is the caller's to show."""
        said = self._turn.said
        said.answer = self._before
        is_first = True
        async for chunk in stream:
            said.answer = (self._before if chunk.restart else said.answer) + chunk.text
            said.answered_by, said.answer_source = chunk.provider.value, chunk.source
            said.notice = chunk.notice or said.notice
            said.drafted = said.drafted or chunk.draft
            self._note_points(chunk)
            self._cost = chunk.cost or self._cost
            if chunk.last:
                return chunk
            self._show_piece(chunk, traced=is_first or chunk.restart)
            is_first = False
        raise PipelineError("the answer ended before it began; no provider gave any text")

    def _show_piece(self, chunk: AnswerChunk, *, traced: bool) -> None:
        # The first piece, the first after a draft and the last are what a trace must show; the others
        # would bury it.
        message = answer_message(
            self._turn, self._question, chunk, speculative=self._early is not None, traced=traced
        )
        if not traced:
            self._showing.show_soon(message)
            return
        task = self._showing.show_soon(message, lambda receipt: self._painted(chunk, receipt))
        self._first_paints.append(task)

    def _note_points(self, chunk: AnswerChunk) -> None:
        if not chunk.text:
            return
        self._turn.passed(MonitoringPoint.FIRST_TEXT)
        if not chunk.draft:
            self._turn.passed(MonitoringPoint.FIRST_TOKEN)
            if chunk.provider is not Provider.NOTES and not chunk.cached:
                self._turn.passed(MonitoringPoint.FIRST_MODEL_TOKEN)

    def _painted(self, chunk: AnswerChunk, receipt: DisplayReceipt) -> None:
        self._turn.passed(MonitoringPoint.FIRST_TEXT_PAINTED, receipt.painted_ns)
        if not chunk.draft:
            self._turn.passed(MonitoringPoint.FIRST_ANSWER_PAINTED, receipt.painted_ns)

    def _take_rest(self, chunk: AnswerChunk) -> None:
        self._cost = chunk.cost or self._cost
        terms = [term for term in chunk.terms if term.term.casefold() not in self._explained]
        if not terms:
            return
        self._explained |= {term.term.casefold() for term in terms}
        self._stages.explainer.learn(terms)
        self._showing.show_soon(terms_message(self._turn, self._question, terms))

    def _explain_soon(self) -> None:
        """Explain what is known of the question's terms, beside its answer."""
        if not is_shed(Step.TERMS):
            self._explaining = self._showing.keep(self._explain())

    async def _explain(self) -> None:
        with latency_kit.use_context(self._turn.context):
            terms = await asyncio.to_thread(self._stages.explainer.explain, self._question)
        if terms:
            self._explained |= {term.term.casefold() for term in terms}
            with contextlib.suppress(PipelineError):
                await self._stages.display.show(terms_message(self._turn, self._question, terms))
