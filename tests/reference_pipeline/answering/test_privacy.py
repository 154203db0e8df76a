"""Whatever a server does, no word of the talk, the answer or the server's own is in what is exported."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("ollama", reason="ollama comes with the extra 'assistant'")
pytest.importorskip("opentelemetry.sdk", reason="comes with the extra 'otlp'")

import latency_kit
from reference_pipeline.answering.fallback import FallbackAnswerer
from reference_pipeline.answering.guarded_answerer import GuardedAnswerer
from reference_pipeline.answering.ollama_answerer import OllamaAnswerer
from reference_pipeline.answering.prompt import PromptBuilder
from reference_pipeline.events import Provider, Question

CANARY = "zanzibar"
"""In the question, and in all that the server says."""


Modules = tuple[ModuleType, ModuleType]


@pytest.fixture
def modules(ollama_server: ModuleType, providers: ModuleType) -> Modules:
    return ollama_server, providers


def scripts(server: ModuleType) -> dict[str, Any]:
    half = server.piece(f"{CANARY} is")
    wrong = {"model": "m", "created_at": "x", "message": {"role": "assistant", "content": [CANARY]}}
    told = json.dumps({"error": f"cannot say {CANARY}"}).encode()
    return {
        "whole": server.saying(f"{CANARY} ", "is an island."),
        "torn line": server.Script(steps=[half, f'{{"message": {{"content": "{CANARY}'.encode()]),
        "line of another shape": server.Script(steps=[half, wrong]),
        "no object": server.Script(steps=[f'["{CANARY}"]'.encode()]),
        "not unicode": server.Script(steps=[half, b"\xff" + CANARY.encode()]),
        "error line": server.Script(steps=[half, {"error": f"cannot say {CANARY}"}]),
        "status 500": server.Script(status=500, body=told),
        "status 404": server.Script(status=404, body=told),
        "status 401": server.Script(status=401, body=told),
        "dropped": server.Script(steps=[half, server.Drop()]),
        "cut by the cap": server.Script(steps=[half, server.piece(done=True, reason="length")]),
    }


async def notices(script: Any, question: Question, prompts: PromptBuilder, modules: Modules) -> str:
    """Ask twice, so that the breaker and its probe have their say too; return what the page is told."""
    server_module, providers = modules
    told = []
    async with server_module.OllamaServer(script=script) as server:
        model = OllamaAnswerer(
            provider=Provider.OLLAMA_LOCAL, host=server.host, model=server_module.MODEL, prompts=prompts
        )
        guarded = GuardedAnswerer(model)
        answerer = FallbackAnswerer([guarded], providers.Notes(None))
        await guarded.available()
        for _ in range(2):
            told += [chunk.notice async for chunk in answerer.answer(question)]
        if not guarded.admits:
            with pytest.raises(Exception, match="left out"):
                await anext(guarded.answer(question))
        await answerer.close()
    return " ".join(told)


def test_no_word_of_question_answer_or_server_is_in_any_span_metric_or_file(
    ask: Callable[[str], Question],
    modules: Modules,
    prompts: PromptBuilder,
    otlp_receiver: Any,
    tmp_path: Path,
) -> None:
    jsonl = tmp_path / "performance.jsonl"
    told = {}
    with latency_kit.configure(
        service_name="test", endpoint=otlp_receiver.endpoint("grpc"), protocol="grpc", jsonl=jsonl
    ) as telemetry:
        for name, script in scripts(modules[0]).items():
            told[name] = asyncio.run(notices(script, ask(f"what is {CANARY}"), prompts, modules))
        assert telemetry.flush()
    spans = otlp_receiver.spans()
    failed = [event for span in spans for event in span.events if event.name == "exception"]
    assert len(failed) >= len(told) - 2
    sent = [one.SerializeToString() for one in (*spans, *otlp_receiver.metrics())]
    exported = b"\n".join([*sent, jsonl.read_bytes()]).lower()
    assert b"answering" in exported
    assert CANARY.encode() not in exported
    assert f"cannot say {CANARY}" in told["status 500"]
    assert CANARY not in told["torn line"] + told["line of another shape"] + told["no object"]
