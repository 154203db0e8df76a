"""What every display keeps to, be it a terminal or a browser (with a simulated page)."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

import latency_kit
from reference_pipeline.display.terminal_display import TerminalDisplay
from reference_pipeline.events import DisplayMessage, MessageKind
from reference_pipeline.ports import Display, PipelineError

Run = Callable[..., Any]
Make = Callable[..., DisplayMessage]
Opened = Callable[[], AbstractAsyncContextManager[Display]]


@pytest.fixture(
    params=["terminal", "watched browser", "browser without a viewer", "browser with a hidden page"]
)
def opened(request: pytest.FixtureRequest, theatre: SimpleNamespace) -> Opened:
    @asynccontextmanager
    async def open_display() -> AsyncIterator[Display]:
        if request.param == "terminal":
            yield TerminalDisplay(io.StringIO())
            return
        async with theatre.open_stage() as stage:
            if request.param == "browser without a viewer":
                yield stage.display
                return
            async with theatre.open_page(stage.server, hidden="hidden" in request.param) as page:
                await page.until(lambda it: bool(it.hello))
                yield stage.display

    return open_display


ALL_KINDS = [
    (MessageKind.INTERIM, "what is", {}),
    (MessageKind.TRANSCRIPT, "what is a mutex", {"question": True}),
    (MessageKind.QUESTION, "what is a mutex", {}),
    (MessageKind.ANSWER, "a lock", {"provider": "notes", "source": "Locks", "restart": False}),
    (MessageKind.TERMS, "", {"terms": [{"term": "mutex", "explanation": "a lock"}]}),
    (MessageKind.NOTICE, "headset: unplugged", {"over": False}),
    (MessageKind.TURN, "", {"status": "answered", "end_to_end_ms": 612.5, "budget_ms": 4000}),
]


def test_a_receipts_times_do_not_decrease_and_lie_within_the_call(
    run: Run, opened: Opened, message: Make
) -> None:
    async def scenario() -> None:
        async with opened() as display:
            for kind, text, data in ALL_KINDS:
                before_ns = latency_kit.now_ns()
                receipt = await display.show(message(kind, text, **data))
                times = (
                    before_ns,
                    receipt.sent_ns,
                    receipt.broadcast_ns,
                    receipt.received_ns,
                    receipt.dom_updated_ns,
                    receipt.painted_ns,
                    latency_kit.now_ns(),
                )
                assert list(times) == sorted(times), kind

    run(scenario())


def test_the_receipt_names_the_display_that_showed_it(run: Run, opened: Opened, message: Make) -> None:
    async def scenario() -> None:
        async with opened() as display:
            receipt = await display.show(message())
            assert receipt.display == display.name
            assert receipt.display in {"terminal", "browser"}

    run(scenario())


def test_messages_may_be_shown_at_the_same_time(run: Run, opened: Opened, message: Make) -> None:
    async def scenario() -> None:
        async with opened() as display:
            shows = [display.show(message(text=str(turn), turn=turn)) for turn in range(20)]
            receipts = await asyncio.gather(*shows)
            assert len(receipts) == 20

    run(scenario())


@pytest.mark.parametrize(
    "data",
    [
        {"terms": "none"},
        {"terms": [3, {"term": 4}, {}]},
        {"provider": 7, "source": None, "restart": "yes"},
        {"stages_ms": [1, 2], "end_to_end_ms": "fast", "budget_ms": None},
        {"stages_ms": {"answer": "long"}, "end_to_end_ms": 1, "status": 5},
        {"stages_ms": {}, "end_to_end_ms": True},
    ],
)
@pytest.mark.parametrize("kind", list(MessageKind))
def test_odd_data_is_shown_as_well_as_it_can_be_and_never_raises(
    run: Run, message: Make, kind: MessageKind, data: dict[str, object]
) -> None:
    async def scenario() -> None:
        display = TerminalDisplay(io.StringIO())
        receipt = await display.show(message(kind, "\x1b[31m \ud800 text\r\n", last=True, **data))
        assert receipt.display == "terminal"

    run(scenario())


def test_a_closed_display_shows_nothing_and_says_so(run: Run, opened: Opened, message: Make) -> None:
    async def scenario() -> None:
        async with opened() as display:
            await display.close()
            await display.close()
            with pytest.raises(PipelineError, match="closed"):
                await display.show(message())

    run(scenario())
