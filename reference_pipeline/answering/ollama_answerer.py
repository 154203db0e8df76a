"""Answers from Ollama, in the cloud or on this machine: native `/api/chat`, streaming.

The only module that imports `ollama` (and `httpx`, which it brings). Everything that can go wrong on the
way becomes an `AnswererError` of one line; which provider is asked next is `fallback`'s business.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Literal

import latency_kit
from latency_kit.errors import MissingExtraError
from latency_kit.units import NS_PER_S
from reference_pipeline.answering.guarded_answerer import TooSlowError
from reference_pipeline.answering.ollama_failures import nonsense, one_line, refused, unreachable
from reference_pipeline.answering.ollama_timeouts import OllamaTimeouts, StreamPace
from reference_pipeline.answering.prompt import PromptBuilder, probe_messages
from reference_pipeline.answering.reply import Reply
from reference_pipeline.answering.token_budget import (
    LEAST_TOKENS_PER_S,
    TAIL_TOKENS,
    THOUGHT_TOKENS,
    TokenBudget,
)
from reference_pipeline.events import AnswerChunk, Provider, Question
from reference_pipeline.ports import AnswererError
from reference_pipeline.shedding import Step, is_shed

try:
    import httpx
    import ollama
except ImportError as error:
    raise MissingExtraError("ollama", "assistant") from error

__all__ = [
    "CLOUD_HOST",
    "DEFAULT_CLOUD_MODEL",
    "DEFAULT_LOCAL_MODEL",
    "LOCAL_HOST",
    "OllamaAnswerer",
    "OllamaTimeouts",
]

CLOUD_HOST = "https://ollama.com"
LOCAL_HOST = "http://127.0.0.1:11434"
"""Where `ollama serve` listens unless OLLAMA_HOST says otherwise."""

DEFAULT_CLOUD_MODEL = "gpt-oss:20b"
DEFAULT_LOCAL_MODEL = "llama3.2:3b"

_OPERATIONS: Mapping[Provider, str] = {
    Provider.OLLAMA_CLOUD: "ollama_cloud",
    Provider.OLLAMA_LOCAL: "ollama_local",
}
_NAMES: Mapping[Provider, str] = {
    Provider.OLLAMA_CLOUD: "Ollama Cloud",
    Provider.OLLAMA_LOCAL: "local Ollama",
}
_NONSENSE = (ValueError, TypeError, AttributeError, RecursionError)
"""What the ollama package raises for a response that is no JSON, or JSON of another shape."""

_PROBE_TOKENS = 8
"""Enough to see a trickle, or a stream that dies."""


class OllamaAnswerer:
    """Answers through one Ollama host.

    - A call ends with a chunk that has `last` set, or with an `AnswererError`; a cut stream is an error.
    - Pieces without text are never passed on before the last; an answer without any text is an error.
    - The key of Ollama Cloud goes to no other host.
    - An answer may have as many tokens as fit what remains of the deadline, and is asked to be short in time.
    - What is known of the model's pace is learnt from every stream that spoke, however it ended.
    - Each call is measured as `answering.ollama_cloud` or `answering.ollama_local`, and its first text as
      `answering.time_to_first_token`; those of the small model as the same with `_small`.
    """

    def __init__(
        self,
        *,
        provider: Provider,
        host: str,
        model: str,
        prompts: PromptBuilder,
        small_model: str | None = None,
        api_key: str | None = None,
        timeouts: OllamaTimeouts | None = None,
        keep_alive: str = "15m",
        tokens: TokenBudget | None = None,
    ) -> None:
        """Prepare the client; nothing is sent yet.

        Args:
            provider: OLLAMA_CLOUD or OLLAMA_LOCAL.
            host: Its address, with or without scheme and port, as OLLAMA_HOST is written.
            model: The model's name.
            prompts: Builds what is asked.
            small_model: Asked instead while `Step.LARGE_MODEL` is shed.
            api_key: Sent as bearer token; needed for the cloud.
            timeouts: Bounds of a call.
            keep_alive: How long the server keeps the model in memory afterwards.
            tokens: Bounds the answer's length.

        Raises:
            AnswererError: `provider` is not Ollama's, or `host` is no address.
        """
        if provider not in _OPERATIONS:
            raise AnswererError(
                f"provider {provider} is not Ollama's; expected one of {', '.join(_OPERATIONS)}"
            )
        self._provider = provider
        self._host = host
        self._model = model
        self._prompts = prompts
        self._small_model = small_model
        self._api_key = api_key
        self._timeouts = timeouts or OllamaTimeouts()
        self._keep_alive = keep_alive
        self._tokens = tokens or TokenBudget()
        try:
            self._client = ollama.AsyncClient(
                host=host.replace("//0.0.0.0", "//127.0.0.1"),
                headers={"authorization": f"Bearer {api_key}"} if api_key else None,
                event_hooks={"request": [] if api_key else [_without_key]},
                follow_redirects=False,
                trust_env=provider is Provider.OLLAMA_CLOUD,
            )
        except (ValueError, httpx.InvalidURL) as error:
            raise AnswererError(f"{host!r} is no address of an Ollama server: {one_line(error)}") from error

    @property
    def provider(self) -> Provider:
        """Which Ollama this is."""
        return self._provider

    async def available(self) -> bool:
        """Whether the cloud's key is set, or the local server answers and has the model."""
        if self._provider is Provider.OLLAMA_CLOUD:
            return bool(self._api_key)
        try:
            async with asyncio.timeout(self._timeouts.probe_s):
                listed = await self._client.list()
        except (TimeoutError, ConnectionError, ollama.ResponseError, httpx.HTTPError, *_NONSENSE):
            return False
        wanted = {self._model, f"{self._model}:latest"}
        return any(one.model in wanted for one in listed.models)

    async def probe(self, *, patient: bool) -> None:
        """Have one token made from the prefix of all prompts: it loads the model and fills the prefix cache.

        Raises:
            TooSlowError: It does not come within `probe_token_s`, or `load_s` where `patient`, or its tokens
                come too slowly to be of use.
            AnswererError: The server fails, or gives no text.
        """
        reply = self._reply(self._model)
        pace = StreamPace(self._timeouts.for_probe(patient=patient))
        cap = _PROBE_TOKENS + _thought_tokens(self._model)
        call = _Call(model=self._model, messages=probe_messages(), cap=cap)
        first_ns: int | None = None
        unshown = 0
        async with contextlib.aclosing(self._parts(call, reply, pace)) as parts:
            async for part in parts:
                chunks = reply.take(part.message.content, part.message.thinking, part.done, part.done_reason)
                now_ns = latency_kit.now_ns()
                if reply.has_text and first_ns is None:
                    first_ns, unshown = now_ns, reply.tokens
                spoken = reply.tokens - unshown
                if first_ns is not None and (spoken >= _PROBE_TOKENS - 1 or any(one.last for one in chunks)):
                    rate = spoken * NS_PER_S / max(1, now_ns - first_ns)
                    if spoken >= _PROBE_TOKENS // 2 and rate < LEAST_TOKENS_PER_S:
                        raise TooSlowError(f"{self._name} gave only {rate:.1f} tokens a second")
                    return
        raise reply.broken_off()

    async def answer(self, question: Question) -> AsyncIterator[AnswerChunk]:
        """Stream the model's answer.

        Raises:
            TooSlowError: While iterating: a bound of `timeouts` was passed.
            AnswererError: While iterating: anything else that ended the answer before its end.
        """
        is_small = self._small_model is not None and is_shed(Step.LARGE_MODEL)
        model = self._small_model if is_small and self._small_model else self._model
        suffix = "_small" if is_small else ""
        call = latency_kit.begin(
            "answering",
            _OPERATIONS[self._provider] + suffix,
            attributes={"gen_ai.request.model": model},
        )
        outcome = latency_kit.Outcome.CANCELLED
        failure: Exception | None = None
        try:
            async with contextlib.aclosing(self._chunks(question, call, model, suffix)) as chunks:
                async for chunk in chunks:
                    yield chunk
            outcome = latency_kit.Outcome.OK
        except TooSlowError as error:
            outcome, failure = latency_kit.Outcome.TIMED_OUT, error
            raise
        except Exception as error:
            outcome, failure = latency_kit.Outcome.ERROR, error
            raise
        finally:
            call.end(outcome=outcome, error=failure)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()  # type: ignore[no-untyped-call]  # the package leaves it bare

    async def _chunks(
        self, question: Question, call: latency_kit.Operation, model: str, suffix: str
    ) -> AsyncGenerator[AnswerChunk, None]:
        with_terms = not is_shed(Step.TERMS)
        with latency_kit.use_context(call.context):
            messages = self._prompts.build(question, with_terms=with_terms, words=self._tokens.words())
        cap = self._tokens.cap() + (TAIL_TOKENS if with_terms else 0) + _thought_tokens(model)
        reply, pace = self._reply(model), StreamPace(self._timeouts)
        parts = self._parts(_Call(model=model, messages=messages, cap=cap), reply, pace)
        unshown = 0
        async with contextlib.AsyncExitStack() as ending:
            await ending.enter_async_context(contextlib.aclosing(parts))
            ending.callback(lambda: self._learn(call, reply.tokens - unshown))
            async for part in parts:
                with latency_kit.measure_latency("answering", "parse_response", span=False):
                    chunks = reply.take(
                        part.message.content,
                        part.message.thinking,
                        part.done,
                        part.done_reason,
                        prompt_tokens=part.prompt_eval_count,
                        answer_tokens=part.eval_count,
                    )
                if reply.has_text and "first_token" not in call.checkpoints:
                    unshown = reply.tokens  # thoughts, and the first token itself
                    self._first_token(call, model, suffix)
                for chunk in chunks:
                    yield chunk
                if part.done:
                    return
        raise reply.broken_off()

    def _first_token(self, call: latency_kit.Operation, model: str, suffix: str) -> None:
        latency_kit.record(
            "answering",
            "time_to_first_token" + suffix,
            start_ns=call.start_ns,
            end_ns=call.checkpoint("first_token"),
            attributes={"gen_ai.request.model": model},
            context=call.context,
        )

    def _learn(self, call: latency_kit.Operation, tokens: int) -> None:
        first_ns = call.checkpoints.get("first_token")
        if first_ns is not None:
            self._tokens.learn(
                first_token_s=(first_ns - call.start_ns) / NS_PER_S,
                streaming_s=(latency_kit.now_ns() - first_ns) / NS_PER_S,
                tokens=tokens,
            )

    async def _parts(
        self, call: "_Call", reply: Reply, pace: StreamPace
    ) -> AsyncGenerator[ollama.ChatResponse, None]:
        """Yield the server's pieces, each within its bound, with every failure as an `AnswererError`."""
        clock = asyncio.get_running_loop().time
        pace.begin(clock())
        stream = self._request(call)
        try:
            while True:
                bound, why = pace.bound(clock(), tokens=reply.tokens if reply.has_text else 0)
                try:
                    async with asyncio.timeout_at(bound):
                        part = await anext(stream, None)
                except TimeoutError:
                    raise TooSlowError(f"{self._name} {why}") from None
                except (ollama.ResponseError, ConnectionError, httpx.HTTPError) as error:
                    raise self._failed(error, call.model) from None
                except _NONSENSE as error:
                    raise nonsense(self._name, error) from None
                if part is None:
                    return
                yield part
        finally:
            await stream.aclose()

    async def _request(self, call: "_Call") -> AsyncGenerator[ollama.ChatResponse, None]:
        stream = await self._client.chat(
            model=call.model,
            messages=call.messages,
            stream=True,
            think=_think(call.model),
            options={"num_predict": call.cap},
            keep_alive=self._keep_alive,
        )
        async for part in stream:
            yield part

    def _reply(self, model: str) -> Reply:
        return Reply(provider=self._provider, model=model, name=self._name)

    def _failed(self, error: Exception, model: str) -> AnswererError:
        if isinstance(error, ollama.ResponseError):
            return refused(self._name, model=model, status=error.status_code, words=error.error)
        lost = isinstance(error, (httpx.RemoteProtocolError, httpx.ReadError))
        return unreachable(self._name, host=self._host, error=error, lost=lost)

    @property
    def _name(self) -> str:
        return _NAMES[self._provider]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """What one request asks of which model, and how many tokens it may have."""

    model: str
    messages: list[dict[str, str]]
    cap: int


async def _without_key(request: httpx.Request) -> None:
    """Take away the key that the ollama package reads from OLLAMA_API_KEY by itself, for any host."""
    request.headers.pop("authorization", None)


def _think(model: str) -> Literal["low"] | bool:
    """No thinking; gpt-oss cannot be told so and takes "low" as its least."""
    return "low" if model.startswith("gpt-oss") else False


def _thought_tokens(model: str) -> int:
    return THOUGHT_TOKENS if _think(model) else 0
