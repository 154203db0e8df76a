"""What a long session costs its page: the work of a turn after many others, against that of the first ones.

A page that goes through its whole history with every frame gets slower with every turn, until an answer that
streams is painted late. The work is the processor time of the page's own thread, as Chromium counts it.
"""

import statistics
from typing import Any

from overhead import Bar

from reference_pipeline.display.browser_display import BrowserDisplay
from reference_pipeline.events import DisplayMessage, MessageKind

EARLY = (3, 4, 5)
LATE = (118, 119, 120)
TOKENS = 40
MOST_GROWTH = 2.0
"""Before rows out of sight were left out of frames it was 3.1."""

_TURN: dict[str, Any] = {
    "status": "answered",
    "answered_by": "notes",
    "budget_ms": 4000,
    "stages_ms": {f"stage_{number}": 30.0 + number for number in range(7)},
    "rest_ms": 2.0,
}


async def growth(page: Any, display: BrowserDisplay) -> Bar:
    """Show a session of 120 turns to a page; return how many times the work of a turn has grown."""
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Performance.enable")
    work: dict[int, float] = {}
    for turn in range(1, LATE[-1] + 1):
        before_s = await _worked_s(devtools)
        watched = turn in (*EARLY, *LATE)
        for message in _messages(turn, tokens=TOKENS if watched else 1):
            await display.show(message)
        work[turn] = await _worked_s(devtools) - before_s
    early_s, late_s = (statistics.median(work[turn] for turn in turns) for turns in (EARLY, LATE))
    print(f"the page's work for a turn: {1e3 * early_s:.0f} ms at first, {1e3 * late_s:.0f} ms in the end")  # noqa: T201  # a script
    return Bar(
        name="work of a turn after 120 others", measured=late_s / early_s, limit=MOST_GROWTH, unit="times"
    )


async def _worked_s(devtools: Any) -> float:
    told = await devtools.send("Performance.getMetrics")
    return next(metric["value"] for metric in told["metrics"] if metric["name"] == "TaskDuration")


def _messages(turn: int, *, tokens: int) -> list[DisplayMessage]:
    asked = f"what is lock number {turn} and how would a program with several threads make use of it"

    def message(kind: MessageKind, text: str = "", *, last: bool = False, **data: object) -> DisplayMessage:
        return DisplayMessage(kind=kind, turn=turn, text=text, data=data, traceparent="", last=last)

    return [
        message(MessageKind.TRANSCRIPT, asked, question=True),
        message(MessageKind.QUESTION, asked),
        *(
            message(MessageKind.ANSWER, f"word {number} ", last=number == tokens, provider="notes")
            for number in range(1, tokens + 1)
        ),
        message(MessageKind.TURN, question=asked, end_to_end_ms=900.0 - turn, **_TURN),
    ]
