"""What the Ollama adapter learns of a model's pace, and how that shapes what it asks for."""

import asyncio
import contextlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("ollama", reason="ollama comes with the extra 'assistant'")

import latency_kit
from latency_kit.testing import capture_measurements
from reference_pipeline.answering.guarded_answerer import TooSlowError
from reference_pipeline.answering.ollama_answerer import DEFAULT_CLOUD_MODEL, OllamaAnswerer, OllamaTimeouts
from reference_pipeline.answering.prompt import PromptBuilder
from reference_pipeline.answering.token_budget import (
    FEWEST_TOKENS,
    MOST_TOKENS,
    TAIL_TOKENS,
    THOUGHT_TOKENS,
    TokenBudget,
)
from reference_pipeline.composition import compose_shedding
from reference_pipeline.events import Provider, Question
from reference_pipeline.settings import Settings
from reference_pipeline.shedding import Step, shedding_steps

PATIENT = OllamaTimeouts(first_token_s=20, idle_s=20, total_s=30, probe_s=20)


@pytest.fixture
def question(ask: Callable[[str], Question]) -> Question:
    return ask("what is a memory leak")


def local(host: str, model: str, prompts: PromptBuilder, tokens: TokenBudget | None = None) -> OllamaAnswerer:
    return OllamaAnswerer(
        provider=Provider.OLLAMA_LOCAL,
        host=host,
        model=model,
        prompts=prompts,
        timeouts=PATIENT,
        tokens=tokens,
    )


def test_the_pace_is_learnt_of_an_answer_that_is_left_and_the_next_one_is_asked_to_be_short(
    ollama_server: ModuleType, prompts: PromptBuilder, question: Question
) -> None:
    async def go() -> tuple[float, list[Any]]:
        steps = [*[ollama_server.piece("word ")] * 20, ollama_server.Stall()]
        async with ollama_server.OllamaServer(script=ollama_server.Script(steps=steps)) as server:
            tokens = TokenBudget(tokens_per_s=1e9)
            answerer = local(server.host, ollama_server.MODEL, prompts, tokens)
            with latency_kit.deadline(PATIENT.total_s * 1000):
                async with contextlib.aclosing(answerer.answer(question)) as stream:
                    for _ in range(20):
                        await anext(stream)
                learnt = tokens.tokens_per_s
                tokens.learn(first_token_s=0.1, streaming_s=1e6, tokens=20)
                for _ in range(60):
                    tokens.learn(first_token_s=0.1, streaming_s=100, tokens=20)
                async with contextlib.aclosing(answerer.answer(question)) as stream:
                    await anext(stream)
            await answerer.close()
            return learnt, [request.json() for request in server.requests]

    learnt, (first, second) = asyncio.run(go())
    assert learnt < 1e9
    assert "at most 15 words" not in first["messages"][1]["content"]
    assert "Answer in at most 15 words." in second["messages"][1]["content"]
    assert first["messages"][0] == second["messages"][0]
    assert second["options"]["num_predict"] == FEWEST_TOKENS + TAIL_TOKENS


def test_with_the_large_model_shed_the_small_one_is_asked_and_has_a_series_of_its_own(
    ollama_server: ModuleType, prompts: PromptBuilder, question: Question
) -> None:
    settings = Settings(small_local_model="small:1b")

    async def go() -> list[str]:
        async with ollama_server.OllamaServer(script=ollama_server.saying("Yes.")) as server:
            answerer = OllamaAnswerer(
                provider=Provider.OLLAMA_LOCAL,
                host=server.host,
                model=settings.local_model,
                small_model=settings.small_local_model,
                prompts=prompts,
                timeouts=PATIENT,
            )
            for pressure in (0.0, 0.95):
                with shedding_steps(compose_shedding(settings).press(pressure)):
                    assert [chunk.text async for chunk in answerer.answer(question)] == ["Yes.", ""]
            await answerer.close()
            return [request.json()["model"] for request in server.requests]

    with capture_measurements() as captured:
        assert asyncio.run(go()) == [settings.local_model, "small:1b"]
    assert len(captured.named("answering.time_to_first_token_small")) == 1
    assert Step.LARGE_MODEL not in compose_shedding(Settings()).press(1.0)


def test_a_model_that_cannot_be_told_not_to_think_has_tokens_for_its_thoughts_and_may_think_in_a_probe(
    ollama_server: ModuleType, prompts: PromptBuilder, question: Question
) -> None:
    async def go() -> list[Any]:
        steps = [*[ollama_server.piece(thinking="hm")] * 20, *ollama_server.saying("Yes, I am.").steps]
        async with ollama_server.OllamaServer(script=ollama_server.Script(steps=steps)) as server:
            answerer = OllamaAnswerer(
                provider=Provider.OLLAMA_CLOUD,
                host=server.host,
                model=DEFAULT_CLOUD_MODEL,
                prompts=prompts,
                timeouts=PATIENT,
            )
            await answerer.probe(patient=True)
            assert [chunk.text async for chunk in answerer.answer(question)] == ["Yes, I am.", ""]
            await answerer.close()
            return [request.json() for request in server.requests]

    probe, asked = asyncio.run(go())
    assert probe["think"] == asked["think"] == "low"
    assert probe["options"]["num_predict"] > THOUGHT_TOKENS
    assert asked["options"]["num_predict"] == MOST_TOKENS + TAIL_TOKENS + THOUGHT_TOKENS


def test_a_probe_whose_tokens_come_too_slowly_to_be_of_use_fails_and_a_quick_one_does_not(
    ollama_server: ModuleType, prompts: PromptBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go() -> None:
        async with ollama_server.OllamaServer(script=ollama_server.saying(*["word "] * 8)) as server:
            answerer = local(server.host, ollama_server.MODEL, prompts)
            await answerer.probe(patient=False)
            monkeypatch.setattr("reference_pipeline.answering.ollama_answerer.LEAST_TOKENS_PER_S", 1e9)
            with pytest.raises(TooSlowError, match="tokens a second"):
                await answerer.probe(patient=True)
            await answerer.close()

    asyncio.run(go())
