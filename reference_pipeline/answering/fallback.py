"""Asking the providers in order of preference, the next one beside a slow one, until one answers in full.

Knows only the port: neither Ollama nor notes.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable, Sequence

import latency_kit
from latency_kit.units import NS_PER_S
from reference_pipeline.answering.pumped_answer import PumpedAnswer
from reference_pipeline.events import AnswerChunk, Provider, Question
from reference_pipeline.ports import Answerer, AnswererError

__all__ = ["DEFAULT_PATIENCE_S", "FallbackAnswerer"]

DEFAULT_PATIENCE_S = 1.2
"""How long a provider may be silent before the next is asked beside it: the median first token of a cloud
model is about half of it, and a question whose provider is down still has its first text within 1.5 s."""


class FallbackAnswerer:
    """Asks its answerers in order of preference.

    - One that fails before its first text is followed by the next, and nothing of it is seen.
    - One that is silent for `patience_s`, or until the turn's deadline, gets the next one beside it; the
      first to speak wins, and the others are given up.
    - One that fails half-way is followed by the next, whose first chunk has `restart` set: what was shown is
      void. A cut answer never ends with `last`.
    - Whether one is available is asked again only after `recheck_s`; one that failed is left out that long.
    - The chunks name the provider that spoke; its first one says why those before it did not.
    """

    def __init__(
        self,
        answerers: Sequence[Answerer],
        *,
        patience_s: float = DEFAULT_PATIENCE_S,
        recheck_s: float = 5.0,
        now_ns: Callable[[], int] = latency_kit.now_ns,
    ) -> None:
        """Put answerers in order, the preferred one first.

        Raises:
            AnswererError: There is none.
        """
        if not answerers:
            raise AnswererError("no answerer given; expected at least the notes")
        self._answerers = tuple(answerers)
        self._patience_s = patience_s
        self._recheck_ns = round(recheck_s * NS_PER_S)
        self._now_ns = now_ns
        self._known: dict[int, tuple[bool, int]] = {}

    @property
    def provider(self) -> Provider:
        """The preferred one that is available as far as is known; chunks name who really spoke."""
        for answerer in self._answerers:
            if self._known.get(id(answerer), (True, 0))[0]:
                return answerer.provider
        return self._answerers[-1].provider

    async def available(self) -> bool:
        """Whether anyone is; asks all of them whose state is not known, and so warms the knowledge up."""
        return any([await self._is_available(answerer) for answerer in self._answerers])

    async def answer(self, question: Question) -> AsyncIterator[AnswerChunk]:
        """Stream the answer of the first provider that speaks and comes to its end.

        Raises:
            AnswererError: While iterating: none did; the message holds each one's reason.
        """
        race = _Race(self, question)
        shown = False
        try:
            while (speaking := await race.first_to_speak()) is not None:
                void, notice = shown, "; ".join(race.failures)
                try:
                    async for chunk in speaking:
                        yield dataclasses.replace(chunk, restart=void, notice=notice)
                        void, notice = False, ""
                        shown = True
                except AnswererError as error:
                    await race.failed(speaking, error)
                else:
                    return
            raise AnswererError("nobody answered: " + "; ".join(race.reasons))
        finally:
            await race.end()

    async def close(self) -> None:
        """Close all answerers, also when closing one of them fails."""
        async with contextlib.AsyncExitStack() as stack:
            for answerer in self._answerers:
                stack.push_async_callback(answerer.close)

    async def _is_available(self, answerer: Answerer) -> bool:
        known, until_ns = self._known.get(id(answerer), (False, 0))
        if id(answerer) in self._known and self._now_ns() < until_ns:
            return known
        return self._remember(answerer, available=await answerer.available())

    def _remember(self, answerer: Answerer, *, available: bool) -> bool:
        self._known[id(answerer)] = (available, self._now_ns() + self._recheck_ns)
        return available


class _Race:
    """One question's way through the providers: who was asked, who runs, who failed and why."""

    def __init__(self, of: FallbackAnswerer, question: Question) -> None:
        self._of = of
        self._question = question
        self._waiting = list(of._answerers)  # noqa: SLF001  # the race is part of its answerer
        self._running: list[PumpedAnswer] = []
        self.reasons: list[str] = []
        self.failures: list[str] = []

    async def first_to_speak(self) -> PumpedAnswer | None:
        """Return who speaks first among those asked, asking one more each time patience runs out."""
        while True:
            if not self._running and not await self._ask_next():
                return None
            patience_s = self._patience_s() if self._waiting else None
            await asyncio.wait(
                [running.first for running in self._running],
                timeout=patience_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            decided = [running for running in self._running if running.first.done()]
            for running in decided:
                if running.first.result():
                    await self._give_up_all_but(running)
                    return running
                await self.failed(running, await running.reason())
            if not decided:
                await self._ask_next()

    def _patience_s(self) -> float:
        deadline = latency_kit.current_deadline()
        patience_s: float = self._of._patience_s  # noqa: SLF001  # as above
        return patience_s if deadline is None else min(patience_s, latency_kit.remaining_ns() / NS_PER_S)

    async def failed(self, running: PumpedAnswer, error: AnswererError) -> None:
        """Leave the provider out for a while, and take its reason down."""
        self.reasons.append(str(error))
        self.failures.append(str(error))
        self._running.remove(running)
        self._of._remember(running.answerer, available=False)  # noqa: SLF001  # as above
        await running.give_up()

    async def end(self) -> None:
        """Give up whoever still runs."""
        await self._give_up_all_but(None)

    async def _give_up_all_but(self, winner: PumpedAnswer | None) -> None:
        for running in self._running:
            if running is not winner:
                if winner is not None:
                    self.failures.append(f"{running.answerer.provider} was silent for too long")
                await running.give_up()
        self._running = [] if winner is None else [winner]

    async def _ask_next(self) -> bool:
        while self._waiting:
            answerer = self._waiting.pop(0)
            if await self._of._is_available(answerer):  # noqa: SLF001  # as above
                self._running.append(PumpedAnswer(answerer, self._question))
                return True
            self.reasons.append(f"{answerer.provider} is not available")
        return False
