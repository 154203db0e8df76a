"""Requests that begin before the question is certain: which utterance has which, and what becomes of them.

What a request is, the answerer knows; which text asks something, the decider.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from reference_pipeline.events import AnswerCost, Question
from reference_pipeline.ports import EarlyAnswer, EarlyAsker

__all__ = ["SpeculationOutcome", "Speculations"]

MOST_UTTERANCES = 4
"""Utterances whose requests may be under way: one is spoken, and the finals of those before it are due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeculationOutcome:
    """What became of an utterance's early requests.

    Attributes:
        started: How many began for it.
        adopted: How many of them became its answer.
        cost: Of those that nobody wanted: its own, and those of utterances before it that came to nothing.
    """

    started: int = 0
    adopted: int = 0
    cost: AnswerCost = field(default_factory=AnswerCost)


@dataclass(slots=True)
class _Utterance:
    begun: dict[str, EarlyAnswer] = field(default_factory=dict)
    given_up: list[EarlyAnswer] = field(default_factory=list)
    started: int = 0
    adopted: int = 0


class Speculations:
    """The early requests of one conversation. Used on the event loop's thread only.

    * At most `most` begin for an utterance, whatever is heard.
    * One is adopted where the final question is the same after normalising; all others are given up, and
      their cost is counted.
    * What was begun for an utterance that comes to nothing is counted with the next one that ends, or is
      left in `unclaimed_cost`: no cost is lost.
    * When the text changes, those for questions that it no longer asks are given up at once.

    Args:
        asker: Begins requests; None begins none.
        most: For one utterance.
    """

    def __init__(self, asker: EarlyAsker | None, *, most: int) -> None:
        self._asker = asker
        self._most = most
        self._utterances: dict[int, _Utterance] = {}
        self._ending: set[asyncio.Task[Any]] = set()
        self._unclaimed_cost = AnswerCost()

    @property
    def unclaimed_cost(self) -> AnswerCost:
        """Of requests for what came to nothing, as far as no utterance has ended since."""
        return self._unclaimed_cost

    def heard(self, key: int, questions: Sequence[Question]) -> None:
        """Take the questions that utterance `key` asks as far as it is known."""
        if self._asker is None or not self._most:
            return
        utterance = self._utterances.get(key)
        if utterance is None:
            if not questions:
                return
            self._forget_oldest()
            utterance = self._utterances[key] = _Utterance()
        self._keep(utterance, questions)
        for question in questions:
            if question.normalised in utterance.begun or utterance.started >= self._most:
                continue
            early = self._asker.begin_early(question)
            if early is not None:
                utterance.begun[question.normalised] = early
                utterance.started += 1

    def decided(self, key: int, questions: Sequence[Question]) -> None:
        """The utterance is over and asks `questions`: give up what is for others."""
        utterance = self._utterances.get(key)
        if utterance is not None:
            self._keep(utterance, questions)

    def take(self, key: int, question: Question) -> EarlyAnswer | None:
        """Return the request that runs for `question`, to be adopted; None where there is none."""
        utterance = self._utterances.get(key)
        early = None if utterance is None else utterance.begun.pop(question.normalised, None)
        if utterance is not None and early is not None:
            utterance.adopted += 1
        return early

    def end(self, key: int) -> SpeculationOutcome:
        """Give up what nobody took of utterance `key`, and tell what became of all."""
        utterance = self._utterances.get(key, _Utterance())
        self.forget(key)
        cost, self._unclaimed_cost = self._unclaimed_cost, AnswerCost()
        return SpeculationOutcome(started=utterance.started, adopted=utterance.adopted, cost=cost)

    def forget(self, key: int) -> None:
        """Give up all that was begun for `key`, which turned out to be no utterance."""
        utterance = self._utterances.pop(key, None)
        if utterance is not None:
            self._keep(utterance, ())
            self._unclaimed_cost += sum((early.cost for early in utterance.given_up), AnswerCost())

    async def close(self) -> None:
        """Give up everything."""
        for key in list(self._utterances):
            self.forget(key)
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _forget_oldest(self) -> None:
        if len(self._utterances) >= MOST_UTTERANCES:
            self.forget(next(iter(self._utterances)))

    def _keep(self, utterance: _Utterance, questions: Sequence[Question]) -> None:
        asked = {question.normalised for question in questions}
        for normalised in [known for known in utterance.begun if known not in asked]:
            early = utterance.begun.pop(normalised)
            early.leave()
            utterance.given_up.append(early)
            task = asyncio.create_task(early.give_up())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
