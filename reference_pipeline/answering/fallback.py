"""An answer whatever fails: a note as a draft at once, then the first model that speaks, else the note.

What of the providers' streams is shown, and how a dying one ends, is decided here; who is asked when, in
`provider_race`. Knows only ports: neither Ollama nor where notes come from.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Protocol

import latency_kit
from latency_kit.units import NS_PER_S
from reference_pipeline.answering.early_answer import BegunEarly, HeadStarts
from reference_pipeline.answering.ending_in_time import ending_in_time
from reference_pipeline.answering.guarded_answerer import GuardedAnswerer
from reference_pipeline.answering.provider_race import ProviderRace
from reference_pipeline.answering.pumped_answer import PumpedAnswer
from reference_pipeline.answering.reply import CUT_MARK
from reference_pipeline.events import AnswerChunk, Provider, Question
from reference_pipeline.ports import Answerer, AnswererError
from reference_pipeline.settings import AnswerTimes
from reference_pipeline.shedding import Step, is_shed

__all__ = ["STILL_ASKING", "DraftingAnswerer", "FallbackAnswerer"]

STILL_ASKING = "My notes hold nothing about this; still waiting for a model."
"""What is shown as a draft where there is no note and the models are late."""

PATIENCE_NS = 1_200_000_000
"""How long the notes wait for the models where no deadline says it."""

_LAST_MOMENT_NS = 150_000_000
"""Before the deadline: what the notes need to say that they hold nothing."""

_TAKE_OVER_NS = NS_PER_S
"""What must be left so that another model is asked to take over from one that died."""


class DraftingAnswerer(Answerer, Protocol):
    """One that is always there and can say at once what it would answer."""

    def draft(self, question: Question) -> AnswerChunk | None:
        """Return its answer as a draft; None where it knows none."""
        ...


class FallbackAnswerer:
    """Answers with models where they speak in time, else with the notes.

    - The best note is shown as a draft at once; the first model's text replaces it (`restart`).
    - Models are asked in order, the next one beside a silent one; `provider_race` says when. Where none has
      spoken when the time for the first text is over, the note is the answer. Where no note fits, a draft
      says that by then, and the models have until the deadline.
    - One that fails before its first text leaves no trace but a notice.
    - One that dies half-way is followed by the next model while there is time for it, else by the note that
      fits, with `restart` set; else its half is marked as `cut`. A half is never passed off as whole.
    - Each answer ends in time: with a sentence, marked as shortened where more was to come, or marked as cut
      at the deadline, which counts as a failure of its provider.
    - The chunks name the provider that spoke; its first one says why those before it did not.

    Args:
        models: In order of preference.
        notes: The last resort.
        times: By when an answer is to be what.
    """

    def __init__(
        self,
        models: Sequence[GuardedAnswerer],
        notes: DraftingAnswerer,
        *,
        times: AnswerTimes | None = None,
    ) -> None:
        self._models = tuple(models)
        self._notes = notes
        self._times = times or AnswerTimes()
        self._head_starts = HeadStarts(self._times.deadline_ns)

    @property
    def models(self) -> tuple[GuardedAnswerer, ...]:
        """The models in order of preference, with their breakers."""
        return self._models

    @property
    def provider(self) -> Provider:
        """The preferred one that would be asked now; chunks name who really spoke."""
        return next((model.provider for model in self._models if model.admits), self._notes.provider)

    async def available(self) -> bool:
        """Ask all models whether they are there, and let those warm up that are; return True."""
        await asyncio.gather(*(model.available() for model in self._models))
        return True

    def begin_early(self, question: Question) -> BegunEarly | None:
        """Send the request to the preferred model before the question is certain; None without a model."""
        model = next((model for model in self._models if model.admits), None)
        if model is None:
            return None
        return BegunEarly(model, question, adopt=self._adopt, deadline_ns=self._head_starts.deadline_ns)

    def answer(self, question: Question) -> AsyncIterator[AnswerChunk]:
        """Stream the answer."""
        return self._answer(question, None)

    async def close(self) -> None:
        """Close all answerers, also when closing one of them fails."""
        async with contextlib.AsyncExitStack() as stack:
            for answerer in (*self._models, self._notes):
                stack.push_async_callback(answerer.close)

    def _adopt(self, question: Question, begun: PumpedAnswer) -> AsyncIterator[AnswerChunk]:
        self._head_starts.adopted(begun.begun_ns)
        return self._answer(question, begun)

    async def _answer(
        self, question: Question, head_start: PumpedAnswer | None
    ) -> AsyncGenerator[AnswerChunk, None]:
        models = () if is_shed(Step.MODEL) else self._models
        race = ProviderRace(models, self._notes, question, head_start=head_start)
        draft = self._notes.draft(question) if race.has_models else None
        showing = _Showing(race, has_note=draft is not None)
        try:
            if draft is not None:
                yield showing.put(draft)
            while True:
                async with contextlib.aclosing(self._first_to_speak(race, showing)) as found:
                    async for placeholder in found:
                        yield showing.put(placeholder)
                speaking = showing.winner()
                try:
                    async for chunk in self._in_time(speaking):
                        if chunk.cut:
                            speaking.overdue()
                        yield showing.put(chunk)
                except AnswererError as error:
                    await race.broke_off(speaking, error)
                    if self._goes_on(race, showing):
                        continue
                    yield showing.cut()
                else:
                    speaking.keep()
                break
        finally:
            await race.end()
        if models:
            yield showing.ending()

    async def _first_to_speak(
        self, race: ProviderRace, showing: "_Showing"
    ) -> AsyncGenerator[AnswerChunk, None]:
        """Find who speaks; where that takes long and nothing is shown, yield a draft that says so."""
        notes_after_ns = self._notes_after_ns(showing)
        is_waiting = race.has_models and notes_after_ns > 0
        finding = asyncio.create_task(race.first_to_speak(notes_after_ns))
        try:
            if is_waiting and not showing.has_text:
                say_so_s = max(0, _left_ns(self._times.first_text_ns, self._times)) / NS_PER_S
                await asyncio.wait({finding}, timeout=say_so_s)
                if not finding.done():
                    yield AnswerChunk(
                        text=STILL_ASKING, provider=self._notes.provider, source="", last=False, draft=True
                    )
            showing.speaking = await finding
        finally:
            finding.cancel()

    def _notes_after_ns(self, showing: "_Showing") -> int:
        """How long the notes wait for the models."""
        deadline = latency_kit.current_deadline()
        if deadline is None:
            return PATIENCE_NS
        if showing.has_answer:
            return deadline.remaining_ns() - _TAKE_OVER_NS
        if showing.has_note:
            return _left_ns(self._times.first_text_ns, self._times)
        return deadline.remaining_ns() - _LAST_MOMENT_NS

    def _in_time(self, speaking: PumpedAnswer) -> AsyncIterator[AnswerChunk]:
        if speaking.answerer is self._notes:
            return aiter(speaking)
        return ending_in_time(aiter(speaking), ending_ns=self._times.deadline_ns - self._times.ending_ns)

    @staticmethod
    def _goes_on(race: ProviderRace, showing: "_Showing") -> bool:
        """Whether somebody else gives a whole answer: a model while there is time, or a note that fits."""
        deadline = latency_kit.current_deadline()
        has_time = deadline is None or deadline.remaining_ns() > _TAKE_OVER_NS
        return showing.has_note or (race.has_models and has_time)


class _Showing:
    """What has been shown of an answer, and what its next piece must therefore say."""

    def __init__(self, race: ProviderRace, *, has_note: bool) -> None:
        self._race = race
        self.has_note = has_note
        self.has_text = False
        self.has_answer = False
        self.speaking: PumpedAnswer | None = None
        self._void = False
        self._told = 0
        self._latest: AnswerChunk | None = None

    def winner(self) -> PumpedAnswer:
        """Return who speaks next; what is shown by now is void."""
        assert self.speaking is not None  # noqa: S101  # the search has ended
        self._void = self.has_text
        return self.speaking

    def put(self, chunk: AnswerChunk) -> AnswerChunk:
        """Return the piece as it is to be shown."""
        notice = ""
        if not chunk.draft and chunk.text:
            notice = "; ".join(self._race.reasons[self._told :])
            self._told = len(self._race.reasons)
        void, self._void = self._void and bool(chunk.text), self._void and not chunk.text
        self.has_text = self.has_text or bool(chunk.text)
        self.has_answer = self.has_answer or (bool(chunk.text) and not chunk.draft)
        self._latest = chunk
        cost = self._race.cost if chunk.last else None
        return dataclasses.replace(chunk, restart=void, notice=notice, cost=cost)

    def cut(self) -> AnswerChunk:
        """Return the last piece of an answer that nobody finishes."""
        return self.put(dataclasses.replace(self._bare(), text=CUT_MARK, last=True, cut=True))

    def ending(self) -> AnswerChunk:
        """Return what follows the answer: its whole cost."""
        return dataclasses.replace(self._bare(), cost=self._race.cost)

    def _bare(self) -> AnswerChunk:
        assert self._latest is not None  # noqa: S101  # something was shown
        return AnswerChunk(text="", provider=self._latest.provider, source=self._latest.source, last=False)


def _left_ns(until_ns: int, times: AnswerTimes) -> int:
    """Return how long it is until `until_ns` after T0, of which `times.deadline_ns` is the deadline."""
    deadline = latency_kit.current_deadline()
    if deadline is None:
        return PATIENCE_NS
    return deadline.remaining_ns() - (times.deadline_ns - until_ns)
