"""Speakers come, are heard in sessions of their own or refused with a reason, and go, whatever happens."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from reference_pipeline.display.sessions import Sessions
from reference_pipeline.serving import speaker_sessions
from reference_pipeline.serving.admission import Admission
from reference_pipeline.serving.listening_thread import ListeningThread
from reference_pipeline.serving.speaker_sessions import SpeakerSessions

HELLO = {"type": "hello", "rate": 16_000}
PIECE = np.full(320, 1000)


def allowed(token: str | None) -> bool:
    return True


@pytest.fixture
def served(session_of: Any) -> Any:
    """Sessions with places for two speakers; what they opened is kept."""
    thread = ListeningThread()
    opened: list[Any] = []
    channels = Sessions()
    lines: list[str] = []

    def open_session(source: Any, channel: Any) -> Any:
        opened.append(session_of(source))
        return opened[-1]

    speakers = SpeakerSessions(
        channels=channels,
        open_session=open_session,
        admission=Admission(sessions=2),
        thread=thread,
        tell=lines.append,
    )
    yield SimpleNamespace(speakers=speakers, opened=opened, channels=channels, lines=lines, thread=thread)
    assert thread.close()


async def welcomed(served: Any, connection: Any, **hello: object) -> "asyncio.Task[None]":
    connection.say({**HELLO, **hello})
    visit = asyncio.create_task(served.speakers.attend(connection, token_allowed=allowed))
    await connection.welcome.wait()
    return visit


def test_a_speaker_is_heard_from_its_welcome_to_its_bye(served: Any, connection_of: Any, run: Any) -> None:
    async def visit() -> None:
        connection = connection_of(offset_ms=1e6)
        visiting = await welcomed(served, connection, session="anna")
        assert served.channels.find("anna") is not None
        for number in range(3):
            connection.sound(PIECE, number * 320, connection.now_ms())
        connection.say({"type": "bye"})
        await visiting
        assert connection.closed == (1000, "heard to the end")

    run(visit())
    (session,) = served.opened
    assert len(session.blocks) == 3
    assert session.ended == [None]
    assert served.channels.find("anna") is None
    assert served.speakers.counts.ended == 1


def test_sessions_without_a_wish_get_names_that_are_free(served: Any, connection_of: Any, run: Any) -> None:
    async def visit() -> list[str]:
        first, second = connection_of(), connection_of()
        visits = [await welcomed(served, first, session="s1"), await welcomed(served, second)]
        for connection in (first, second):
            connection.say({"type": "bye"})
        await asyncio.gather(*visits)
        return [connection.sent[-1]["session"] for connection in (first, second)]

    assert run(visit()) == ["s1", "s2"]


def test_one_beyond_the_places_is_refused_before_it_has_said_anything(
    served: Any, connection_of: Any, run: Any
) -> None:
    async def visit() -> None:
        heard = [connection_of(), connection_of()]
        visits = [await welcomed(served, connection) for connection in heard]
        third = connection_of()
        await served.speakers.attend(third, token_allowed=allowed)
        assert third.closed == (1013, "all 2 places are taken; try again later")
        for connection in heard:
            connection.say({"type": "bye"})
        await asyncio.gather(*visits)
        again = connection_of()
        visiting = await welcomed(served, again)
        again.say({"type": "bye"})
        await visiting

    run(visit())
    counts = served.speakers.counts
    assert (counts.admitted, counts.most_at_once, dict(counts.refused)) == (3, 2, {"full": 1})


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"type": "hello", "rate": 1}, 4400),
        ({"type": "bye"}, 4400),
        (b"\0\0\0", 4400),
        ({**HELLO, "session": "no such name"}, 4409),
    ],
)
def test_a_speaker_that_makes_no_sense_is_refused_with_a_reason(
    served: Any, connection_of: Any, run: Any, said: object, code: int
) -> None:
    connection = connection_of()
    connection.say(said)
    run(served.speakers.attend(connection, token_allowed=allowed))
    assert connection.closed is not None
    assert connection.closed[0] == code
    assert connection.closed[1]
    assert served.opened == []


def test_a_speaker_without_the_token_is_refused(served: Any, connection_of: Any, run: Any) -> None:
    connection = connection_of()
    connection.say({**HELLO, "token": "wrong"})
    run(served.speakers.attend(connection, token_allowed=lambda _: False))
    assert connection.closed == (4401, "a token is needed in the hello")


def test_sound_before_the_welcome_is_refused(served: Any, connection_of: Any, run: Any) -> None:
    connection = connection_of(answers_pings=False)
    connection.say(HELLO)
    connection.sound(PIECE, 0, 1.0)
    run(served.speakers.attend(connection, token_allowed=allowed))
    assert connection.closed is not None
    assert connection.closed[0] == 4400


def test_a_name_in_use_is_refused(served: Any, connection_of: Any, run: Any) -> None:
    async def visit() -> None:
        first, second = connection_of(), connection_of()
        visiting = await welcomed(served, first, session="anna")
        second.say({**HELLO, "session": "anna"})
        await served.speakers.attend(second, token_allowed=allowed)
        assert second.closed is not None
        assert second.closed[0] == 4409
        assert "anna" in second.closed[1]
        first.say({"type": "bye"})
        await visiting

    run(visit())


def test_a_speaker_that_is_lost_ends_its_session_alone_and_is_counted(
    served: Any, connection_of: Any, run: Any
) -> None:
    async def visit() -> None:
        lost, other = connection_of(), connection_of()
        losing = await welcomed(served, lost)
        visiting = await welcomed(served, other)
        lost.say(None)
        await losing
        assert served.speakers.running == 1
        other.say({"type": "bye"})
        await visiting

    run(visit())
    assert [str(error) for error in served.opened[0].ended] == ["the speaker was lost"]
    assert served.opened[1].ended == [None]
    counts = served.speakers.counts
    assert (counts.lost, counts.ended, counts.failed) == (1, 1, 0)


def test_sound_that_comes_faster_than_it_can_be_spoken_ends_the_session(
    served: Any, connection_of: Any, run: Any
) -> None:
    async def visit() -> None:
        connection = connection_of()
        visiting = await welcomed(served, connection)
        for number in range(6):
            connection.sound(np.zeros(8000), number * 8000, connection.now_ms())
        await visiting
        assert connection.closed is not None
        assert "faster" in connection.closed[1]

    run(visit())
    assert served.speakers.counts.lost == 1


def test_a_speaker_that_sends_no_sound_any_more_is_lost(
    served: Any, connection_of: Any, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speaker_sessions, "_NO_SOUND_S", 0.01)

    async def visit() -> None:
        connection = connection_of()
        visiting = await welcomed(served, connection)
        connection.sound(PIECE, 0, connection.now_ms())
        await visiting
        assert connection.closed is not None
        assert connection.closed[0] == 4408

    run(visit())
    assert served.speakers.counts.lost == 1


def test_a_session_that_fails_is_told_and_counted(
    served: Any, connection_of: Any, run: Any, session_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(source: Any, channel: Any) -> Any:
        return session_of(source, fails=ValueError("no model"))

    served.speakers._open_session = fails
    connection = connection_of()
    connection.say(HELLO)
    run(served.speakers.attend(connection, token_allowed=allowed))
    assert connection.closed == (1011, "the session failed: no model")
    assert served.speakers.counts.failed == 1
    assert served.channels.find("s1") is None


def test_at_the_end_all_sessions_are_stopped_and_nobody_is_let_in(
    served: Any, connection_of: Any, run: Callable[..., Any]
) -> None:
    async def visit() -> None:
        connection = connection_of()
        visiting = await welcomed(served, connection)
        await served.speakers.finish(5.0)
        await visiting
        assert connection.closed == (1001, "the server is ending")
        late = connection_of()
        await served.speakers.attend(late, token_allowed=allowed)
        assert late.closed == (1001, "the server is ending")

    run(visit())
    assert served.opened[0].stopped
