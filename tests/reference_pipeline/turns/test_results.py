"""What the JSON of a run says of how its answers came about."""

import asyncio
from collections.abc import Callable
from typing import Any

from reference_pipeline.events import AnswerChunk, AnswerCost, Provider
from reference_pipeline.results import RunResult

Fixture = Callable[..., Any]


def test_the_json_of_a_turn_says_how_its_answer_came_about_and_what_it_cost(
    stage: Fixture, hear: Fixture
) -> None:
    async def scenario() -> Any:
        on = stage()
        on.shedding.press(0.8)
        who: dict[str, Any] = {"provider": Provider.OLLAMA_CLOUD, "source": "m"}
        cost = AnswerCost(requests=2, wasted_requests=1, answer_tokens=40, busy_ns=5_000_000)
        on.answerer.pieces = [
            AnswerChunk(text="A note.", last=False, draft=True, **who),
            AnswerChunk(text="half ...", last=True, restart=True, cut=True, cost=cost, **who),
        ]
        hear(on.conversation, "what is a mutex")
        await on.conversation.finish(5)
        return on.records

    result = RunResult(
        title="a run",
        records=tuple(asyncio.run(scenario())),
        series=(),
        evaluations=(),
        facts={},
        losses={},
        start_unix_nano=0,
        end_unix_nano=0,
    )
    (turn,) = result.as_json()["turns"]
    assert turn["answering"] == {
        "drafted": True,
        "cached": False,
        "cut": True,
        "shortened": False,
        "shed": ["speculation", "interim text", "encoder window", "terms"],
        "speculation": {"started": 0, "adopted": 0},
        "cost": {
            "requests": 2,
            "wasted_requests": 1,
            "answer_tokens": 40,
            "wasted_tokens": 0,
            "busy_ms": 5.0,
        },
    }
