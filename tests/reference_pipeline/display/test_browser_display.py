"""The browser display over real sockets with simulated pages: receipts, fall-back, spans under the turn."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import latency_kit
from latency_kit.measurement.active import active
from latency_kit.measurement.spans import SpanMaker
from latency_kit.testing import capture_measurements
from reference_pipeline.display.browser_display import BrowserDisplay
from reference_pipeline.display.show_spans import record_show
from reference_pipeline.display.terminal_display import TerminalDisplay
from reference_pipeline.events import DisplayMessage, DisplayReceipt, MessageKind
from reference_pipeline.ports import PipelineError

Run = Callable[..., Any]
Make = Callable[..., DisplayMessage]
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_painted_message_gives_the_pages_times_on_our_clock(
    run: Run, theatre: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, theatre.open_page(stage.server, offset_ms=1e7) as page:
            receipt = await stage.display.show(message())
            assert receipt.display == "browser"
            assert receipt.painted_ns <= latency_kit.now_ns()
            assert receipt.painted_ns - receipt.sent_ns < 5_000_000_000, "the offset of hours is taken out"
            assert page.messages[0]["traceparent"] == ""
            assert page.messages[0]["sent_ns"] == receipt.sent_ns
            assert stage.display.name == "browser"

    run(scenario())


def test_without_a_viewer_the_terminal_shows_it_at_once(
    run: Run, theatre: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage:
            receipt = await stage.display.show(message(text="a lock"))
            assert receipt.display == stage.display.name == "terminal"
            assert "a lock" in stage.printed.getvalue()
            assert (stage.display.shown_on_terminal, stage.display.unanswered) == (1, 0)

    run(scenario())


def test_a_page_that_does_not_answer_within_the_bound_is_counted_and_the_terminal_stands_in(
    run: Run, theatre: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, theatre.open_page(stage.server, paints=False):
            display = BrowserDisplay(stage.channel, TerminalDisplay(stage.printed), paint_bound_s=0.02)
            receipt = await display.show(message())
            assert receipt.display == "terminal"
            assert display.unanswered == 1

    run(scenario())


def test_only_hidden_pages_means_the_terminal_without_waiting_for_the_bound(
    run: Run, theatre: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, theatre.open_page(stage.server, hidden=True) as page:
            display = BrowserDisplay(stage.channel, TerminalDisplay(stage.printed), paint_bound_s=1_000.0)
            assert (await display.show(message())).display == "terminal"
            await page.until(lambda it: len(it.messages) == 1)

    run(scenario())


def test_a_page_that_leaves_while_it_is_waited_for_ends_the_waiting(
    run: Run, theatre: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage:
            async with theatre.open_page(stage.server, paints=False) as page:
                showing = asyncio.create_task(stage.display.show(message()))
                await page.until(lambda it: len(it.messages) == 1)
            assert (await showing).display == "terminal"
            assert stage.display.unanswered == 0

    run(scenario())


def test_the_first_page_to_paint_gives_the_receipt_and_every_page_gets_the_message(
    run: Run, theatre: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with (
            theatre.open_stage() as stage,
            theatre.open_page(stage.server, paints=False) as silent,
            theatre.open_page(stage.server) as quick,
        ):
            assert (await stage.display.show(message(text="a"))).display == "browser"
            await silent.until(lambda it: it.texts == ["a"])
            await quick.until(lambda it: it.texts == ["a"])

    run(scenario())


def test_the_terminal_keeps_the_record_while_a_browser_watches(
    run: Run, theatre: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, theatre.open_page(stage.server):
            await stage.display.show(message(MessageKind.QUESTION, "what is a mutex"))
            await stage.display.show(message(text="a lock", last=True))
            assert stage.printed.getvalue().splitlines() == ["   1 ? what is a mutex", "   1 \u2502 a lock"]

    run(scenario())


def test_a_terminal_that_is_gone_matters_only_where_nobody_watches(
    run: Run, theatre: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage:
            async with theatre.open_page(stage.server) as page:
                stage.printed.close()
                assert (await stage.display.show(message(text="a"))).display == "browser"
                assert page.texts == ["a"]
            while stage.channel.viewers:  # noqa: ASYNC110  # the channel tells nobody who leaves
                await asyncio.sleep(0.005)
            with pytest.raises(PipelineError, match="the terminal is gone"):
                await stage.display.show(message())

    run(scenario())


def test_a_message_that_is_not_json_raises_and_shows_nothing(
    run: Run, theatre: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, theatre.open_page(stage.server) as page:
            with pytest.raises(PipelineError, match="not JSON"):
                await stage.display.show(message(text="bad", figure=object()))
            await stage.display.show(message(text="good"))
            assert page.messages[0]["seq"] == 1
            assert page.texts == ["good"]

    run(scenario())


def test_a_show_that_is_cancelled_is_no_longer_followed(
    run: Run, theatre: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, theatre.open_page(stage.server, paints=False) as page:
            showing = asyncio.create_task(stage.display.show(message()))
            await page.until(lambda it: len(it.messages) == 1)
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)
            assert not stage.channel._awaited

    run(scenario())


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(active, "span_maker", SpanMaker.of_provider(provider))
    return exporter


def parent_of(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


def test_a_shown_message_is_a_span_under_its_traceparent_with_its_parts_below(
    run: Run, theatre: SimpleNamespace, message: Make, spans: InMemorySpanExporter
) -> None:
    async def scenario() -> DisplayReceipt:
        async with theatre.open_stage() as stage, theatre.open_page(stage.server) as page:
            receipt = await stage.display.show(message(turn=7, traceparent=PARENT))
            assert page.messages[0]["traceparent"] == PARENT
            return receipt  # type: ignore[no-any-return]  # the theatre is untyped

    receipt = run(scenario())
    finished = {span.name: span for span in spans.get_finished_spans()}
    assert set(finished) == {
        "display.show",
        "display.broadcast",
        "display.deliver",
        "display.dom_update",
        "display.frame",
    }
    show = finished.pop("display.show")
    assert parent_of(show) == 0x00F067AA0BA902B7
    assert all(parent_of(part) == show.context.span_id for part in finished.values())
    assert {span.context.trace_id for span in (show, *finished.values())} == {
        0x4BF92F3577B34DA6A3CE929D0E0E4736
    }
    anchor = active.anchor.to_unix_nano
    assert (show.start_time, show.end_time) == (anchor(receipt.sent_ns), anchor(receipt.painted_ns))
    frame = finished["display.frame"]
    assert (frame.start_time, frame.end_time) == (anchor(receipt.dom_updated_ns), anchor(receipt.painted_ns))


def test_the_parts_of_a_show_are_measured_to_the_nanosecond(message: Make) -> None:
    receipt = DisplayReceipt(
        sent_ns=100,
        broadcast_ns=110,
        received_ns=130,
        dom_updated_ns=160,
        painted_ns=200,
        display="browser",
    )
    with capture_measurements() as captured:
        record_show(message(turn=3), receipt, broadcast_ns=115)
    assert {one.name: (one.start_ns, one.end_ns) for one in captured.measurements} == {
        "display.show": (100, 200),
        "display.broadcast": (100, 115),
        "display.deliver": (110, 130),
        "display.dom_update": (130, 160),
        "display.frame": (160, 200),
    }


@pytest.mark.parametrize("kind", [MessageKind.INTERIM, MessageKind.TERMS, MessageKind.TURN])
def test_what_comes_beside_the_answer_is_not_measured(message: Make, kind: MessageKind) -> None:
    receipt = DisplayReceipt(
        sent_ns=0, broadcast_ns=0, received_ns=0, dom_updated_ns=0, painted_ns=0, display="browser"
    )
    with capture_measurements() as captured:
        record_show(message(kind), receipt)
    assert captured.measurements == ()


def test_two_sessions_at_once_never_mix_their_traces(
    run: Run, theatre: SimpleNamespace, message: Make, spans: InMemorySpanExporter
) -> None:
    parents = {"main": PARENT, "other": PARENT.replace("4bf9", "beef")}

    async def scenario() -> None:
        async with theatre.open_stage() as stage:
            other = BrowserDisplay(
                stage.sessions.open("other"), TerminalDisplay(stage.printed), paint_bound_s=10.0
            )
            async with theatre.open_page(stage.server), theatre.open_page(stage.server, "other"):
                await asyncio.gather(
                    *(stage.display.show(message(turn=n, traceparent=parents["main"])) for n in range(10)),
                    *(other.show(message(turn=100 + n, traceparent=parents["other"])) for n in range(10)),
                )

    run(scenario())
    shows = [span for span in spans.get_finished_spans() if span.name == "display.show"]
    assert len(shows) == 20
    for show in shows:
        assert show.attributes is not None
        session = "other" if int(str(show.attributes["turn"])) >= 100 else "main"
        assert f"{show.context.trace_id:032x}" == parents[session].split("-")[1]
