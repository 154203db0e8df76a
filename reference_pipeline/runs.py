"""One run of the assistant: telemetry, page and session, from the first block of sound to the result."""

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Mapping
from typing import TextIO

import latency_kit
from reference_pipeline.capture.device_losses import DeviceNotice, tell_losses_of
from reference_pipeline.composition import (
    compose_answerer,
    compose_detector,
    compose_load_watch,
    compose_policy,
    compose_shedding,
    compose_stages,
    compose_transcriber,
    compose_turn_budgets,
)
from reference_pipeline.display.browser_display import BrowserDisplay
from reference_pipeline.display.figures_feed import feed_figures
from reference_pipeline.display.server import DisplayServer
from reference_pipeline.display.sessions import Sessions
from reference_pipeline.display.terminal_display import TerminalDisplay
from reference_pipeline.events import DisplayMessage, MessageKind
from reference_pipeline.lifecycle import blocking_calls, configure_telemetry, on_signals
from reference_pipeline.message_data import NoticeData
from reference_pipeline.ports import AudioSource, Display
from reference_pipeline.results import RunResult
from reference_pipeline.session import Session
from reference_pipeline.session_losses import SessionLosses
from reference_pipeline.settings import Settings
from reference_pipeline.showing import Showing
from reference_pipeline.turn import TurnRecord

__all__ = ["run_assistant", "show_losses"]

_PROGRESS_INTERVAL_S = 0.5

_log = logging.getLogger(__name__)


async def run_assistant(
    settings: Settings,
    source: AudioSource,
    *,
    title: str,
    duration_s: float | None = None,
    stay: bool = False,
    stream: TextIO | None = None,
) -> RunResult:
    """Hear `source` to its end (or until a signal), answer, show, and return what came of it.

    Args:
        settings: What was chosen.
        source: Opened, not started.
        title: What the report is headed with.
        duration_s: Length of the source where it is known, for the progress line.
        stay: Go on serving the page after the source's end, until a signal.
        stream: Where the terminal display prints; standard output by default.

    Raises:
        PipelineError: A part cannot begin, or the source was lost.
        PolicyError: The budgets have mistakes.
    """
    policy = compose_policy(settings)
    budgets = compose_turn_budgets(policy)
    answerer = compose_answerer(settings)
    shedding = compose_shedding(settings)
    transcriber = compose_transcriber(settings, shedding=shedding)
    out = stream or sys.stdout
    terminal = TerminalDisplay(out)
    sessions = Sessions()
    server = DisplayServer(sessions, host=settings.host, port=settings.port, token=settings.token)
    telemetry = configure_telemetry(settings, policy)
    start_unix_nano = time.time_ns()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(telemetry.shutdown)
        stack.push_async_callback(answerer.close)
        stack.push_async_callback(terminal.close)
        display: Display = terminal
        if settings.serve:
            display = BrowserDisplay(sessions.open(), terminal)
            await stack.enter_async_context(server)
            await stack.enter_async_context(feed_figures(sessions, telemetry))
            print(f"page: {server.url()}", file=out, flush=True)
        print(f"hearing {source.name} with {transcriber.name}", file=out, flush=True)
        stack.push_async_callback(show_losses(source, display).end)
        session = Session(
            source=source,
            detector=compose_detector(),
            transcriber=transcriber,
            stages=compose_stages(settings, answerer=answerer, display=display, shedding=shedding),
            settings=settings.conversation,
            budgets=budgets,
        )
        await answerer.available()
        print(f"answers come from {answerer.provider.value}", file=out, flush=True)
        # The page, the answers and the turns share one loop: what keeps it is told in the report.
        stack.enter_context(latency_kit.start_probes(event_loop=True, tell_calls=False))
        watch = compose_load_watch(budgets, telemetry=telemetry, shedding=shedding, tell=_log.warning)
        await stack.enter_async_context(watch.running())
        await _hear(session, terminal, duration_s, stay=stay and settings.serve)
        records = session.records
        telemetry.flush()
        return RunResult(
            title=title,
            records=records,
            series=telemetry.snapshot(),
            evaluations=telemetry.evaluate(),
            facts={
                **_facts(source, transcriber.name, records),
                **watch.as_facts(),
                **_lost(session, source, display),
            },
            losses=telemetry.losses(),
            blocking_calls=blocking_calls(),
            start_unix_nano=start_unix_nano,
            end_unix_nano=time.time_ns(),
            recorded=None if settings.session is None else telemetry.session(),
        )


def show_losses(source: AudioSource, display: Display) -> Showing:
    """Have the losses of the source's devices shown, and their return; `end` what this returns."""
    loop, showing = asyncio.get_running_loop(), Showing(display)

    def told(notice: DeviceNotice) -> None:
        data: NoticeData = {"over": notice.is_back}
        message = DisplayMessage(
            kind=MessageKind.NOTICE, turn=0, text=notice.text, data=dict(data), traceparent="", traced=False
        )
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it who would see it
            loop.call_soon_threadsafe(showing.show_soon, message)

    tell_losses_of(source, told)
    return showing


async def _hear(session: Session, terminal: TerminalDisplay, duration_s: float | None, *, stay: bool) -> None:
    """Run the session to its end or to a signal; where it is to `stay`, wait for the signal after the end."""
    stopped = asyncio.Event()
    with on_signals(session.stop, stopped.set):
        progress = asyncio.create_task(_progress(terminal, session, duration_s))
        try:
            await session.run()
        finally:
            progress.cancel()
        if stay:
            await stopped.wait()


def _facts(source: AudioSource, engine: str, records: tuple[TurnRecord, ...]) -> dict[str, str]:
    asked = sum(len(record.questions) for record in records)
    providers = sorted({record.answered_by for record in records if record.answered_by})
    return {
        "source": source.name,
        "engine": engine,
        "questions heard": str(asked),
        "answered by": ", ".join(providers) or "nobody",
    }


def _lost(session: Session, source: AudioSource, display: Display) -> Mapping[str, str]:
    losses = SessionLosses()
    losses.add(session, source=source, display=display)
    return losses.as_facts()


async def _progress(terminal: TerminalDisplay, session: Session, duration_s: float | None) -> None:
    started_s = time.monotonic()
    while True:
        heard_s = time.monotonic() - started_s
        of = f" of {duration_s:.0f}" if duration_s is not None else ""
        answered = sum(1 for record in session.records if record.answer)
        terminal.show_progress(
            f"  {heard_s:3.0f}{of} s heard, {len(session.records)} turns, {answered} answered"
        )
        await asyncio.sleep(_PROGRESS_INTERVAL_S)
