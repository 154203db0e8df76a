"""One question's way through the providers: who is asked when, who speaks first, who failed and why.

Who is asked beside whom is decided here; what of it is shown, in `fallback`.
"""

import asyncio
from collections.abc import Sequence
from functools import partial

import latency_kit
from latency_kit.units import NS_PER_MS, NS_PER_S
from reference_pipeline.answering.guarded_answerer import GuardedAnswerer
from reference_pipeline.answering.pumped_answer import PumpedAnswer
from reference_pipeline.events import AnswerCost, Question
from reference_pipeline.ports import Answerer, AnswererError

__all__ = ["ProviderRace"]

_NO_LIMIT = latency_kit.HedgeLimit(share=1.0)
"""Each question may be hedged: an outage makes all of them slow, and who is asked beside is another machine
or the notes. What keeps an overloaded provider from being asked is its breaker."""


class ProviderRace:
    """Asks the models in order, each beside the silent one before it, and the notes when time is short.

    * A model that fails is followed by the next at once; one that is silent for its `first_token_s` gets the
      next one beside it. The first to speak wins, and the others are given up.
    * Nobody is asked twice.
    * After `end` nothing runs.

    Args:
        models: In order of preference.
        notes: Speak when asked, always.
        question: What is asked.
        head_start: A request that runs already.
    """

    def __init__(
        self,
        models: Sequence[GuardedAnswerer],
        notes: Answerer,
        question: Question,
        *,
        head_start: PumpedAnswer | None = None,
    ) -> None:
        self._waiting = [model for model in models if head_start is None or model is not head_start.answerer]
        self._head_start = head_start
        self._notes = notes
        self._question = question
        self._asked: list[PumpedAnswer] = [] if head_start is None else [head_start]
        self.reasons: list[str] = []

    @property
    def has_models(self) -> bool:
        """Whether a model is left that would be asked."""
        return self._head_start is not None or any(model.admits for model in self._waiting)

    @property
    def cost(self) -> AnswerCost:
        """What all that were asked have cost so far."""
        return sum((asked.cost for asked in self._asked), AnswerCost())

    async def first_to_speak(self, notes_after_ns: int) -> PumpedAnswer:
        """Return who speaks first; the notes speak after `notes_after_ns`, or when no model is left."""
        if not self.has_models or notes_after_ns <= 0:
            return self._won(await self._ask(self._notes))
        try:
            winner = await latency_kit.hedge(
                "answering",
                "first_text",
                self._first_model,
                partial(self._ask, self._notes),
                after_ms=notes_after_ns / NS_PER_MS,
                limit=_NO_LIMIT,
            )
        except AnswererError:
            winner = await self._ask(self._notes)
        return self._won(winner)

    async def broke_off(self, speaking: PumpedAnswer, error: AnswererError) -> None:
        """Take down that a winner failed in mid-answer."""
        self.reasons.append(error.told)
        await speaking.give_up()

    async def end(self) -> None:
        """Give up whoever still runs."""
        for asked in self._asked:
            asked.leave()
        for asked in self._asked:
            await asked.give_up()

    async def _first_model(self) -> PumpedAnswer:
        """Return the first model to speak.

        Raises:
            AnswererError: None did.
        """
        while (model := self._next()) is not None:
            ask = partial(self._ask, model)
            if not any(other.admits for other in self._waiting):
                return await ask()
            try:
                return await latency_kit.hedge(
                    "answering",
                    "first_token",
                    ask,
                    self._first_model,
                    after_ms=_patience_ms(model),
                    limit=_NO_LIMIT,
                )
            except AnswererError:
                continue
        raise AnswererError("no model gave an answer", told="; ".join(self.reasons))

    def _next(self) -> GuardedAnswerer | PumpedAnswer | None:
        head_start, self._head_start = self._head_start, None
        if head_start is not None:
            return head_start
        while self._waiting:
            model = self._waiting.pop(0)
            if model.admits:
                return model
        return None

    async def _ask(self, whom: Answerer | PumpedAnswer) -> PumpedAnswer:
        if isinstance(whom, PumpedAnswer):
            asked = whom
        else:
            asked = PumpedAnswer(whom, self._question)
            self._asked.append(asked)
        try:
            await asked.spoken()
        except AnswererError as error:
            self.reasons.append(error.told)
            raise
        except asyncio.CancelledError:
            asked.leave()
            raise
        return asked

    def _won(self, winner: PumpedAnswer) -> PumpedAnswer:
        for asked in self._asked:
            if asked is not winner and asked.leave() and asked.answerer is not self._notes:
                self.reasons.append(f"{asked.provider} was silent for too long")
        return winner


def _patience_ms(model: GuardedAnswerer | PumpedAnswer) -> float:
    guarded = model.answerer if isinstance(model, PumpedAnswer) else model
    patience_s = guarded.first_token_s if isinstance(guarded, GuardedAnswerer) else 0.0
    if isinstance(model, PumpedAnswer):
        patience_s = max(0.0, patience_s - (latency_kit.now_ns() - model.begun_ns) / NS_PER_S)
    return patience_s * 1000
