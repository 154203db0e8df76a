"""What is lost on the way of a session is told in the report."""

import asyncio
import io
from types import SimpleNamespace
from typing import Any

import pytest

from reference_pipeline.display.browser_display import BrowserDisplay
from reference_pipeline.display.channel import Channel
from reference_pipeline.display.terminal_display import TerminalDisplay
from reference_pipeline.events import AnswerCost
from reference_pipeline.serve import _CountedSession
from reference_pipeline.session_losses import SessionLosses


@pytest.fixture
def losses() -> SessionLosses:
    return SessionLosses()


def _add(losses: SessionLosses, display: Any = None, **lost: int) -> None:
    cost = AnswerCost(requests=lost.get("requests", 0), answer_tokens=lost.get("tokens", 0))
    session: Any = SimpleNamespace(lost_blocks=lost.get("blocks", 0), unclaimed_cost=cost)
    source: Any = SimpleNamespace(
        overruns=lost.get("overruns", 0), losses=lost.get("devices", 0), tell_losses=print
    )
    losses.add(session, source=source, display=display)


def test_where_nothing_was_lost_the_report_says_so_of_the_sound_alone(losses: SessionLosses) -> None:
    _add(losses)
    assert losses.as_facts() == {"blocks lost at capture": "0"}


def test_what_was_lost_is_added_up_over_the_sessions(losses: SessionLosses) -> None:
    _add(losses, overruns=2, blocks=5)
    _add(losses, overruns=1, devices=1, requests=1, tokens=12)
    assert losses.as_facts() == {
        "requests for no turn": "1",
        "tokens for no turn": "12",
        "blocks lost at capture": "3",
        "devices lost": "1",
        "blocks lost before transcription": "5",
    }


def test_what_pages_did_not_see_is_told(losses: SessionLosses) -> None:
    channel = Channel("main")
    display = BrowserDisplay(channel, TerminalDisplay(io.StringIO()))
    display.unanswered = 3
    channel.counts.hidden = 7
    channel.counts.paints = 40
    channel.counts.dropped_viewers = 1
    _add(losses, display)
    assert losses.as_facts() == {
        "blocks lost at capture": "0",
        "paints that pages told": "40",
        "paints that no page told in time": "3",
        "reports by hidden pages": "7",
        "viewers that fell behind": "1",
    }


@pytest.mark.parametrize("fails", [False, True])
def test_a_served_session_is_counted_when_it_has_ended_however_it_did(*, fails: bool) -> None:
    happened: list[str] = []

    async def run() -> None:
        happened.append("run")
        if fails:
            raise ZeroDivisionError

    session: Any = SimpleNamespace(run=run, stop=lambda: happened.append("stop"))
    counted = _CountedSession(session, lambda: happened.append("counted"))
    counted.stop()
    (result,) = asyncio.run(_outcome(counted))
    assert isinstance(result, ZeroDivisionError) == fails
    assert happened == ["stop", "run", "counted"]


async def _outcome(session: _CountedSession) -> list[BaseException | None]:
    return await asyncio.gather(session.run(), return_exceptions=True)
