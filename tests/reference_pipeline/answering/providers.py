"""Providers that do as they are told, for the tests of how they are asked."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from reference_pipeline.answering.guarded_answerer import GuardedAnswerer, TooSlowError
from reference_pipeline.events import AnswerChunk, Provider, Question
from reference_pipeline.ports import AnswererError


@dataclass
class Scripted:
    """A provider that says `texts` and then ends, fails with `failure`, or says no more (`stalls`).

    Before its first text it waits for `released`, where that is given.
    """

    provider: Provider
    texts: Sequence[str] = ("one ", "two")
    failure: str | None = None
    ends: bool = True
    stalls: bool = False
    there: bool = True
    slow: bool = False
    released: asyncio.Event | None = None
    probe_failure: str | None = None
    asked: int = 0
    probes: int = 0
    running: int = 0
    most_running: int = 0
    closed: bool = False
    left: bool = field(default=False)

    async def available(self) -> bool:
        return self.there

    async def probe(self, *, patient: bool) -> None:
        self.probes += 1
        if self.probe_failure is not None:
            raise AnswererError(self.probe_failure)

    async def answer(self, question: Question) -> AsyncIterator[AnswerChunk]:
        self.asked += 1
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        try:
            if self.released is not None:
                await self.released.wait()
            for index, text in enumerate(self.texts):
                last = self.ends and not self.stalls and self.failure is None and index == len(self.texts) - 1
                yield AnswerChunk(text=text, provider=self.provider, source="s", last=last, tokens=1)
            if self.stalls:
                await asyncio.Event().wait()
            if self.failure is not None:
                raise (TooSlowError if self.slow else AnswererError)(self.failure)
        finally:
            self.left = True
            self.running -= 1

    async def close(self) -> None:
        self.closed = True


@dataclass
class Notes:
    """Notes that hold `note`, or nothing."""

    note: str | None = "a note"
    asked: int = 0
    closed: bool = False
    provider: Provider = Provider.NOTES

    async def available(self) -> bool:
        return True

    def draft(self, question: Question) -> AnswerChunk | None:
        if self.note is None:
            return None
        return AnswerChunk(text=self.note, provider=self.provider, source="n", last=False, draft=True)

    async def answer(self, question: Question) -> AsyncIterator[AnswerChunk]:
        self.asked += 1
        yield AnswerChunk(text=self.note or "nothing", provider=self.provider, source="n", last=True)

    async def close(self) -> None:
        self.closed = True


def cloud(**options: Any) -> Scripted:
    return Scripted(Provider.OLLAMA_CLOUD, **options)


def local(**options: Any) -> Scripted:
    return Scripted(Provider.OLLAMA_LOCAL, **options)


def guarded(*answerers: Scripted, first_token_s: float = 10.0) -> list[GuardedAnswerer]:
    return [GuardedAnswerer(answerer, first_token_s=first_token_s) for answerer in answerers]
