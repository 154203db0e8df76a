"""A request that begins before its question is certain.

It runs in a trace of its own, since no turn may want it; the turn that adopts it is linked.
"""

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import latency_kit
from latency_kit.units import NS_PER_MS
from reference_pipeline.answering.guarded_answerer import GuardedAnswerer
from reference_pipeline.answering.pumped_answer import PumpedAnswer
from reference_pipeline.events import AnswerChunk, AnswerCost, Question

if TYPE_CHECKING:
    from opentelemetry.trace import Span

__all__ = ["BegunEarly"]

Adopt = Callable[[Question, PumpedAnswer], AsyncIterator[AnswerChunk]]


class BegunEarly:
    """One speculative request: adopted once, or given up.

    * It is measured as `answering.speculation`, which ends OK where it is adopted and CANCELLED where not.
    * It has the deadline of an answer, counted from its own beginning, until it is adopted.
    * The span of the turn that adopts it and its own are linked, neither is the other's parent.
    """

    def __init__(self, model: GuardedAnswerer, question: Question, *, adopt: Adopt, deadline_ns: int) -> None:
        self.question = question
        self._adopt = adopt
        self._operation = latency_kit.begin("answering", "speculation", context=latency_kit.new_trace())
        with (
            latency_kit.use_context(self._operation.context),
            latency_kit.deadline(deadline_ns / NS_PER_MS, name="speculation"),
        ):
            self._asked = PumpedAnswer(model, question)

    @property
    def cost(self) -> AnswerCost:
        """What it has cost so far; once it is adopted the answer's cost holds it."""
        return self._asked.cost

    def adopt(self, span: "Span | None") -> AsyncIterator[AnswerChunk]:
        """Return the answer that began so, under the caller's deadline; link `span`."""
        own = self._operation.span
        if span is not None and own is not None:
            span.add_link(own.get_span_context())
            own.add_link(span.get_span_context())
        self._operation.end()
        return self._adopt(self.question, self._asked)

    def leave(self) -> None:
        """Have the request end; nobody wants it."""
        self._asked.leave()
        self._operation.set_attribute("gen_ai.usage.output_tokens", self._asked.cost.answer_tokens)
        self._operation.end(outcome=latency_kit.Outcome.CANCELLED)

    async def give_up(self) -> None:
        """End the request and wait until it has ended."""
        self.leave()
        await self._asked.give_up()
