"""When asking Ollama makes sense at all, and what is refused before anything is asked."""

import asyncio
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("ollama", reason="ollama comes with the extra 'assistant'")

from reference_pipeline.answering.ollama_answerer import OllamaAnswerer, OllamaTimeouts
from reference_pipeline.answering.prompt import PromptBuilder
from reference_pipeline.events import Provider
from reference_pipeline.ports import AnswererError

PATIENT = OllamaTimeouts(first_token_s=20, idle_s=20, total_s=30, probe_s=20)
HASTY = OllamaTimeouts(first_token_s=0.05, idle_s=20, total_s=20, probe_s=0.05)


@pytest.mark.parametrize(
    ("models", "there"),
    [(["test-model:1b"], True), (["other:1b"], False), ([], False)],
)
def test_a_local_server_is_available_when_it_has_the_model(
    models: list[str], there: bool, ollama_server: ModuleType, prompts: PromptBuilder
) -> None:
    assert _available(ollama_server, prompts, ollama_server.OllamaServer(models=models)) is there


def test_a_model_without_a_tag_means_its_latest(ollama_server: ModuleType, prompts: PromptBuilder) -> None:
    server = ollama_server.OllamaServer(models=["plain:latest"])
    assert _available(ollama_server, prompts, server, model="plain") is True


@pytest.mark.parametrize("body", [b"{torn", b"[]", b'{"models": 3}'])
def test_a_local_server_that_talks_nonsense_is_not_available(
    body: bytes, ollama_server: ModuleType, prompts: PromptBuilder
) -> None:
    server = ollama_server.OllamaServer(tags_script=ollama_server.Script(body=body))
    assert _available(ollama_server, prompts, server) is False


def test_a_local_server_that_hangs_is_not_available(
    ollama_server: ModuleType, prompts: PromptBuilder
) -> None:
    server = ollama_server.OllamaServer(tags_script=ollama_server.Script(steps=[ollama_server.Stall()]))
    assert _available(ollama_server, prompts, server, timeouts=HASTY) is False


def _available(
    server_module: ModuleType,
    prompts: PromptBuilder,
    server: Any,
    *,
    model: str | None = None,
    timeouts: OllamaTimeouts = PATIENT,
) -> bool:
    async def go() -> bool:
        async with server:
            answerer = OllamaAnswerer(
                provider=Provider.OLLAMA_LOCAL,
                host=server.host,
                model=model or server_module.MODEL,
                prompts=prompts,
                timeouts=timeouts,
            )
            there = await answerer.available()
            await answerer.close()
            return there

    return asyncio.run(go())


@pytest.mark.parametrize(("key", "there"), [("secret", True), (None, False), ("", False)])
def test_the_cloud_is_available_when_there_is_a_key(
    key: str | None, there: bool, prompts: PromptBuilder
) -> None:
    async def go() -> bool:
        answerer = OllamaAnswerer(
            provider=Provider.OLLAMA_CLOUD,
            host="https://cloud.invalid",
            model="m",
            prompts=prompts,
            api_key=key,
        )
        available = await answerer.available()
        await answerer.close()
        return available

    assert asyncio.run(go()) is there


def test_an_address_that_is_none_is_refused_at_construction(prompts: PromptBuilder) -> None:
    with pytest.raises(AnswererError, match="no address of an Ollama server"):
        OllamaAnswerer(provider=Provider.OLLAMA_LOCAL, host="http://[::1", model="m", prompts=prompts)


def test_notes_are_no_provider_of_this_adapter(prompts: PromptBuilder) -> None:
    with pytest.raises(AnswererError, match="provider notes is not Ollama's"):
        OllamaAnswerer(provider=Provider.NOTES, host="localhost", model="m", prompts=prompts)
