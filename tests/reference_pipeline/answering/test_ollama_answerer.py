"""What the Ollama adapter makes of everything that a server may do, over real HTTP on loopback."""

import asyncio
import contextlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("ollama", reason="ollama comes with the extra 'assistant'")

from latency_kit import Outcome
from latency_kit.testing import capture_measurements
from reference_pipeline.answering.guarded_answerer import TooSlowError
from reference_pipeline.answering.ollama_answerer import OllamaAnswerer, OllamaTimeouts
from reference_pipeline.answering.prompt import SYSTEM_MESSAGE, PromptBuilder
from reference_pipeline.answering.token_budget import MOST_TOKENS, TAIL_TOKENS
from reference_pipeline.events import AnswerChunk, Provider, Question
from reference_pipeline.ports import AnswererError

PATIENT = OllamaTimeouts(first_token_s=20, idle_s=20, total_s=30, probe_s=20)
HASTY = OllamaTimeouts(first_token_s=0.05, idle_s=20, total_s=20, probe_s=0.05)
QUICK_TO_TIRE = OllamaTimeouts(first_token_s=20, idle_s=0.05, total_s=20)
SLOW_OF_SPEECH = OllamaTimeouts(first_token_s=20, idle_s=20, total_s=20, tokens_per_s=40, grace_s=0.05)
SHORT = OllamaTimeouts(first_token_s=20, idle_s=20, total_s=0.4)


@pytest.fixture
def question(ask: Callable[[str], Question]) -> Question:
    return ask("what is a memory leak")


def run(
    server_module: ModuleType,
    prompts: PromptBuilder,
    script: Any,
    question: Question,
    *,
    timeouts: OllamaTimeouts = PATIENT,
    provider: Provider = Provider.OLLAMA_LOCAL,
    api_key: str | None = None,
) -> tuple[list[AnswerChunk], AnswererError | None, list[Any]]:
    """Ask once; return the chunks, the error that ended them, and what the server was sent."""

    async def go() -> tuple[list[AnswerChunk], AnswererError | None, list[Any]]:
        chunks: list[AnswerChunk] = []
        failure: AnswererError | None = None
        async with server_module.OllamaServer(script=script) as server:
            answerer = OllamaAnswerer(
                provider=provider,
                host=server.host,
                model=server_module.MODEL,
                prompts=prompts,
                api_key=api_key,
                timeouts=timeouts,
            )
            try:
                async for chunk in answerer.answer(question):
                    chunks.append(chunk)  # noqa: PERF401  # what came before a failure counts
            except AnswererError as error:
                failure = error
            await answerer.close()
            return chunks, failure, server.requests

    return asyncio.run(go())


def test_an_answer_arrives_piece_by_piece_and_only_its_end_is_marked_last(
    ollama_server: ModuleType, prompts: PromptBuilder, question: Question
) -> None:
    chunks, failure, _ = run(ollama_server, prompts, ollama_server.saying("It ", "grows."), question)
    assert failure is None
    assert [(chunk.text, chunk.last) for chunk in chunks] == [("It ", False), ("grows.", False), ("", True)]
    assert {(chunk.provider, chunk.source) for chunk in chunks} == {
        (Provider.OLLAMA_LOCAL, ollama_server.MODEL)
    }


def test_pieces_are_passed_on_while_the_server_still_writes(
    ollama_server: ModuleType, prompts: PromptBuilder, question: Question
) -> None:
    async def go() -> list[str]:
        more = asyncio.Event()
        steps = [ollama_server.piece("First"), ollama_server.Until(more), ollama_server.piece(done=True)]
        async with ollama_server.OllamaServer(script=ollama_server.Script(steps=steps)) as server:
            answerer = OllamaAnswerer(
                provider=Provider.OLLAMA_LOCAL,
                host=server.host,
                model=ollama_server.MODEL,
                prompts=prompts,
                timeouts=PATIENT,
            )
            texts = []
            async for chunk in answerer.answer(question):
                texts.append(chunk.text)
                more.set()
            await answerer.close()
            return texts

    assert asyncio.run(go()) == ["First", ""]


def test_the_request_is_native_chat_that_streams_with_keep_alive_and_a_token_cap(
    ollama_server: ModuleType, prompts: PromptBuilder, question: Question
) -> None:
    _, _, requests = run(ollama_server, prompts, ollama_server.saying("Yes."), question)
    (request,) = requests
    sent = request.json()
    assert (request.method, request.path) == ("POST", "/api/chat")
    assert sent["stream"] is True
    assert sent["think"] is False
    assert sent["keep_alive"] == "15m"
    assert sent["options"]["num_predict"] == MOST_TOKENS + TAIL_TOKENS
    assert sent["messages"][0] == {"role": "system", "content": SYSTEM_MESSAGE}
    assert "what is a memory leak" in sent["messages"][1]["content"]


