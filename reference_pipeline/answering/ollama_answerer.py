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
from reference_pipeline.answering.prompt import PromptBuilder
from reference_pipeline.answering.reply import Reply
from reference_pipeline.events import AnswerChunk, Provider, Question
from reference_pipeline.ports import AnswererError

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
    "AnswerTimeoutError",
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
_MAX_REASON = 200
"""Characters of a server's own words that an error repeats; some send a whole page."""

_NONSENSE = (ValueError, TypeError, AttributeError)
"""What the ollama package raises for a response that is no JSON, or JSON of another shape."""

_UNAUTHORISED = frozenset((401, 403))
_NOT_FOUND = 404


class AnswerTimeoutError(AnswererError):
    """A provider was too slow: no first token, a stall, or no end within its bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OllamaTimeouts:
    """How long a call may take, in seconds.

    Attributes:
        first_token_s: From the request to the first text; thinking does not count as text.
        idle_s: Between two pieces after that.
        total_s: From the request to the end.
        probe_s: For finding out whether a local Ollama is there.
    """

    first_token_s: float = 3.0
    idle_s: float = 2.0
    total_s: float = 20.0
    probe_s: float = 0.8


class OllamaAnswerer:
    """Answers through one Ollama host with one model.

    - A call ends with a chunk that has `last` set, or with an `AnswererError`; a cut stream is an error.
    - Pieces without text are never passed on; an answer without any text is an error.
    - The key of Ollama Cloud goes to no other host.
    - Each call is measured as `answering.ollama_cloud` or `answering.ollama_local`, and its first text as
      `answering.time_to_first_token`.
    """

    def __init__(
        self,
        *,
        provider: Provider,
        host: str,
        model: str,
        prompts: PromptBuilder,
        api_key: str | None = None,
        timeouts: OllamaTimeouts | None = None,
        keep_alive: str = "15m",
        max_tokens: int = 400,
    ) -> None:
        """Prepare the client; nothing is sent yet.

        Args:
            provider: OLLAMA_CLOUD or OLLAMA_LOCAL.
            host: Its address, with or without scheme and port, as OLLAMA_HOST is written.
            model: The model's name.
            prompts: Builds what is asked.
            api_key: Sent as bearer token; needed for the cloud.
            timeouts: Bounds of a call.
            keep_alive: How long the server keeps the model in memory afterwards.
            max_tokens: Bound of the answer's length.

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
        self._api_key = api_key
        self._timeouts = timeouts or OllamaTimeouts()
        self._keep_alive = keep_alive
        self._max_tokens = max_tokens
        try:
            self._client = ollama.AsyncClient(
                host=host.replace("//0.0.0.0", "//127.0.0.1"),
                headers={"authorization": f"Bearer {api_key}"} if api_key else None,
                event_hooks={"request": [] if api_key else [_without_key]},
                follow_redirects=False,
                trust_env=provider is Provider.OLLAMA_CLOUD,
            )
        except (ValueError, httpx.InvalidURL) as error:
            raise AnswererError(f"{host!r} is no address of an Ollama server: {_one_line(error)}") from error

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

    async def answer(self, question: Question) -> AsyncIterator[AnswerChunk]:
        """Stream the model's answer.

        Raises:
            AnswerTimeoutError: While iterating: a bound of `timeouts` was passed.
            AnswererError: While iterating: anything else that ended the answer before its end.
        """
        call = latency_kit.begin(
            "answering", _OPERATIONS[self._provider], attributes={"gen_ai.request.model": self._model}
        )
        outcome = latency_kit.Outcome.CANCELLED
        failure: Exception | None = None
        try:
            async with contextlib.aclosing(self._chunks(question, call)) as chunks:
                async for chunk in chunks:
                    yield chunk
            outcome = latency_kit.Outcome.OK
        except AnswerTimeoutError as error:
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
        self, question: Question, call: latency_kit.Operation
    ) -> AsyncGenerator[AnswerChunk, None]:
        with latency_kit.use_context(call.context):
            messages = self._prompts.build(question)
        reply = Reply(provider=self._provider, model=self._model, name=self._name)
        async with contextlib.aclosing(self._parts(messages, reply)) as parts:
            async for part in parts:
                with latency_kit.measure_latency("answering", "parse_response", span=False):
                    chunk = reply.take(
                        part.message.content, part.message.thinking, part.done, part.done_reason
                    )
                if chunk is None:
                    continue
                if chunk.text and "first_token" not in call.checkpoints:
                    self._first_token(call)
                yield chunk
                if chunk.last:
                    return
        raise reply.cut()

    def _first_token(self, call: latency_kit.Operation) -> None:
        latency_kit.record(
            "answering",
            "time_to_first_token",
            start_ns=call.start_ns,
            end_ns=call.checkpoint("first_token"),
            attributes={"gen_ai.request.model": self._model},
            context=call.context,
        )

    async def _parts(
        self, messages: list[dict[str, str]], reply: Reply
    ) -> AsyncGenerator[ollama.ChatResponse, None]:
        """Yield the server's pieces, each within its bound, with every failure as an `AnswererError`."""
        clock = asyncio.get_running_loop().time
        begun = clock()
        stream = self._request(messages)
        try:
            while True:
                bound = self._bound(begun, clock(), reply)
                try:
                    async with asyncio.timeout_at(bound):
                        part = await anext(stream, None)
                except TimeoutError:
                    raise self._too_slow(clock() - begun, reply) from None
                except (ollama.ResponseError, ConnectionError, httpx.HTTPError) as error:
                    raise self._failed(error) from error
                except _NONSENSE as error:
                    raise AnswererError(
                        f"{self._name} sent a line that is no chat response: {_one_line(error)}"
                    ) from error
                if part is None:
                    return
                yield part
        finally:
            await stream.aclose()

    async def _request(self, messages: list[dict[str, str]]) -> AsyncGenerator[ollama.ChatResponse, None]:
        stream = await self._client.chat(
            model=self._model,
            messages=messages,
            stream=True,
            think=_think(self._model),
            options={"num_predict": self._max_tokens},
            keep_alive=self._keep_alive,
        )
        async for part in stream:
            yield part

    def _bound(self, begun: float, now: float, reply: Reply) -> float:
        next_piece = now + self._timeouts.idle_s if reply.has_text else begun + self._timeouts.first_token_s
        return min(next_piece, begun + self._timeouts.total_s)

    def _too_slow(self, waited_s: float, reply: Reply) -> AnswerTimeoutError:
        if waited_s >= self._timeouts.total_s:
            return AnswerTimeoutError(f"{self._name} had not ended after {self._timeouts.total_s:g} s")
        if reply.has_text:
            return AnswerTimeoutError(f"{self._name} stalled for {self._timeouts.idle_s:g} s in mid-answer")
        return AnswerTimeoutError(f"{self._name} gave no text within {self._timeouts.first_token_s:g} s")

    def _failed(self, error: Exception) -> AnswererError:
        if not isinstance(error, ollama.ResponseError):
            lost = isinstance(error, (httpx.RemoteProtocolError, httpx.ReadError))
            what = "broke the connection off" if lost else "cannot be reached"
            return AnswererError(f"{self._name} at {self._host} {what}: {_one_line(error)}")
        status, reason = error.status_code, _one_line(error.error)
        if status in _UNAUTHORISED:
            return AnswererError(f"{self._name} refused the key ({status}: {reason}); check OLLAMA_API_KEY")
        if status == _NOT_FOUND:
            return AnswererError(
                f"{self._name} has no model {self._model!r} ({reason}); try: ollama pull {self._model}"
            )
        if status < 0:
            return AnswererError(f"{self._name} broke off with an error: {reason}")
        return AnswererError(f"{self._name} answered with status {status}: {reason}")

    @property
    def _name(self) -> str:
        return _NAMES[self._provider]


async def _without_key(request: httpx.Request) -> None:
    """Take away the key that the ollama package reads from OLLAMA_API_KEY by itself, for any host."""
    request.headers.pop("authorization", None)


def _think(model: str) -> Literal["low"] | bool:
    """No thinking; gpt-oss cannot be told so and takes "low" as its least."""
    return "low" if model.startswith("gpt-oss") else False


def _one_line(error: object) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _MAX_REASON else text[:_MAX_REASON] + "..."
