"""The prompt's bytes: what stays, what changes, and where."""

import asyncio
import json
from collections.abc import Callable
from types import ModuleType

import pytest

from latency_kit.testing import capture_measurements
from reference_pipeline.answering.notes import Note
from reference_pipeline.answering.ollama_answerer import OllamaAnswerer
from reference_pipeline.answering.prompt import SYSTEM_MESSAGE, PromptBuilder, chat_messages
from reference_pipeline.answering.retrieval import FoundNote, NoteIndex
from reference_pipeline.events import Provider, Question
from reference_pipeline.shedding import Step, shedding_steps


def test_over_many_turns_the_beginning_of_the_prompt_is_the_same_bytes(
    bundled_index: NoteIndex, ask: Callable[[str], Question]
) -> None:
    builder = PromptBuilder(bundled_index)
    turns = [
        json.dumps(builder.build(ask(text))).encode()
        for text in ("what is a memory leak", "why should we hire you", "tell me about a mistake")
    ]
    prefix = json.dumps([{"role": "system", "content": SYSTEM_MESSAGE}]).encode()[:-1]
    assert all(turn.startswith(prefix) for turn in turns)
    assert len(set(turns)) == 3


def test_the_same_question_gives_the_same_bytes(
    bundled_index: NoteIndex, ask: Callable[[str], Question]
) -> None:
    builder = PromptBuilder(bundled_index)
    assert builder.build(ask("what is a race condition")) == builder.build(ask("what is a race condition"))


def test_the_question_comes_before_the_notes_that_fit_it(
    bundled_index: NoteIndex, ask: Callable[[str], Question]
) -> None:
    content = PromptBuilder(bundled_index).build(ask("what is a race condition"))[1]["content"]
    assert content.startswith('Question: what is a race condition\n\nNote "Race condition":\n')
    assert "Memory leak" not in content


def test_a_question_that_no_note_fits_is_asked_alone(
    bundled_index: NoteIndex, ask: Callable[[str], Question]
) -> None:
    content = PromptBuilder(bundled_index).build(ask("what is your favourite colour"))[1]["content"]
    assert content == "Question: what is your favourite colour"


@pytest.mark.parametrize(("length", "cut"), [(1200, False), (1201, True)])
def test_a_long_note_is_cut_at_a_word(length: int, cut: bool, ask: Callable[[str], Question]) -> None:
    body = ("word " * 300)[: length - 1] + "x"
    note = Note(name="n", title="N", asked_as=(), body=body)
    content = chat_messages(ask("q"), [FoundNote(note=note, confidence=1.0)])[1]["content"]
    assert content.endswith("word ...") == cut
    assert (body in content) != cut


def test_building_is_measured(bundled_index: NoteIndex, ask: Callable[[str], Question]) -> None:
    with capture_measurements() as captured:
        PromptBuilder(bundled_index).build(ask("what is a cache"))
    assert len(captured.named("answering.build_prompt")) == 1


def test_over_many_turns_the_prefix_that_reaches_the_server_is_the_same_bytes(
    ollama_server: ModuleType, prompts: PromptBuilder, ask: Callable[[str], Question]
) -> None:
    """Up to the question: that of a probe too, which fills the cache, and of requests without terms."""
    texts = (
        "what is a memory leak",
        "why should we hire you",
        "how do kangaroos jump",
        "what is a memory leak",
    )

    async def go() -> list[bytes]:
        async with ollama_server.OllamaServer() as server:
            answerer = OllamaAnswerer(
                provider=Provider.OLLAMA_LOCAL, host=server.host, model=ollama_server.MODEL, prompts=prompts
            )
            await answerer.probe(patient=False)
            for text in texts:
                async for _ in answerer.answer(ask(text)):
                    pass
            with shedding_steps([Step.TERMS]):
                async for _ in answerer.answer(ask("what is a race condition")):
                    pass
            await answerer.close()
            return [request.body for request in server.requests]

    bodies = asyncio.run(go())
    prompted = [body[body.index(b'"messages":') :] for body in bodies]
    prefixes = {body.partition(b"Question: ")[0] for body in prompted}
    assert len(bodies) == 6
    assert len(prefixes) == 1
    assert json.dumps(SYSTEM_MESSAGE)[1:-1].encode() in prefixes.pop()
    assert prompted[1] == prompted[4]
