"""Answering one question of a turn: from the answer's stream to its messages, points and cost.

Who answers, and from what, is the answerer's business; which questions are answered, the conversation's.
"""

import asyncio
import contextlib
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


_AHEAD = 256
"""Pieces that an answer may be ahead of the display; a model's answer has some hundred."""


@dataclass(frozen=True, slots=True)
class _Ended:
    failure: Exception | None


class TurnAnswer:
    """One question's answer on its way to the display.

    * It is made from `begin` on, in a task of its own, however late it is its turn to be shown.
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
    ) -> None:
        self.question = question
        self._turn = turn
        self._stages = stages
        self._showing = showing
        self._times = times
        self._early: EarlyAnswer | None = None
        self._is_early = False
        self._explains = False
        self._before = ""
        self._pieces: asyncio.Queue[AnswerChunk | _Ended] = asyncio.Queue(_AHEAD)
        self._making: asyncio.Task[None] | None = None
        self._first_paints: list[asyncio.Task[None]] = []
        self._explaining: asyncio.Task[None] | None = None
        self._explained: set[str] = set()
        self._cost: AnswerCost | None = None
        self._is_whole = False

    @property
    def is_whole(self) -> bool:
        """Whether all of it was shown, not cut, and it is from a note or a model."""
        return self._is_whole

    def begin(self, early: EarlyAnswer | None = None) -> None:
        """Begin to make the answer, from the request that runs already where there is an `early` one."""
        self._turn.passed(MonitoringPoint.REQUEST_SENT)
        self._early, self._is_early = early, early is not None
        self._explains = not is_shed(Step.TERMS)
        self._making = asyncio.create_task(self._make(), name=f"answer-{self._turn.number}")

    async def answered(self) -> int:
        """Show what `begin` began; return when the last piece was painted.

        Raises:
            AnswererError: Nobody answered.
            PipelineError: The answer ended before it began, or the display is gone.
        """
        turn, said = self._turn, self._turn.said
        self._showing.show_soon(question_message(turn, self.question))
        if self._explains:
            self._explaining = self._showing.keep(self._explain())
        last = await self._show_until_last()
        turn.passed(MonitoringPoint.RESPONSE_RECEIVED)
        said.answers += 1
        said.cached += last.cached
        said.cut = said.cut or last.cut
        said.shortened = said.shortened or last.shortened
        message = answer_message(turn, self.question, last, speculative=self._is_early, traced=True)
        receipt = await self._showing.show(message)
        said.display = receipt.display
        turn.noted("display.show", receipt.sent_ns, receipt.painted_ns)
        self._painted(last, receipt)
        await asyncio.gather(*self._first_paints)
        self._is_whole = bool(last.source) and not last.cut
        return receipt.painted_ns

    async def ended(self, limit_ns: int) -> None:
        """Take what follows the answer, terms and cost, for `limit_ns` at most, and close its stream."""
        try:
            async with asyncio.timeout(limit_ns / NS_PER_S):
                if self._explaining is not None:
                    await asyncio.wait({self._explaining})  # what is known already is not told twice
                while not isinstance(piece := await self._pieces.get(), _Ended):
                    self._take_rest(piece)
        except TimeoutError:
            pass
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the stream, whatever it still has to say; idempotent."""
        making, self._making = self._making, None
        if making is not None:
            making.cancel()
            await asyncio.wait({making})
        early, self._early = self._early, None
        if early is not None:  # cancelled before it could be adopted
            await early.give_up()
            self._turn.said.cost += early.cost
        if self._cost is not None:
            self._turn.said.cost += self._cost
            self._cost = None

    async def _make(self) -> None:
        """Take the pieces from the answerer as they come; what it raises is the last of them."""
        failure: Exception | None = None
        try:
            await self._take_all()
        except Exception as error:  # noqa: BLE001  # raised by who shows it
            failure = error
        await self._pieces.put(_Ended(failure))

    async def _take_all(self) -> None:
        turn = self._turn
        with contextlib.ExitStack() as until_last:
            span = until_last.enter_context(turn.stage("answering", "answer"))
            until_last.enter_context(
                latency_kit.deadline(
                    self._times.deadline_ns / NS_PER_MS, start_ns=turn.utterance.end_ns, name="answer"
                )
            )
            early, self._early = self._early, None
            stream = early.adopt(span) if early else self._stages.answerer.answer(self.question)
            try:
                async for chunk in stream:
                    self._cost = chunk.cost or self._cost
                    if chunk.last:
                        until_last.close()
                    await self._pieces.put(chunk)
            finally:
                close = getattr(stream, "aclose", None)
                if close is not None:
                    await close()

    async def _show_until_last(self) -> AnswerChunk:
        """Show the pieces as they come; return the last one, which is the caller's to show."""
        said = self._turn.said
        said.answer = self._before = f"{said.answer}\n\n" if said.answer else ""
        is_first = True
        while not isinstance(piece := await self._pieces.get(), _Ended):
            said.answer = (self._before if piece.restart else said.answer) + piece.text
            said.answered_by, said.answer_source = piece.provider.value, piece.source
            said.notice = piece.notice or said.notice
            said.drafted = said.drafted or piece.draft
            self._note_points(piece)
            if piece.last:
                return piece
            self._show_piece(piece, traced=is_first or piece.restart)
            is_first = False
        if piece.failure is not None:
            raise piece.failure
        raise PipelineError("the answer ended before it began; no provider gave any text")

    def _show_piece(self, chunk: AnswerChunk, *, traced: bool) -> None:
        # The first piece, the first after a draft and the last are what a trace must show; the others
        # would bury it.
        message = answer_message(self._turn, self.question, chunk, speculative=self._is_early, traced=traced)
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
        terms = [term for term in chunk.terms if term.term.casefold() not in self._explained]
        if not terms:
            return
        self._explained |= {term.term.casefold() for term in terms}
        self._stages.explainer.learn(terms)
        self._showing.show_soon(terms_message(self._turn, self.question, terms))

    async def _explain(self) -> None:
        """Explain what is known of the question's terms, beside its answer."""
        with latency_kit.use_context(self._turn.context):
            terms = await asyncio.to_thread(self._stages.explainer.explain, self.question)
        if terms:
            self._explained |= {term.term.casefold() for term in terms}
            with contextlib.suppress(PipelineError):
                await self._stages.display.show(terms_message(self._turn, self.question, terms))
