"""A spoken question is painted in a real browser, in one exported trace, and sessions never mix."""

import asyncio
import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import latency_kit
from reference_pipeline.capture.file_source import FileSource
from reference_pipeline.composition import (
    compose_answerer,
    compose_detector,
    compose_policy,
    compose_stages,
    compose_transcriber,
    compose_turn_budgets,
)
from reference_pipeline.display.browser_display import BrowserDisplay
from reference_pipeline.display.server import DisplayServer
from reference_pipeline.display.sessions import Sessions
from reference_pipeline.display.terminal_display import TerminalDisplay
from reference_pipeline.events import TurnStatus
from reference_pipeline.session import Session
from reference_pipeline.settings import Settings
from reference_pipeline.turn import MonitoringPoint, TurnRecord

playwright_api = pytest.importorskip("playwright.async_api", reason="playwright comes with the extra 'dev'")
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed on this machine")

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

BOUND_S = 120
"""However busy the machine is, the page paints by then; what is awaited is the paint."""

SETTINGS = Settings(engine="pocketsphinx", offline=True)

PARENTS = {
    "turn.utterance": None,
    "capture.speech": "turn.utterance",
    "turn.end_to_end": "turn.utterance",
    "capture.endpoint_wait": "turn.end_to_end",
    "transcription.queue_wait": "turn.end_to_end",
    "transcription.finalise": "turn.end_to_end",
    "transcription.segment": "turn.end_to_end",
    "questions.detect": "turn.end_to_end",
    "transcription.deduplicate": "turn.end_to_end",
    "answering.answer": "turn.end_to_end",
    "display.show": "turn.end_to_end",
    "display.broadcast": "display.show",
    "display.deliver": "display.show",
    "display.dom_update": "display.show",
    "display.frame": "display.show",
}


async def hear(
    session: str, path: Path, server: DisplayServer, sessions: Sessions, context: Any
) -> TurnRecord:
    """Run one session in front of a page of its own; return its only turn, checked in the document."""
    display = BrowserDisplay(sessions.open(session), TerminalDisplay(io.StringIO()), paint_bound_s=BOUND_S)
    answerer = compose_answerer(SETTINGS)
    context.set_default_timeout(1000 * BOUND_S)
    page = await context.new_page()
    await page.goto(server.url(session))
    await page.wait_for_selector('#state[data-state="live"]')
    heard = Session(
        source=FileSource(path),
        detector=compose_detector(),
        transcriber=compose_transcriber(SETTINGS),
        stages=compose_stages(SETTINGS, answerer=answerer, display=display),
        settings=SETTINGS.conversation,
        budgets=compose_turn_budgets(compose_policy(SETTINGS)),
    )
    await heard.run()
    await answerer.close()
    (record,) = heard.records
    assert await page.text_content(".answer") == record.answer
    return record


async def hear_beside_each_other(paths: dict[str, Path]) -> dict[str, TurnRecord]:
    sessions = Sessions()
    async with playwright_api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        async with DisplayServer(sessions, port=0) as server:
            # A context for each: pages of one window hide each other, and hidden pages paint nothing.
            runs = [
                hear(name, path, server, sessions, await browser.new_context())
                for name, path in paths.items()
            ]
            records = await asyncio.wait_for(asyncio.gather(*runs), timeout=BOUND_S)
        await browser.close()
    return dict(zip(paths, records, strict=True))


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_two_sessions_are_answered_in_two_pages_each_in_one_trace_of_its_own(
    clip: Callable[..., Path], otlp: Any, otlp_receiver: Any, protocol: str
) -> None:
    with latency_kit.configure(
        service_name="test", endpoint=otlp_receiver.endpoint(protocol), protocol=protocol
    ) as telemetry:
        records = asyncio.run(
            hear_beside_each_other({"one": clip("memory-leak"), "two": clip("race-condition")})
        )
        assert telemetry.flush()
        assert telemetry.losses() == {}
    assert {name: record.answer_source for name, record in records.items()} == {
        "one": "memory-leak",
        "two": "race-condition",
    }
    for record in records.values():
        assert (record.status, record.display) == (TurnStatus.ANSWERED, "browser")
        check_trace(record, otlp_receiver, otlp)
        check_that_nothing_said_was_sent(record, otlp_receiver)
    assert len({record.trace_id for record in records.values()}) == 2


def check_that_nothing_said_was_sent(record: TurnRecord, receiver: Any) -> None:
    """No three words of what was heard, asked or answered stand in any span or metric."""
    sent = b"\n".join(sent.SerializeToString() for sent in (*receiver.spans(), *receiver.metrics())).lower()
    assert b"end_to_end" in sent
    for text in (record.text, *record.questions, record.answer):
        words = text.lower().split()
        assert len(words) >= 3
        for at in range(len(words) - 2):
            assert " ".join(words[at : at + 3]).encode() not in sent


def check_trace(record: TurnRecord, receiver: Any, otlp: Any) -> None:
    """The whole way is one trace with right parents; the end-to-end span ends at the paint."""
    spans = [span for span in receiver.spans() if span.trace_id.hex() == record.trace_id]
    by_id = {span.span_id: span for span in spans}
    found = {}
    for span in spans:
        parent = by_id[span.parent_span_id].name if span.parent_span_id else None
        if span.name in PARENTS:
            assert parent == PARENTS[span.name], span.name
        assert not span.parent_span_id or span.parent_span_id in by_id
        found[span.name] = span
    assert set(PARENTS) <= set(found)
    end_to_end = found["turn.end_to_end"]
    assert end_to_end.end_time_unix_nano - end_to_end.start_time_unix_nano == record.account.end_to_end_ns
    answers = [
        span
        for span in spans
        if span.name == "display.show" and otlp.attributes_of(span.attributes)["kind"] == "answer"
    ]
    assert answers[-1].end_time_unix_nano == end_to_end.end_time_unix_nano
    points = {point.value for point in MonitoringPoint}
    events = [event.name for event in end_to_end.events if event.name in points]
    assert events == [
        "capture_start",
        "end_of_speech",
        "endpoint_decided",
        "transcription_complete",
        "question_detected",
        "request_sent",
        "first_text",
        "first_token",
        "response_received",
        "first_text_painted",
        "first_answer_painted",
        "displayed",
    ]
    assert list(record.points_ns.values()) == sorted(record.points_ns.values())
    rest_ns = record.account.rest_ns
    assert rest_ns < 20_000_000 or rest_ns < record.account.end_to_end_ns * 2 // 100
