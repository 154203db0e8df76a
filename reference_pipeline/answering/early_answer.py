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

__all__ = ["BegunEarly", "HeadStarts"]

Adopt = Callable[[Question, PumpedAnswer], AsyncIterator[AnswerChunk]]


_WEIGHT = 0.3
"""Of the newest adoption in the moving average."""


class HeadStarts:
    """How long an early request has, though nobody knows yet when its turn began.

    * It is what a turn's deadline left on average of those that were adopted when they began: one that begins
      in the pause after the question has less than one that begins while it is spoken.
    * It is never more than a turn has.

    Args:
        deadline_ns: Of an answer, counted from T0.
    """

    def __init__(self, deadline_ns: int) -> None:
        self._deadline_ns = deadline_ns
        self._after_ns = 0.0

    @property
    def deadline_ns(self) -> int:
        """The deadline of one that begins now."""
        return self._deadline_ns - round(max(0.0, self._after_ns))

    def adopted(self, begun_ns: int) -> None:
        """Take one that began at `begun_ns` and is adopted now, under its turn's deadline."""
        deadline = latency_kit.current_deadline()
        if deadline is not None:
            after_ns = begun_ns + self._deadline_ns - latency_kit.now_ns() - deadline.remaining_ns()
            self._after_ns += _WEIGHT * (min(after_ns, self._deadline_ns) - self._after_ns)


class BegunEarly:
    """One speculative request: adopted once, or given up.

    * It is measured as `answering.speculation`, which ends OK where it is adopted and CANCELLED where not.
    * It has the deadline that is expected of its turn (`HeadStarts`) until it is adopted.
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
