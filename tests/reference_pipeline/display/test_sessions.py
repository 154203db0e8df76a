"""Sessions have plain names, and each runs once."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from reference_pipeline.display.sessions import Sessions
from reference_pipeline.ports import PipelineError

Run = Callable[..., Any]


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "caf\u00e9", "../etc", "a\n"])
def test_a_session_has_a_plain_name(name: str) -> None:
    with pytest.raises(PipelineError, match="cannot name a session"):
        Sessions().open(name)


def test_a_session_runs_once(run: Run) -> None:
    sessions = Sessions()
    channel = sessions.open("a")
    assert sessions.find("a") is channel
    with pytest.raises(PipelineError, match="runs already"):
        sessions.open("a")
    sessions.end_all()
    assert sessions.open("a") is not channel


def test_only_sessions_that_somebody_watches_are_watched(run: Run, theatre: SimpleNamespace) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage:
            stage.sessions.open("other")
            assert (stage.sessions.names(), stage.sessions.watched()) == (("main", "other"), ())
            async with theatre.open_page(stage.server):
                assert stage.sessions.watched() == (stage.channel,)
            while stage.channel.viewers:  # noqa: ASYNC110  # the channel tells nobody who leaves
                await asyncio.sleep(0.005)
            assert stage.sessions.watched() == ()

    run(scenario())
