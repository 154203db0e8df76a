"""The sessions of the speakers that are connected now: each heard from its hello to its last answer."""

import asyncio
import itertools
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import latency_kit
from reference_pipeline.display.channel import Channel
from reference_pipeline.display.sessions import Sessions
from reference_pipeline.display.speaker_door import SpeakerConnection
from reference_pipeline.display.wire import MalformedMessageError
from reference_pipeline.ports import AudioSource, PipelineError, SourceError
from reference_pipeline.serving.handshake import greet, malformed
from reference_pipeline.serving.listening_thread import ListeningThread
from reference_pipeline.serving.refusal import (
    CLOSE_FAILED,
    CLOSE_GOING,
    CLOSE_HEARD,
    CLOSE_MALFORMED,
    CLOSE_NAME_TAKEN,
    CLOSE_NO_SOUND,
    Refusal,
    RefusedError,
)
from reference_pipeline.serving.remote_source import RemoteSource
from reference_pipeline.serving.sender_clock import SenderClock
from reference_pipeline.serving.speaker_wire import SpeakerBye, parse_said, parse_sound, welcome_message

__all__ = ["AdmissionPort", "ServedSession", "ServingCounts", "SpeakerSessions"]

_PING_EVERY_S = 5.0
_NO_SOUND_S = 5.0
"""A speaker whose sound stays away for so long is lost: unplugged, suspended, or its network is gone."""

_AHEAD_NS = 2_000_000_000
"""How far sound may run ahead of the time in which it can have been spoken."""

_log = logging.getLogger(__name__)


class ServedSession(Protocol):
    """What is known here of a session."""

    def stop(self) -> None:
        """End it soon: no more is heard, what was asked is still answered."""
        ...

    async def run(self) -> None:
        """Run it to its end."""
        ...


class AdmissionPort(Protocol):
    """Decides who is let in; asked before anything is done for a speaker."""

    def refusal(self, sessions: int) -> Refusal | None:
        """Return why nobody is let in beside `sessions` that run or are about to; None where one is."""
        ...


@dataclass(slots=True, kw_only=True)
class ServingCounts:
    """What became of the speakers that came; it only grows.

    Attributes:
        admitted: Speakers whose session began.
        ended: Sessions that came to a regular end.
        lost: Sessions whose speaker was lost on the way.
        failed: Sessions that failed by a fault of ours.
        refused: Speakers refused, by kind of reason.
        most_at_once: Sessions that ran beside each other, at most.
    """

    admitted: int = 0
    ended: int = 0
    lost: int = 0
    failed: int = 0
    most_at_once: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def as_facts(self) -> Mapping[str, str]:
        """Return them as a report's lines."""
        refused = ", ".join(f"{kind} {count}" for kind, count in sorted(self.refused.items()))
        return {
            "speakers admitted": f"{self.admitted} ({self.most_at_once} at once at most)",
            "speakers refused": f"{self.refused.total()}{f' ({refused})' if refused else ''}",
            "speakers lost": str(self.lost),
            "sessions failed": str(self.failed),
        }


