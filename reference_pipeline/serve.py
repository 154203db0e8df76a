"""Serving: speakers come and go over WebSockets, each with a session of its own, until a signal ends it."""

import asyncio
import contextlib
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import TextIO, cast

import latency_kit
from reference_pipeline.composition import (
    compose_answerer,
    compose_detector,
    compose_policy,
    compose_stages,
    compose_transcriber,
    compose_turn_budgets,
)
from reference_pipeline.display.browser_display import BrowserDisplay
from reference_pipeline.display.channel import Channel
from reference_pipeline.display.server import DisplayServer
from reference_pipeline.display.sessions import Sessions
from reference_pipeline.display.terminal_display import TerminalDisplay
from reference_pipeline.lifecycle import blocking_calls, configure_telemetry, on_signals
from reference_pipeline.ports import AudioSource, Transcriber
from reference_pipeline.results import RunResult
from reference_pipeline.serving.admission import Admission
from reference_pipeline.serving.listening_thread import ListeningThread
from reference_pipeline.serving.load_watch import LoadWatch
from reference_pipeline.serving.named_lines import NamedLines
from reference_pipeline.serving.pressure import PressureGauge, limits_of
from reference_pipeline.serving.speaker_sessions import SpeakerSessions
from reference_pipeline.session import Session
from reference_pipeline.settings import Settings
from reference_pipeline.turn import TurnRecord

__all__ = ["TURNS_KEPT", "serve_speakers"]

TURNS_KEPT = 20_000
"""Turns that the result tells of one by one; of older ones the figures remain."""

_LAST_ANSWERS_LIMIT_S = 30.0


async def serve_speakers(
    settings: Settings,
    *,
    stream: TextIO | None = None,
    transcriber_of: Callable[[Settings], Transcriber] = compose_transcriber,
    stopped: asyncio.Event | None = None,
) -> RunResult:
    """Hear speakers until a signal comes, and return what came of it.

    Args:
        settings: What was chosen.
        stream: Where lines about sessions and turns go; standard output by default.
        transcriber_of: Makes the engine of one session.
        stopped: Ends it as a signal does.

    Raises:
        PipelineError: A part cannot begin.
        PolicyError: The budgets have mistakes.
    """
    policy = compose_policy(settings)
    budgets = compose_turn_budgets(policy)
    answerer = compose_answerer(settings)
    out = stream or sys.stdout
    stopped = stopped or asyncio.Event()
    ended: deque[tuple[str, TurnRecord]] = deque(maxlen=TURNS_KEPT)
    channels = Sessions()
    thread = ListeningThread()

    def open_session(source: AudioSource, channel: Channel) -> Session:
        display = BrowserDisplay(channel, TerminalDisplay(cast("TextIO", NamedLines(out, source.name))))
        return Session(
            source=source,
            detector=compose_detector(),
            transcriber=transcriber_of(settings),
            stages=compose_stages(settings, answerer=answerer, display=display),
            settings=settings.conversation,
            budgets=budgets,
            on_turn=lambda record: ended.append((source.name, record)),
        )

    def tell(line: str) -> None:
        print(line, file=out, flush=True)

    admission = Admission(sessions=settings.sessions)
    speakers = SpeakerSessions(
        channels=channels, open_session=open_session, admission=admission, thread=thread, tell=tell
    )
    server = DisplayServer(
        channels, host=settings.host, port=settings.port, token=settings.token, speakers=speakers
    )
    telemetry = configure_telemetry(settings, policy)
    start_unix_nano = time.time_ns()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(telemetry.shutdown)
        stack.callback(thread.close)
        stack.push_async_callback(answerer.close)
        await answerer.available()
        print(f"answers come from {answerer.provider.value}", file=out, flush=True)
        await stack.enter_async_context(server)
        stack.enter_context(latency_kit.start_probes(event_loop=True, tell_calls=False))
        watch = LoadWatch(
            admission=admission,
            interval=lambda: telemetry.interval("load watch").series,
            gauge=PressureGauge(limits_of(budgets.end_to_end)),
            tell=tell,
        )
        stack.push_async_callback(_ended, asyncio.create_task(watch.run(), name="load watch"))
        with on_signals(stopped.set):
            print(f"speakers: {server.speaker_url()}", file=out, flush=True)
            await stopped.wait()
        await speakers.finish(_LAST_ANSWERS_LIMIT_S)
        telemetry.flush()
        return RunResult(
            title="Speakers served",
            records=tuple(record for _, record in ended),
            session_names=tuple(name for name, _ in ended),
            series=telemetry.snapshot(),
            evaluations=telemetry.evaluate(),
            facts={"answered by": answerer.provider.value, **speakers.counts.as_facts(), **watch.as_facts()},
            losses=telemetry.losses(),
            blocking_calls=blocking_calls(),
            start_unix_nano=start_unix_nano,
            end_unix_nano=time.time_ns(),
            recorded=None if settings.session is None else telemetry.session(),
        )


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