def test_the_cloud_is_sent_the_key_as_bearer_token(
    ollama_server: ModuleType, prompts: PromptBuilder, question: Question
) -> None:
    script = ollama_server.saying("Yes.")
    _, _, requests = run(
        ollama_server, prompts, script, question, provider=Provider.OLLAMA_CLOUD, api_key="secret"
    )
    assert requests[0].headers["authorization"] == "Bearer secret"


def test_a_local_server_never_sees_the_key_of_the_cloud(
    ollama_server: ModuleType, prompts: PromptBuilder, question: Question, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "secret")
    _, failure, requests = run(ollama_server, prompts, ollama_server.saying("Yes."), question)
    assert failure is None
    assert "authorization" not in requests[0].headers


def _failures(server: ModuleType) -> dict[str, tuple[Any, OllamaTimeouts, list[str], str]]:
    script, piece = server.Script, server.piece
    return {
        "error status": (
            script(status=500, body=b'{"error": "out of memory"}'),
            PATIENT,
            [],
            "status 500: out of",
        ),
        "page as error": (
            script(status=502, body=b"<html>\n" + b"x" * 999),
            PATIENT,
            [],
            "status 502: <html> x",
        ),
        "wrong key": (
            script(status=401, body=b'{"error": "unauthorized"}'),
            PATIENT,
            [],
            "check OLLAMA_API_KEY",
        ),
        "no model": (
            script(status=404, body=b'{"error": "not found"}'),
            PATIENT,
            [],
            "ollama pull test-model:1b",
        ),
        "error line first": (
            script(steps=[{"error": "no slot"}]),
            PATIENT,
            [],
            "broke off with an error: no slot",
        ),
        "error line later": (
            script(steps=[piece("Half"), {"error": "crash"}]),
            PATIENT,
            ["Half"],
            "broke off with an error: crash",
        ),
        "stall before text": (script(steps=[server.Stall()]), HASTY, [], "gave no text within 0.05 s"),
        "only thinking, then stall": (
            script(steps=[piece(thinking="hm"), server.Stall()]),
            HASTY,
            [],
            "gave no text within 0.05 s",
        ),
        "stall half-way": (
            script(steps=[piece("Half"), server.Stall()]),
            QUICK_TO_TIRE,
            ["Half"],
            "stalled for 0.05 s",
        ),
        "trickle": (
            script(steps=[piece("Half"), piece(" a"), server.Stall()]),
            SLOW_OF_SPEECH,
            ["Half", " a"],
            "fewer than 40 tokens a second",
        ),
        "no end in time": (
            script(steps=[piece("Half"), server.Stall()]),
            SHORT,
            ["Half"],
            "not ended after 0.4 s",
        ),
        "empty": (script(steps=[piece(done=True)]), PATIENT, [], "gave an empty answer"),
        "white space only": (
            script(steps=[piece(" \n"), piece(done=True)]),
            PATIENT,
            [],
            "gave an empty answer",
        ),
        "thinking only": (
            script(steps=[piece(thinking="hm"), piece(done=True)]),
            PATIENT,
            [],
            "only thought and said nothing",
        ),
        "dropped": (
            script(steps=[piece("Half"), server.Drop()]),
            PATIENT,
            ["Half"],
            "broke the connection off",
        ),
        "dropped at once": (script(steps=[server.Drop()]), PATIENT, [], "broke the connection off"),
        "ended without done": (
            script(steps=[piece("Half")]),
            PATIENT,
            ["Half"],
            "ended the stream in mid-answer",
        ),
        "no JSON": (script(steps=[piece("Half"), b"{torn"]), PATIENT, ["Half"], "no chat response"),
        "other JSON": (script(steps=[b"[1, 2]"]), PATIENT, [], "no chat response"),
        "JSON of another shape": (script(steps=[{"model": "x"}]), PATIENT, [], "no chat response"),
    }


FAILURES = (
    "error status",
    "page as error",
    "wrong key",
    "no model",
    "error line first",
    "error line later",
    "stall before text",
    "only thinking, then stall",
    "stall half-way",
    "trickle",
    "no end in time",
    "empty",
    "white space only",
    "thinking only",
    "dropped",
    "dropped at once",
    "ended without done",
    "no JSON",
    "other JSON",
    "JSON of another shape",
)


