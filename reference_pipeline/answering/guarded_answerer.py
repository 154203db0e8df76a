"""One provider behind a semaphore and a circuit breaker, and the probe that finds its recovery.

Knows the port and `probe` only; what a probe is, the adapter knows.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Protocol

import latency_kit
from latency_kit.units import NS_PER_S
from reference_pipeline.answering.circuit_breaker import BreakerState, CircuitBreaker, Permit
from reference_pipeline.events import AnswerChunk, Provider, Question
from reference_pipeline.ports import Answerer, AnswererError

__all__ = ["GuardedAnswerer", "ProbedAnswerer", "TooSlowError"]

DEFAULT_AT_ONCE = 4
DEFAULT_FIRST_TOKEN_S = 1.0


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
      text after more than `first_token_s` it counts as too slow, left while it speaks as good.
    * While the breaker is open a task in the background probes, and no question waits for it.
    * After `close` nothing of it runs.

    Args:
        answerer: The provider.
        breaker: Its circuit breaker.
        at_once: How many answers may run at a time.
        first_token_s: How long it may be silent, in seconds.
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

    async def answer(self, question: Question) -> AsyncIterator[AnswerChunk]:
        """Stream the provider's answer.

        Raises:
            AnswererError: While iterating: it failed, or is left out because it failed before.
        """
        permit = self.breaker.enter()
        if permit is None:
            raise AnswererError(f"{self.provider} is left out: {self.breaker.reason}")
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

    async def close(self) -> None:
        """End the probe and close the answerer; idempotent."""
        background, self._background = self._background, {}
        for task in background.values():
            task.cancel()
        await asyncio.gather(*background.values(), return_exceptions=True)
        await self._answerer.close()

    async def _judged(
        self, question: Question, permit: Permit, asked_ns: int
    ) -> AsyncGenerator[AnswerChunk, None]:
        """Pass the pieces on, and give the breaker a verdict where there is one."""
        has_text = False
        chunks = self._answerer.answer(question)
        try:
            async for chunk in chunks:
                has_text = has_text or bool(chunk.text)
                if chunk.last:
                    permit.succeeded()
                yield chunk
        except AnswererError as error:
            permit.failed(str(error), definite=not isinstance(error, TooSlowError))
            raise
        except (asyncio.CancelledError, GeneratorExit):
            silent_s = (self._now_ns() - asked_ns) / NS_PER_S
            if has_text:
                permit.succeeded()  # it spoke at its pace until nobody wanted more
            elif silent_s >= self.first_token_s:
                permit.failed(f"{self.provider} gave no text within {silent_s:.1f} s", definite=False)
            raise
        finally:
            close = getattr(chunks, "aclose", None)
            if close is not None:
                await close()

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
            self.breaker.open(str(error))
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
                self.breaker.probed(good=False, reason=str(error))
                self._in_background("warm up", self._warm_up)
            except Exception as error:  # noqa: BLE001  # whatever it is, the next probe may be good
                self.breaker.probed(good=False, reason=str(error) or type(error).__name__)
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
