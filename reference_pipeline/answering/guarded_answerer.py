"""One provider behind a semaphore and a circuit breaker, and the probe that finds its recovery.

Knows the port and `probe` only; what a probe is, the adapter knows.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from typing import Any, Protocol

import latency_kit
from latency_kit.units import NS_PER_S
from reference_pipeline.answering.circuit_breaker import BreakerState, CircuitBreaker, Permit
from reference_pipeline.answering.token_budget import LEAST_TOKENS_PER_S
from reference_pipeline.events import AnswerChunk, Provider, Question
from reference_pipeline.ports import Answerer, AnswererError

__all__ = ["GuardedAnswer", "GuardedAnswerer", "ProbedAnswerer", "TooSlowError"]

DEFAULT_AT_ONCE = 4
DEFAULT_FIRST_TOKEN_S = 1.0

_JUDGED_S = 1.0
"""How long a stream must have spoken so that its pace is judged when it is left."""


class TooSlowError(AnswererError):
    """A provider was too slow: no first token, a stall, a trickle, or no end within its bound."""


class ProbedAnswerer(Answerer, Protocol):
    """An answerer that can be asked whether it works, without a question."""

    async def probe(self, *, patient: bool) -> None:
        """Have a tiny answer made, which also loads and fills what is cold.

        Args:
            patient: Whether to wait for a model to be loaded, which takes a minute where it is large.

        Raises:
            TooSlowError: It does not come in time.
            AnswererError: It does not come through.
        """
        ...


class GuardedAnswerer:
    """Asks its answerer while that works, and finds out when it works again.

    * At most `at_once` answers of it run; further ones wait for their turn.
    * A failure counts for the breaker; one that says no by itself (no timeout) opens it at once. Left without
      text after more than `first_token_s` it counts as too slow; so it does when it is left while it speaks
      below `least_tokens_per_s`, and when its answer had to be cut (`GuardedAnswer.overdue`). Left while it
      speaks faster it counts as good.
    * While the breaker is open a task in the background probes, and no question waits for it.
    * After `close` nothing of it runs.

    Args:
        answerer: The provider.
        breaker: Its circuit breaker.
        at_once: How many answers may run at a time.
        first_token_s: How long it may be silent, in seconds.
        least_tokens_per_s: The lowest rate at which it is of use.
        sleep: Waits for some seconds.
        now_ns: Monotonic nanoseconds; the breaker's clock.
    """

    def __init__(
        self,
        answerer: ProbedAnswerer,
        *,
        breaker: CircuitBreaker | None = None,
        at_once: int = DEFAULT_AT_ONCE,
        first_token_s: float = DEFAULT_FIRST_TOKEN_S,
        least_tokens_per_s: float = LEAST_TOKENS_PER_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now_ns: Callable[[], int] = latency_kit.now_ns,
    ) -> None:
        self._answerer = answerer
        self._sleep = sleep
        self._now_ns = now_ns
        self._slots = asyncio.Semaphore(at_once)
        self._background: dict[str, asyncio.Task[None]] = {}
        self.breaker = breaker or CircuitBreaker(now_ns=now_ns)
        self.first_token_s = first_token_s
        self._least_tokens_per_s = least_tokens_per_s

    @property
    def provider(self) -> Provider:
        """Who this is."""
        return self._answerer.provider

    @property
    def admits(self) -> bool:
        """Whether a question would be asked now."""
        return self.breaker.admits

    async def available(self) -> bool:
        """Ask the provider once whether it is there; where it is, it warms up in the background."""
        if await self._answerer.available():
            if self.breaker.state is BreakerState.CLOSED:
                self._in_background("warm up", self._warm_up)
        else:
            self.breaker.open(f"{self.provider} is not available")
            self._probe_soon()
        return self.admits

    def answer(self, question: Question) -> "GuardedAnswer":
        """Stream the provider's answer.

        Raises:
            AnswererError: While iterating: it failed, or is left out because it failed before.
        """
        return GuardedAnswer(lambda answer: self._stream(question, answer))

    async def close(self) -> None:
        """End the probe and close the answerer; idempotent."""
        background, self._background = self._background, {}
        for task in background.values():
            task.cancel()
        await asyncio.gather(*background.values(), return_exceptions=True)
        await self._answerer.close()

    async def _stream(self, question: Question, answer: "GuardedAnswer") -> AsyncGenerator[AnswerChunk, None]:
        permit = answer.permit = self.breaker.enter()
        if permit is None:
            left_out = f"{self.provider} is left out"
            raise AnswererError(left_out, told=f"{left_out}: {self.breaker.reason}")
        queued_ns = self._now_ns()
        try:
            async with self._slots:
                asked_ns = self._now_ns()
                latency_kit.record(
                    "answering", "provider_queue_wait", start_ns=queued_ns, end_ns=asked_ns, span=False
                )
                async with contextlib.aclosing(self._judged(question, permit, asked_ns)) as chunks:
                    async for chunk in chunks:
                        yield chunk
        finally:
            permit.leave()
            self._probe_soon()

    async def _judged(
        self, question: Question, permit: Permit, asked_ns: int
    ) -> AsyncGenerator[AnswerChunk, None]:
        """Pass the pieces on, and give the breaker a verdict where there is one."""
        first_ns: int | None = None
        tokens = 0
        chunks = self._answerer.answer(question)
        try:
            async for chunk in chunks:
                if first_ns is not None:
                    tokens += chunk.tokens
                elif chunk.text:
                    first_ns = self._now_ns()
                if chunk.last:
                    permit.succeeded()
                yield chunk
        except AnswererError as error:
            permit.failed(error.told, definite=not isinstance(error, TooSlowError))
            raise
        except (asyncio.CancelledError, GeneratorExit):
            if first_ns is None:
                self._left_silent(permit, (self._now_ns() - asked_ns) / NS_PER_S)
            else:
                self._left_speaking(permit, (self._now_ns() - first_ns) / NS_PER_S, tokens)
            raise
        finally:
            close = getattr(chunks, "aclose", None)
            if close is not None:
                await close()

    def _left_silent(self, permit: Permit, silent_s: float) -> None:
        if silent_s >= self.first_token_s:
            permit.failed(f"{self.provider} gave no text within {silent_s:.1f} s", definite=False)

    def _left_speaking(self, permit: Permit, speaking_s: float, tokens: int) -> None:
        if speaking_s >= _JUDGED_S and tokens < self._least_tokens_per_s * speaking_s:
            rate = tokens / speaking_s
            permit.failed(f"{self.provider} gave only {rate:.1f} tokens a second", definite=False)
        else:
            permit.succeeded()  # it spoke at its pace until nobody wanted more

    def _probe_soon(self) -> None:
        if self.breaker.state is BreakerState.OPEN:
            self._in_background("probe", self._probe)

    def _in_background(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        running = self._background.get(name)
        if running is None or running.done():
            # A trace of its own: nobody's turn pays for it, or is its cause.
            with latency_kit.use_context(latency_kit.new_trace()):
                self._background[name] = asyncio.create_task(work(), name=f"{name} {self.provider}")

    async def _warm_up(self) -> None:
        """Wait until the model is loaded: leaving early would have the server give the loading up."""
        try:
            with latency_kit.measure_latency("answering", "warm_up"):
                await self._answerer.probe(patient=True)
        except AnswererError as error:
            self.breaker.open(error.told)
            self._probe_soon()
        else:
            self._recovered()

    async def _probe(self) -> None:
        while self.breaker.state is BreakerState.OPEN:
            wait_ns = self.breaker.retry_at_ns - self._now_ns()
            if wait_ns > 0:
                await self._sleep(wait_ns / NS_PER_S)
                continue
            try:
                with latency_kit.measure_latency("answering", "probe"):
                    await self._answerer.probe(patient=False)
            except TooSlowError as error:
                self.breaker.probed(good=False, reason=error.told)
                self._in_background("warm up", self._warm_up)
            except AnswererError as error:
                self.breaker.probed(good=False, reason=error.told)
            except Exception as error:  # noqa: BLE001  # whatever it is, the next probe may be good
                self.breaker.probed(good=False, reason=type(error).__name__)
            else:
                self._recovered()

    def _recovered(self) -> None:
        """Let a call pass on trial, and note how long none did."""
        if self.breaker.state is not BreakerState.OPEN:
            return
        self.breaker.probed(good=True)
        latency_kit.record(
            "answering",
            "provider_outage",
            start_ns=self.breaker.opened_ns,
            end_ns=self._now_ns(),
            attributes={"provider": self.provider.value},
        )


class GuardedAnswer:
    """One answer while it streams: to be iterated and closed as a generator is.

    * What `overdue` tells of it counts, whatever becomes of the stream afterwards.
    """

    def __init__(self, begin: "Callable[[GuardedAnswer], AsyncGenerator[AnswerChunk, None]]") -> None:
        self.permit: Permit | None = None
        self._chunks = begin(self)

    def __aiter__(self) -> "GuardedAnswer":
        return self

    async def __anext__(self) -> AnswerChunk:
        return await anext(self._chunks)

    async def aclose(self) -> None:
        """End the stream."""
        await self._chunks.aclose()

    def overdue(self) -> None:
        """Count it as too slow: it spoke, and had to be cut at its deadline."""
        if self.permit is not None:
            self.permit.failed("its answer had to be cut at the deadline", definite=False)