class SpeakerSessions:
    """Attends to speakers: a session for each, named, watched on a channel of its own.

    * A speaker is refused before it has cost more than its connection, and is told why.
    * However a visit ends, its session has ended, and its channel too, when `attend` returns.
    * What is lost of one speaker's connection ends no other session.
    """

    def __init__(
        self,
        *,
        channels: Sessions,
        open_session: Callable[[AudioSource, Channel], ServedSession],
        admission: AdmissionPort,
        thread: ListeningThread,
        tell: Callable[[str], None] = lambda line: None,  # noqa: ARG005  # nobody listens by default
    ) -> None:
        """Prepare to attend.

        Args:
            channels: Where viewers find the sessions.
            open_session: Makes a session of a source and its channel, on a thread of no importance.
            admission: Decides who is let in.
            thread: On which the sound is listened to.
            tell: Gets a line for people when a session begins or ends, and when a speaker is refused.
        """
        self.counts = ServingCounts()
        self._channels = channels
        self._open_session = open_session
        self._admission = admission
        self._thread = thread
        self._tell = tell
        self._numbers = itertools.count(1)
        self._places = 0
        # One after the other: threads that fight for the interpreter hold the event loop up by 5 ms each
        # whenever it wakes, and those who are refused meanwhile would wait for it.
        self._opening = asyncio.Lock()
        self._running: dict[str, ServedSession] = {}
        self._visits: set[asyncio.Task[object]] = set()
        self._closing = False

    @property
    def running(self) -> int:
        """Sessions that run now."""
        return len(self._running)

    async def attend(
        self, connection: SpeakerConnection, *, token_allowed: Callable[[str | None], bool]
    ) -> None:
        """Hear one speaker to the end of its session."""
        if (refusal := self._refusal()) is not None:
            await self._refuse(connection, refusal)
            return
        visit = asyncio.current_task()
        self._places += 1
        if visit is not None:
            self._visits.add(visit)
        try:
            await self._visit(connection, token_allowed)
        except RefusedError as refused:
            await self._refuse(connection, refused.refusal)
        finally:
            self._places -= 1
            if visit is not None:
                self._visits.discard(visit)

    async def finish(self, timeout_s: float) -> None:
        """Let nobody in any more, end all sessions, and wait for their last answers."""
        self._closing = True
        for session in list(self._running.values()):
            session.stop()
        visits = set(self._visits)
        if visits:
            _, late = await asyncio.wait(visits, timeout=timeout_s)
            for visit in late:
                visit.cancel()
            await asyncio.gather(*visits, return_exceptions=True)

    def _refusal(self) -> Refusal | None:
        if self._closing:
            return Refusal(code=CLOSE_GOING, kind="closing", reason="the server is ending")
        return self._admission.refusal(self._places)

    async def _refuse(self, connection: SpeakerConnection, refusal: Refusal) -> None:
        self.counts.refused[refusal.kind] += 1
        await connection.close(refusal.code, refusal.reason)
        self._tell(f"refused a speaker: {refusal.reason}")

    async def _visit(
        self, connection: SpeakerConnection, token_allowed: Callable[[str | None], bool]
    ) -> None:
        clock = SenderClock()
        hello = await greet(connection, clock, token_allowed=token_allowed)
        if hello is None:
            return
        name = hello.session or self._free_name()
        try:
            channel = self._channels.open(name)
        except PipelineError as error:
            raise RefusedError(Refusal(code=CLOSE_NAME_TAKEN, kind="name", reason=str(error))) from error
        source = RemoteSource(name, rate=hello.rate, clock=clock, thread=self._thread)
        try:
            async with self._opening:
                session = await asyncio.to_thread(self._open_session, source, channel)
            self._running[name] = session
            self.counts.admitted += 1
            self.counts.most_at_once = max(self.counts.most_at_once, self.running)
            self._tell(f"session {name} has begun")
            ending = await self._run(connection, session, source, clock)
        finally:
            source.end(None)
            self._running.pop(name, None)
            self._channels.end(name)
        self._tell(f"session {name} has ended: {ending.reason}")
        await connection.close(ending.code, ending.reason)

    def _free_name(self) -> str:
        names = (f"s{number}" for number in self._numbers)
        return next(name for name in names if self._channels.find(name) is None)

    async def _run(
        self, connection: SpeakerConnection, session: ServedSession, source: RemoteSource, clock: SenderClock
    ) -> Refusal:
        """Run the session until its speaker has had enough, is lost, or we end; return how it ended."""
        running = asyncio.create_task(session.run(), name=f"session {source.name}")
        hearing = asyncio.create_task(self._hear(connection, source, clock), name=f"speaker {source.name}")
        ending: Refusal | None = None
        try:
            await asyncio.wait({running, hearing}, return_when=asyncio.FIRST_COMPLETED)
            if hearing.done():
                ending = hearing.result()
                source.end(None if ending.code == CLOSE_HEARD else SourceError(ending.reason))
            await asyncio.wait({running})
        finally:
            hearing.cancel()
            if not running.done():
                session.stop()
                running.cancel()
            await asyncio.gather(running, hearing, return_exceptions=True)
        return self._judged(source.name, running, ending)

    def _judged(self, name: str, running: "asyncio.Task[None]", ending: Refusal | None) -> Refusal:
        error = running.exception()
        if error is not None and not (ending is not None and isinstance(error, SourceError)):
            _log.error("session %s failed", name, exc_info=error)
            self.counts.failed += 1
            return Refusal(code=CLOSE_FAILED, kind="failed", reason=f"the session failed: {error}")
        if ending is None:
            self.counts.ended += 1
            return Refusal(code=CLOSE_GOING, kind="closing", reason="the server is ending")
        if ending.code == CLOSE_HEARD:
            self.counts.ended += 1
        else:
            self.counts.lost += 1
        return ending

    async def _hear(self, connection: SpeakerConnection, source: RemoteSource, clock: SenderClock) -> Refusal:
        """Take what the speaker sends until it says bye or is lost; return how it ended."""
        await source.wait_until_started()
        await connection.send(welcome_message(source.name))
        pinging = asyncio.create_task(_ping(connection, clock), name=f"ping {source.name}")
        taking = asyncio.create_task(_take_all(connection, source, clock), name=f"take {source.name}")
        silent = asyncio.create_task(_until_silent(source), name=f"silence {source.name}")
        try:
            await asyncio.wait({taking, silent}, return_when=asyncio.FIRST_COMPLETED)
            return taking.result() if taking.done() else silent.result()
        except MalformedMessageError as error:
            return malformed(error).refusal
        finally:
            for task in (pinging, taking, silent):
                task.cancel()
            await asyncio.gather(pinging, taking, silent, return_exceptions=True)


async def _take_all(connection: SpeakerConnection, source: RemoteSource, clock: SenderClock) -> Refusal:
    began_ns = latency_kit.now_ns()
    while True:
        said = await connection.receive()
        arrived_ns = latency_kit.now_ns()
        if said is None:
            return Refusal(code=CLOSE_GOING, kind="lost", reason="the speaker was lost")
        if isinstance(said, bytes):
            source.take(parse_sound(said, rate=source.sample_rate), arrived_ns=arrived_ns)
            if source.sent_ns > arrived_ns - began_ns + _AHEAD_NS:
                return Refusal(
                    code=CLOSE_MALFORMED, kind="lost", reason="sound came faster than it can be spoken"
                )
        elif isinstance(answer := parse_said(said), SpeakerBye):
            return Refusal(code=CLOSE_HEARD, kind="heard", reason="heard to the end")
        else:
            clock.ponged(answer, arrived_ns=arrived_ns)


async def _until_silent(source: RemoteSource) -> Refusal:
    """Wait until no sound has come for too long. Looking now and then is cheaper than a timer a piece."""
    sent_ns = -1
    while source.sent_ns != sent_ns:
        sent_ns = source.sent_ns
        await asyncio.sleep(_NO_SOUND_S)
    reason = f"no sound came for {_NO_SOUND_S:g} s; connect again"
    return Refusal(code=CLOSE_NO_SOUND, kind="lost", reason=reason)


async def _ping(connection: SpeakerConnection, clock: SenderClock) -> None:
    while True:
        await asyncio.sleep(_PING_EVERY_S)
        await connection.send(clock.ping(latency_kit.now_ns()))
