"""What the real page makes of what answering tells it: drafts, marks, costs, figures; and its keys."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from reference_pipeline.display.wire import figures_frame
from reference_pipeline.events import DisplayMessage, MessageKind

Run = Callable[..., Any]
Make = Callable[..., DisplayMessage]
COST = {"requests": 2, "wasted_requests": 1, "prompt_tokens": 1200, "answer_tokens": 60, "busy_ms": 1900}
TURN = {
    "question": "what is a mutex",
    "status": "answered",
    "answered_by": "ollama-cloud",
    "end_to_end_ms": 4_612.4,
    "budget_ms": 4000,
    "stages_ms": {"endpoint_wait": 210.0, "answer": 4_400.0},
    "rest_ms": 2.4,
    "first_text_ms": 322.0,
    "first_answer_ms": 791.0,
    "first_model_token_ms": 770.0,
    "speculation": {"started": 2, "adopted": 1},
    "shed": ["interim_text"],
    "cost": COST,
    "budgets": [
        {
            "name": "end_to_end.answer",
            "measured": "answering.answer",
            "limit_ms": 3000,
            "observed_ms": 4400,
            "met": False,
        }
    ],
}


def test_a_draft_is_labelled_and_gives_way_to_the_model_piece_by_piece(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, chromium.open_browser() as context:
            page = await chromium.open_live(context, stage.server.url())
            asked = {"question": "what is a mutex"}
            await stage.display.show(message(MessageKind.QUESTION, "what is a mutex"))
            await stage.display.show(
                message(text="a note", provider="notes", source="Locks", draft=True, **asked)
            )
            assert await chromium.told(page, ".source") == "Draft From your notes Locks"
            assert await page.locator(".answer.draft.writing").count() == 1
            for piece in ("a lock ", "that excludes"):
                await stage.display.show(
                    message(text=piece, restart=piece == "a lock ", provider="ollama-cloud", **asked)
                )
            assert await page.text_content(".answer") == "a lock that excludes"
            assert await page.evaluate("document.querySelector('.answer').childNodes.length") == 2
            await stage.display.show(
                message(
                    last=True,
                    text=".",
                    provider="ollama-cloud",
                    source="gpt",
                    cut=True,
                    cost=COST,
                    first_model_token_ms=770.0,
                    notice="the first one failed",
                    **asked,
                )
            )
            assert await page.locator(".answer:is(.draft, .writing)").count() == 0
            assert await chromium.told(page, ".source") == (
                "Cut short Ollama Cloud gpt \u00b7 first token after 770 ms \u00b7 "
                "2 requests (1 wasted), 1,260 tokens, 1.9 s busy the first one failed"
            )

    run(scenario())


def test_an_answer_that_was_shortened_to_be_in_time_bears_a_label(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, chromium.open_browser() as context:
            page = await chromium.open_live(context, stage.server.url())
            asked = {"question": "what is a mutex", "provider": "ollama-cloud"}
            await stage.display.show(message(text="A lock.", **asked))
            await stage.display.show(message(text="", last=True, shortened=True, **asked))
            assert await chromium.told(page, ".source") == "Shortened Ollama Cloud"
            label = page.locator('.label[data-kind="shortened"]')
            assert "there was more to say" in (await label.get_attribute("title") or "")
            assert await page.locator(".answer.cut").count() == 0

    run(scenario())


def test_each_question_of_a_turn_has_its_own_answer_and_a_restart_voids_that_one_alone(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, chromium.open_browser() as context:
            page = await chromium.open_live(context, stage.server.url())
            for question in ("what is a lock", "and a race"):
                await stage.display.show(message(MessageKind.QUESTION, question))
                await stage.display.show(message(text="draft", draft=True, question=question))
                await stage.display.show(
                    message(text=f"{question}!", restart=True, last=True, cached=True, question=question)
                )
            answers = await page.eval_on_selector_all(".answer", "them => them.map((it) => it.textContent)")
            assert answers == ["what is a lock!", "and a race!"]
            headed = await page.eval_on_selector_all(
                ".answered-question", "them => them.map((it) => it.textContent)"
            )
            assert headed == ["what is a lock", "and a race"]
            assert await page.locator(".label[data-kind=cached]").count() == 2

    run(scenario())


def test_the_turns_figure_tells_first_words_what_was_left_out_and_what_was_over(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, chromium.open_browser() as context:
            page = await chromium.open_live(context, stage.server.url())
            await stage.display.show(message(MessageKind.QUESTION, "what is a mutex"))
            assert await chromium.told(page, "#turn-figure") == "Being answered."
            await stage.display.show(message(text="a lock", last=True))
            await stage.display.show(message(MessageKind.TURN, "", **TURN))
            assert "612 ms over the budget of 4,000" in await chromium.told(page, ".total")
            assert await chromium.told(page, ".way") == (
                "first text painted 322 ms first text of the answer 791 ms first token of a model 770 ms "
                "begun early 1 of 2 adopted left out interim text over: answer 4,400 of 3,000 ms"
            )
            assert await chromium.told(page, "#spent") == "2 requests (1 wasted) 1,260 tokens 1.9 s busy"
            assert await chromium.told(page, "#figures") == "0 of 1 within budget"

    run(scenario())


def test_a_repeated_question_brings_its_answer_back(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, chromium.open_browser() as context:
            page = await chromium.open_live(context, stage.server.url())
            for turn, question in ((1, "what is a mutex"), (2, "what is a race")):
                await stage.display.show(message(MessageKind.QUESTION, question, turn=turn))
                await stage.display.show(message(text=f"answer {turn}", turn=turn, last=True))
                await stage.display.show(
                    message(MessageKind.TURN, "", turn=turn, **{**TURN, "question": question})
                )
            repeated = {"question": "what is a mutex", "status": "duplicate", "stages_ms": {}}
            await stage.display.show(message(MessageKind.TURN, "", turn=3, **repeated))
            assert await page.text_content("#current .answer") == "answer 1"
            asked = await chromium.told(page, "#current-number")
            assert asked == "Asked again in turn 3, answered in turn 1"
            await stage.display.show(message(MessageKind.QUESTION, "next", turn=4))
            assert await chromium.told(page, "#current-question") == "Next"

    run(scenario())


def test_words_that_will_not_change_stand_apart_from_those_that_may(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, chromium.open_browser() as context:
            page = await chromium.open_live(context, stage.server.url())
            for data, kept in (({"stable": 8}, "what is "), ({}, "what is")):
                await stage.display.show(message(MessageKind.INTERIM, "what is a muted", turn=0, **data))
                await stage.display.show(message(MessageKind.INTERIM, "what is amused", turn=0, **data))
                assert await page.text_content("#interim-stable") == kept
                assert await page.text_content("#interim") == "what is amused"
                await stage.display.show(message(MessageKind.TRANSCRIPT, "what is a mutex", question=False))
                assert not await page.is_visible("#interim")

    run(scenario())


FIGURES = {
    "percentiles": [
        {
            "name": "turn.end_to_end",
            "count": 42,
            "p50_ms": 1146.4,
            "p95_ms": 4210.0,
            "p99_ms": 4310.0,
            "limit_ms": 4000,
            "limit_percentile": 95,
        }
    ],
    "budgets": [
        {
            "name": "end_to_end",
            "measures": "turn.end_to_end",
            "limit_ms": 4000,
            "percentile": 95,
            "count": 42,
            "over": 4,
            "verdict": "BREACHED",
            "observed_ms": 4210.0,
            "burn_rate": 1.9,
        },
        {"name": "frame", "verdict": "NO_DATA", "limit_ms": 16, "percentile": 95, "count": 0, "over": 0},
    ],
    "objectives": [],
    "in_flight": [{"name": "answering.ollama_cloud", "count": 2, "oldest_ms": 1240.0}],
}


def test_the_processes_figures_are_shown_as_they_come(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, chromium.open_browser() as context:
            page = await chromium.open_live(context, stage.server.url())
            assert not await page.is_visible("#budgets-panel")
            stage.channel.show_figures(figures_frame(FIGURES))
            await page.wait_for_selector("#percentiles tbody tr")
            assert await chromium.told(page, "#percentiles tbody") == "whole turn 1,146 4,210 4,310"
            over = await page.eval_on_selector_all("td.over", "them => them.map((it) => it.textContent)")
            assert over == ["4,210"], "a p99 over the limit of a p95 is no breach"
            assert await chromium.told(page, "#budgets-count") == "0 met, 1 burnt, 1 without data"
            assert await chromium.told(page, "#budgets") == "end to end p95 4,210 of 4,000 burns 1.9\u00d7"
            assert await chromium.told(page, "#flight") == "2 \u00d7 ollama cloud 1.2 s"
            stage.channel.show_figures(figures_frame({**FIGURES, "in_flight": []}))
            await page.wait_for_selector("#flight .hush")
            assert await chromium.told(page, "#flight") == "nothing"

    run(scenario())


def test_nothing_on_the_page_can_make_markup_of_text(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, chromium.open_browser() as context:
            page = await chromium.open_live(context, stage.server.url())
            refused = await page.evaluate(
                """() => { try { document.body.innerHTML = "<b>x</b>"; return "made"; }
                catch (error) { return error.name; } }"""
            )
            assert refused == "TypeError"

    run(scenario())


def test_keys_leave_only_the_answer_and_change_light_and_dark_for_good(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, chromium.open_browser(color_scheme="light") as context:
            page = await chromium.open_live(context, stage.server.url())
            await stage.display.show(message(MessageKind.QUESTION, "what is a mutex"))
            await page.keyboard.press("f")
            assert not await page.is_visible(".instruments")
            assert await page.get_attribute("#focus-button", "aria-pressed") == "true"
            await page.keyboard.press("f")
            assert await page.is_visible(".instruments")
            await page.keyboard.press("d")
            await page.reload()
            await page.wait_for_selector('#state[data-state="live"]')
            dark = "getComputedStyle(document.documentElement).colorScheme"
            assert await page.evaluate(dark) == "dark"

    run(scenario())


def test_who_listens_hears_each_question_and_answer_once_and_whole(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, chromium.open_browser() as context:
            page = await chromium.open_live(context, stage.server.url())
            await page.evaluate(
                """() => { const said = [];
                const announcer = document.getElementById("announcer");
                window.saidTwice = new Promise((resolve) => new MutationObserver(() => {
                  said.push(announcer.textContent);
                  if (said.length === 2) resolve(said);
                }).observe(announcer, {childList: true})); }"""
            )
            await stage.display.show(message(MessageKind.INTERIM, "what is"))
            await stage.display.show(message(MessageKind.QUESTION, "what is a mutex"))
            for piece in ("a lock ", "that ", "excludes"):
                await stage.display.show(message(text=piece, last=piece == "excludes"))
            said = await page.evaluate(
                "window.saidTwice"
            )  # a text to wait for is what the page's policy forbids
            assert said == ["Question: what is a mutex", "a lock that excludes"]

    run(scenario())


def test_the_loss_of_a_device_is_told_until_it_is_back(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, chromium.open_browser() as context:
            page = await chromium.open_live(context, stage.server.url())
            assert await page.locator("#notice").is_hidden()
            await stage.display.show(message(MessageKind.NOTICE, "<b>headset</b>: unplugged", over=False))
            assert await page.locator("#notice").inner_text() == "<b>headset</b>: unplugged"
            late = await chromium.open_live(context, stage.server.url())
            await late.get_by_text("unplugged").wait_for()
            await late.clock.install()
            await stage.display.show(message(MessageKind.NOTICE, "headset: is heard again", over=True))
            await late.get_by_text("is heard again").wait_for()
            await late.clock.run_for(10_100)
            assert await late.locator("#notice").is_hidden()

    run(scenario())


def test_the_end_of_what_was_heard_is_in_sight_however_long_its_lines_are(
    run: Run, theatre: SimpleNamespace, chromium: SimpleNamespace, message: Make
) -> None:
    async def scenario() -> None:
        async with theatre.open_stage() as stage, chromium.open_browser() as context:
            page = await chromium.open_live(context, stage.server.url())
            for turn in range(1, 31):
                text = " ".join(f"word{number}" for number in range(10 + turn))
                await stage.display.show(message(MessageKind.TRANSCRIPT, text, turn=turn))
            below = await page.evaluate(
                "(({scrollHeight, scrollTop, clientHeight}) => scrollHeight - scrollTop - clientHeight)"
                "(document.getElementById('heard'))"
            )
            assert below < 2

    run(scenario())