@pytest.mark.parametrize("name", FAILURES)
def test_whatever_fails_is_one_clear_line_and_no_answer_is_passed_off_as_whole(
    name: str, ollama_server: ModuleType, prompts: PromptBuilder, question: Question
) -> None:
    script, timeouts, shown, reason = _failures(ollama_server)[name]
    with capture_measurements() as captured:
        chunks, failure, _ = run(ollama_server, prompts, script, question, timeouts=timeouts)
    assert [chunk.text for chunk in chunks] == shown
    assert not any(chunk.last for chunk in chunks)
    assert failure is not None
    assert reason in failure.told
    assert "\n" not in failure.told
    assert len(failure.told) < 320
    slow = isinstance(failure, TooSlowError)
    (call,) = captured.named("answering.ollama_local")
    assert call.outcome is (Outcome.TIMED_OUT if slow else Outcome.ERROR)
    assert slow == (timeouts is not PATIENT)


def test_every_failure_of_the_table_is_run(ollama_server: ModuleType) -> None:
    assert set(_failures(ollama_server)) == set(FAILURES)


def test_a_server_that_is_not_there_is_named_with_its_address(
    ollama_server: ModuleType, prompts: PromptBuilder, question: Question
) -> None:
    async def go() -> str:
        async with ollama_server.silent_port() as host:
            answerer = OllamaAnswerer(
                provider=Provider.OLLAMA_LOCAL, host=host, model="m", prompts=prompts, timeouts=PATIENT
            )
            assert not await answerer.available()
            with pytest.raises(AnswererError) as caught:
                await anext(answerer.answer(question))
            await answerer.close()
            return caught.value.told.replace(host, "HOST")

    assert asyncio.run(go()).startswith("local Ollama at HOST cannot be reached")


def test_an_answer_cut_by_the_token_limit_ends_with_an_ellipsis_and_is_marked(
    ollama_server: ModuleType, prompts: PromptBuilder, question: Question
) -> None:
    steps = [ollama_server.piece("It grows and"), ollama_server.piece(done=True, reason="length")]
    chunks, _, _ = run(ollama_server, prompts, ollama_server.Script(steps=steps), question)
    assert [(chunk.text, chunk.last, chunk.cut) for chunk in chunks] == [
        ("It grows and", False, False),
        (" ...", True, True),
    ]


def test_thinking_is_never_shown_and_white_space_before_the_first_word_is_dropped(
    ollama_server: ModuleType, prompts: PromptBuilder, question: Question
) -> None:
    piece = ollama_server.piece
    steps = [piece(thinking="let me see"), piece("\n\n"), piece(" Yes"), piece(" it does."), piece(done=True)]
    chunks, _, _ = run(ollama_server, prompts, ollama_server.Script(steps=steps), question)
    assert [chunk.text for chunk in chunks] == ["Yes", " it does.", ""]


def test_the_call_its_first_token_and_its_pieces_are_measured_in_that_order(
    ollama_server: ModuleType, prompts: PromptBuilder, question: Question
) -> None:
    with capture_measurements() as captured:
        run(
            ollama_server,
            prompts,
            ollama_server.saying("It ", "grows."),
            question,
            provider=Provider.OLLAMA_CLOUD,
            api_key="k",
        )
    (call,) = captured.named("answering.ollama_cloud")
    (first,) = captured.named("answering.time_to_first_token")
    assert call.outcome is Outcome.OK
    assert first.start_ns == call.start_ns
    assert first.end_ns <= call.end_ns
    assert len(captured.named("answering.parse_response")) == 3
    (built,) = captured.named("answering.build_prompt")
    assert call.start_ns <= built.start_ns <= built.end_ns <= first.end_ns


def test_no_first_token_is_measured_where_no_text_came(
    ollama_server: ModuleType, prompts: PromptBuilder, question: Question
) -> None:
    with capture_measurements() as captured:
        run(ollama_server, prompts, ollama_server.Script(steps=[ollama_server.piece(done=True)]), question)
    assert captured.named("answering.time_to_first_token") == ()


def test_a_listener_that_leaves_closes_the_connection_and_counts_as_cancelled(
    ollama_server: ModuleType, prompts: PromptBuilder, question: Question
) -> None:
    async def go() -> None:
        steps = [ollama_server.piece("Half"), ollama_server.Stall()]
        async with ollama_server.OllamaServer(script=ollama_server.Script(steps=steps)) as server:
            answerer = OllamaAnswerer(
                provider=Provider.OLLAMA_LOCAL,
                host=server.host,
                model=ollama_server.MODEL,
                prompts=prompts,
                timeouts=PATIENT,
            )
            async with contextlib.aclosing(answerer.answer(question)) as stream:
                assert (await anext(stream)).text == "Half"
            async with asyncio.timeout(10):
                await server.aborted.wait()
            await answerer.close()

    with capture_measurements() as captured:
        asyncio.run(go())
    assert captured.named("answering.ollama_local")[0].outcome is Outcome.CANCELLED
