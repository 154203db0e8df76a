"""The real page in a real browser: what is shown, when it was painted, and that text stays text."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import latency_kit
from latency_kit.testing import capture_measurements
from reference_pipeline.display.viewers import TOO_SLOW
from reference_pipeline.events import DisplayMessage, MessageKind

Run = Callable[..., Any]
Make = Callable[..., DisplayMessage]
SCRIPT = '<script>document.title="owned"</script><img src=x onerror="document.title=\'owned\'">'
TURN = {
    "question": "what is a mutex",
    "status": "answered",
    "answered_by": "notes",
    "end_to_end_ms": 612.4,
    "budget_ms": 4000,
    "stages_ms": {"endpoint_wait": 210.0, "transcription": 80.1, "answer": 320.3},
    "rest_ms": 2.0,
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
}


def test_an_answer_is_in_the_document_when_its_receipt_says_painted(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, chromium.open_browser() as context:
            page = await chromium.open_live(context, stage.server.url())
            assert "Listening." in await chromium.told(page, "#stage")
            await stage.display.show(message(MessageKind.TRANSCRIPT, "what is a mutex", question=True))
            await stage.display.show(message(MessageKind.QUESTION, "what is a mutex"))
            shown = ""
            for piece in ("A lock ", "that one thread ", "holds at a time."):
                last = piece.endswith(".")
                before_ns = latency_kit.now_ns()
                receipt = await stage.display.show(
                    message(text=piece, last=last, provider="notes", source="Locks", restart=False)
                )
                after_ns = latency_kit.now_ns()
                shown += piece
                assert await page.text_content(".answer") == shown
                assert receipt.display == "browser"
                assert before_ns <= receipt.sent_ns <= receipt.broadcast_ns <= receipt.received_ns
                assert receipt.received_ns <= receipt.dom_updated_ns < receipt.painted_ns <= after_ns
            assert await chromium.told(page, "#current-question") == "What is a mutex"
            assert await chromium.told(page, ".source") == "From your notes Locks"
            assert "What is a mutex" in await chromium.told(page, "#transcript")
            assert stage.channel.counts.hidden == 0

    run(scenario())


def test_terms_and_the_turns_time_stand_beside_the_answer(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, chromium.open_browser() as context:
            page = await chromium.open_live(context, stage.server.url())
            await stage.display.show(message(MessageKind.QUESTION, "what is a mutex"))
            terms = [{"term": "mutex", "explanation": "a lock"}]
            await stage.display.show(message(MessageKind.TERMS, "", terms=terms))
            await stage.display.show(message(MessageKind.TURN, "", **TURN))
            assert await chromium.told(page, ".terms") == "mutex a lock"
            assert "612 ms of 4,000 ms" in await chromium.told(page, ".total")
            legend = await chromium.told(page, ".legend")
            for entry in ("endpoint wait 210", "transcription 80", "answer 320", "rest 2.0"):
                assert entry in legend
            widths = await page.eval_on_selector_all(
                ".timing .stages .part", "parts => parts.map(part => part.getBoundingClientRect().width)"
            )
            whole = await page.eval_on_selector(".timing .stages", "bar => bar.getBoundingClientRect().width")
            assert sum(widths) == pytest.approx(whole, abs=0.5)
            assert widths[0] / whole == pytest.approx(210.0 / 612.4, abs=0.005)
            assert "of 1" in await chromium.told(page, "#figures")

    run(scenario())


def test_markup_in_a_note_or_in_speech_stays_text_everywhere(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, chromium.open_browser() as context:
            page = await chromium.open_live(context, stage.server.url())
            title = await page.title()
            for kind in (MessageKind.INTERIM, MessageKind.TRANSCRIPT, MessageKind.QUESTION):
                await stage.display.show(message(kind, SCRIPT))
            await stage.display.show(message(text=SCRIPT, last=True, provider=SCRIPT, source=SCRIPT))
            terms = [{"term": SCRIPT, "explanation": SCRIPT}]
            await stage.display.show(message(MessageKind.TERMS, "", terms=terms))
            timing = {**TURN, "stages_ms": {SCRIPT: 10.0}, "trace_id": SCRIPT}
            await stage.display.show(message(MessageKind.TURN, "", **timing))
            assert await page.text_content(".answer") == SCRIPT
            assert await page.text_content("#current-question") == SCRIPT
            assert await page.locator("body script, body img").count() == 0
            assert await page.title() == title

    run(scenario())


def test_an_earlier_turn_goes_into_its_row_and_opens_by_keyboard(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, chromium.open_browser() as context:
            page = await chromium.open_live(context, stage.server.url())
            for turn in (1, 2):
                await stage.display.show(message(MessageKind.QUESTION, f"question {turn}", turn=turn))
                await stage.display.show(message(text=f"answer {turn}", turn=turn, last=True))
                await stage.display.show(message(MessageKind.TURN, "", turn=turn, **TURN))
            assert await chromium.told(page, "#current-question") == "Question 2"
            assert await page.text_content("#current .answer") == "answer 2"
            assert not await page.locator("#turns .answer").is_visible()
            await page.keyboard.press("j")
            await page.keyboard.press("j")
            await page.keyboard.press("Enter")
            assert await page.text_content("#turns details[open] .answer") == "answer 1"
            await page.keyboard.press("?")
            assert await page.locator("#keys").is_visible()

    run(scenario())


def test_a_page_that_comes_late_and_one_that_lost_its_connection_show_the_same(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, chromium.open_browser() as context:
            first = await chromium.open_live(context, stage.server.url())
            await stage.display.show(message(MessageKind.QUESTION, "what is a mutex"))
            await stage.display.show(message(text="A lock "))
            await first.bring_to_front()
            await context.set_offline(True)  # new connections fail; the one that stands is cut by us
            for viewer in list(stage.channel._viewers.values()):
                viewer.send_away(TOO_SLOW)
            await first.wait_for_selector('#state[data-state="waiting"]')
            await stage.display.show(message(text="that excludes", last=True))
            await context.set_offline(False)
            await first.wait_for_selector('#state[data-state="live"]')
            await first.wait_for_function(
                "document.querySelector('.answer').textContent.endsWith('excludes')"
            )
            assert await first.text_content(".answer") == "A lock that excludes"
            late = await chromium.open_live(context, stage.server.url())
            await late.wait_for_selector(".answer:not(.writing)")
            assert await late.text_content(".answer") == "A lock that excludes"

    run(scenario())


def test_two_sessions_show_their_own_words_only(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, chromium.open_browser() as context:
            other = stage.sessions.open("other")
            ours = await chromium.open_live(context, stage.server.url())
            theirs = await chromium.open_live(context, stage.server.url("other"))
            other.publish(message(MessageKind.QUESTION, "their question"), sent_ns=0)
            stage.channel.publish(message(MessageKind.QUESTION, "our question"), sent_ns=0)
            await theirs.wait_for_selector("#current-question:has-text('their question')")
            await ours.bring_to_front()
            await ours.wait_for_selector("#current-question:has-text('our question')")
            assert "their question" not in (await chromium.told(ours, "body")).lower()
            assert "our question" not in (await chromium.told(theirs, "body")).lower()
            assert await chromium.told(theirs, "#session") == "Session other"

    run(scenario())


def test_a_draft_is_replaced_by_the_answer_that_restarts_it(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, chromium.open_browser() as context:
            page = await chromium.open_live(context, stage.server.url())
            await stage.display.show(message(MessageKind.QUESTION, "what is a mutex"))
            await stage.display.show(message(text="a draft", provider="notes", restart=False))
            await stage.display.show(message(text="the answer", provider="ollama-local", restart=True))
            assert await page.text_content(".answer") == "the answer"
            assert await chromium.told(page, ".source") == "Local Ollama"

    run(scenario())


def test_pieces_that_come_fast_share_frames_and_none_is_lost(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace, message: Make
) -> None:
    pieces = [f"{number} " for number in range(200)]

    async def scenario() -> None:
        async with theatre.open_stage() as stage, chromium.open_browser() as context:
            page = await chromium.open_live(context, stage.server.url())
            await page.evaluate(
                """() => { window.frames_with_changes = 0;
                new MutationObserver(() => window.frames_with_changes++)
                  .observe(document.getElementById("stage"), {subtree: true, childList: true}); }"""
            )
            await stage.display.show(message(MessageKind.QUESTION, "count"))
            receipts = await asyncio.gather(*(stage.display.show(message(text=piece)) for piece in pieces))
            assert await page.text_content(".answer") == "".join(pieces)
            assert {receipt.display for receipt in receipts} == {"browser"}
            assert await page.evaluate("window.frames_with_changes") < len(pieces) / 4

    run(scenario())


def test_the_way_to_the_paint_is_measured_in_parts(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, chromium.open_browser() as context:
            await chromium.open_live(context, stage.server.url())
            for _ in range(5):
                await stage.display.show(message())

    with capture_measurements() as captured:
        run(scenario())
    for name in ("show", "broadcast", "deliver", "dom_update", "frame"):
        assert len(captured.named(f"display.{name}")) == 5
    assert all(frame.duration_ms > 0 for frame in captured.named("display.frame"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_runs_out_of_the_page_at_any_width_and_text_has_contrast(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace, message: Make, scheme: str
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, chromium.open_browser(color_scheme=scheme) as context:
            page = await chromium.open_live(context, stage.server.url())
            assert not await page.evaluate(CONTRAST)
            spoken = "word " * 30 + "x" * 90
            await stage.display.show(message(MessageKind.TRANSCRIPT, spoken, question=True))
            await stage.display.show(message(MessageKind.QUESTION, "what is " + "x" * 90))
            await stage.display.show(message(text="a lock " + "y" * 120, last=True, provider="notes"))
            await stage.display.show(message(MessageKind.TURN, "", **{**TURN, "end_to_end_ms": 4_612.0}))
            for width in (320, 390, 768, 1360):
                await page.set_viewport_size({"width": width, "height": 800})
                assert await page.evaluate("document.documentElement.scrollWidth") <= width
                assert not await page.evaluate(CONTRAST)

    run(scenario())


# The contrast of every visible text with what lies behind it (WCAG 2.2, 1.4.3: at least 4.5).
CONTRAST = """() => {
  const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.closest("[aria-hidden], .unseen, noscript")) continue;
    const [one, other] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) faint.push(`${element.className || element.tagName} ${ratio.toFixed(2)}`);
  }
  return faint;
}"""
