"""Serving: speakers come and go over WebSockets, each with a session of its own, until a signal ends it."""

import asyncio
import contextlib
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TextIO, cast

import latency_kit
from reference_pipeline.composition import (
    compose_answerer,
    compose_detector,
    compose_load_watch,
    compose_policy,
    compose_shedding,
    compose_stages,
    compose_transcribers,
    compose_turn_budgets,
)
from reference_pipeline.conversation import TurnBudgets
from reference_pipeline.display.browser_display import BrowserDisplay
from reference_pipeline.display.channel import Channel
from reference_pipeline.display.figures_feed import feed_figures
from reference_pipeline.display.server import DisplayServer
from reference_pipeline.display.sessions import Sessions
from reference_pipeline.display.terminal_display import TerminalDisplay
from reference_pipeline.lifecycle import blocking_calls, configure_telemetry, on_signals
from reference_pipeline.ports import Answerer, AudioSource, Transcriber
from reference_pipeline.results import RunResult
from reference_pipeline.serving.admission import Admission
from reference_pipeline.serving.listening_thread import ListeningThread
from reference_pipeline.serving.named_lines import NamedLines
from reference_pipeline.serving.speaker_sessions import ServedSession, SpeakerSessions
from reference_pipeline.session import Session
from reference_pipeline.session_losses import SessionLosses
from reference_pipeline.settings import Settings
from reference_pipeline.shedding import Shedding
from reference_pipeline.turn import TurnRecord

__all__ = ["TURNS_KEPT", "serve_speakers"]

TURNS_KEPT = 20_000
"""Turns that the result tells of one by one; of older ones the figures remain."""

_LAST_ANSWERS_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _SessionOpener:
    """Makes the session of a speaker; what sessions share is made once and given in."""

    settings: Settings
    budgets: TurnBudgets
    answerer: Answerer
    transcriber_of: Callable[[str], Transcriber]
    shedding: Shedding
    out: TextIO
    losses: SessionLosses = field(default_factory=SessionLosses)
    ended: deque[tuple[str, TurnRecord]] = field(default_factory=lambda: deque(maxlen=TURNS_KEPT))

    def __call__(self, source: AudioSource, channel: Channel) -> ServedSession:
        lines = cast("TextIO", NamedLines(self.out, source.name))
        display = BrowserDisplay(channel, TerminalDisplay(lines))
        session = Session(
            source=source,
            detector=compose_detector(),
            transcriber=self.transcriber_of(source.name),
            stages=compose_stages(
                self.settings, answerer=self.answerer, display=display, shedding=self.shedding
            ),
            settings=self.settings.conversation,
            budgets=self.budgets,
            on_turn=lambda record: self.ended.append((source.name, record)),
        )
        return _CountedSession(session, lambda: self.losses.add(session, source=source, display=display))


class _CountedSession:
    """A session whose losses are counted when it has ended, however it did."""

    def __init__(self, session: Session, count: Callable[[], None]) -> None:
        self._session = session
        self._count = count

    def stop(self) -> None:
        self._session.stop()

    async def run(self) -> None:
        try:
            await self._session.run()
        finally:
            self._count()


async def serve_speakers(
    settings: Settings,
    *,
    stream: TextIO | None = None,
    transcriber_of: Callable[[str], Transcriber] | None = None,
    shedding: Shedding | None = None,
    stopped: asyncio.Event | None = None,
) -> RunResult:
    """Hear speakers until a signal comes, and return what came of it.

    Args:
        settings: What was chosen.
        stream: Where lines about sessions and turns go; standard output by default.
        transcriber_of: Makes the transcriber of the session of that name; by default as the settings say.
        shedding: What is left out under load; by default as the settings say.
        stopped: Ends it as a signal does.

    Raises:
        PipelineError: A part cannot begin.
        PolicyError: The budgets have mistakes.
    """
    policy = compose_policy(settings)
    budgets = compose_turn_budgets(policy)
    out = stream or sys.stdout
    stopped = stopped or asyncio.Event()
    shedding = shedding or compose_shedding(settings)
    opener = _SessionOpener(
        settings=settings,
        budgets=budgets,
        answerer=compose_answerer(settings),
        transcriber_of=transcriber_of or _transcribers(settings, shedding),
        shedding=shedding,
        out=out,
    )

    def tell(line: str) -> None:
        print(line, file=out, flush=True)

    channels = Sessions()
    thread = ListeningThread()
    admission = Admission(sessions=settings.sessions)
    speakers = SpeakerSessions(
        channels=channels, open_session=opener, admission=admission, thread=thread, tell=tell
    )
    server = DisplayServer(
        channels, host=settings.host, port=settings.port, token=settings.token, speakers=speakers
    )
    telemetry = configure_telemetry(settings, policy)
    start_unix_nano = time.time_ns()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(telemetry.shutdown)
        stack.callback(thread.close)
        stack.push_async_callback(opener.answerer.close)
        await opener.answerer.available()
        tell(f"answers come from {opener.answerer.provider.value}")
        await stack.enter_async_context(server)
        await stack.enter_async_context(feed_figures(channels, telemetry))
        stack.enter_context(latency_kit.start_probes(event_loop=True, tell_calls=False))
        watch = compose_load_watch(
            budgets, telemetry=telemetry, shedding=shedding, tell=tell, admission=admission
        )
        await stack.enter_async_context(watch.running())
        with on_signals(stopped.set):
            tell(f"speakers: {server.speaker_url()}")
            await stopped.wait()
        await speakers.finish(_LAST_ANSWERS_LIMIT_S)
        facts = {**speakers.counts.as_facts(), **watch.as_facts(), **opener.losses.as_facts()}
        return _result(telemetry, opener, facts, start_unix_nano)


def _transcribers(settings: Settings, shedding: Shedding) -> Callable[[str], Transcriber]:
    make = compose_transcribers(settings, shedding=shedding)
    return lambda _: make()


def _result(
    telemetry: latency_kit.Telemetry,
    opener: _SessionOpener,
    facts: dict[str, str],
    start_unix_nano: int,
) -> RunResult:
    telemetry.flush()
    return RunResult(
        title="Speakers served",
        records=tuple(record for _, record in opener.ended),
        session_names=tuple(name for name, _ in opener.ended),
        series=telemetry.snapshot(),
        evaluations=telemetry.evaluate(),
        facts={"answered by": opener.answerer.provider.value, **facts},
        losses=telemetry.losses(),
        blocking_calls=blocking_calls(),
        start_unix_nano=start_unix_nano,
        end_unix_nano=time.time_ns(),
    )
