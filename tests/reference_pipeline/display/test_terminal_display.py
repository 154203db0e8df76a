"""The terminal prints each question with its answer and its time, as they come, and nothing that harms it."""

import io
from collections.abc import Callable
from typing import Any

import pytest

from latency_kit.clock import SystemClock
from latency_kit.testing import capture_measurements
from reference_pipeline.display.terminal_display import TerminalDisplay
from reference_pipeline.events import DisplayMessage, MessageKind
from reference_pipeline.ports import PipelineError

Make = Callable[..., DisplayMessage]
Run = Callable[..., Any]

TIMING = {
    "status": "answered",
    "end_to_end_ms": 612.4,
    "budget_ms": 4000,
    "stages_ms": {"endpoint_wait": 210.0, "answer": 400.2},
    "rest_ms": 2.2,
}


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_turn_reads_from_statement_to_timing(message: Make) -> None:
    stream = io.StringIO()
    display = TerminalDisplay(stream, width=80)
    display.write(message(MessageKind.INTERIM, "we had", turn=1))
    display.write(message(MessageKind.TRANSCRIPT, "we had a queue", turn=1, question=False))
    display.write(message(MessageKind.TRANSCRIPT, "what is a mutex", turn=2, question=True))
    display.write(message(MessageKind.QUESTION, "what is a mutex", turn=2))
    for piece in ("a lock ", "that excl", "udes"):
        display.write(message(text=piece, turn=2, provider="notes", source="Locks", last=piece == "udes"))
    display.write(message(MessageKind.TERMS, "", turn=2, terms=[{"term": "mutex", "explanation": "a lock"}]))
    display.write(message(MessageKind.TURN, "", turn=2, **TIMING))
    assert stream.getvalue().splitlines() == [
        "   1 \u00b7 we had a queue",
        "   2 ? what is a mutex",
        "   2 \u2502 a lock that excludes",
        "     \u2502 from your notes: Locks",
        "     \u2502 mutex: a lock",
        "     \u2502 612 ms of 4000 ms",
        "     \u2502 endpoint wait 210 \u00b7 answer 400 \u00b7 rest 2",
    ]


def test_a_piece_of_an_answer_is_on_the_stream_when_its_receipt_is_given(message: Make) -> None:
    stream = io.StringIO()
    display = TerminalDisplay(stream)
    display.write(message(text="a lock"))
    assert stream.getvalue() == "   1 \u2502 a lock"
    display.write(message(text=" that excludes", last=True))
    assert stream.getvalue() == "   1 \u2502 a lock that excludes\n"


def test_pieces_of_two_answers_at_once_each_say_whose_they_are(message: Make) -> None:
    stream = io.StringIO()
    display = TerminalDisplay(stream)
    for turn, text in ((1, "one"), (2, "two"), (1, "more of one"), (2, "more of two")):
        display.write(message(text=text, turn=turn))
    assert stream.getvalue().splitlines() == [
        "   1 \u2502 one",
        "   2 \u2502 two",
        "   1 \u2502 more of one",
        "   2 \u2502 more of two",
    ]


def test_a_restarted_answer_begins_on_a_line_of_its_own(message: Make) -> None:
    stream = io.StringIO()
    display = TerminalDisplay(stream)
    display.write(message(text="a draft"))
    display.write(message(text="the answer", restart=True, last=True))
    assert stream.getvalue().splitlines() == ["   1 \u2502 a draft", "   1 \u2502 the answer"]


def test_long_text_is_wrapped_between_words_under_its_margin(message: Make) -> None:
    stream = io.StringIO()
    display = TerminalDisplay(stream, width=40)
    words = "one two three four five six seven eight nine ten eleven twelve thirteen"
    display.write(message(text=words, last=True))
    lines = stream.getvalue().splitlines()
    assert len(lines) > 1
    assert all(len(line) <= 40 for line in lines)
    assert all(line.startswith("     \u2502 ") for line in lines[1:])
    assert " ".join(line[7:].strip() for line in lines) == words


def test_a_time_over_its_budget_and_an_unanswered_turn_stand_out(message: Make) -> None:
    stream = io.StringIO()
    display = TerminalDisplay(stream, width=80, colour=True)
    display.write(message(MessageKind.TURN, "", status="timed-out", end_to_end_ms=4100.0, budget_ms=4000))
    printed = stream.getvalue()
    assert "timed out" in printed
    assert "\x1b[1;31m4100 ms of 4000 ms\x1b[0m" in printed


@pytest.mark.parametrize("status", ["no-question", "no-speech"])
def test_a_turn_without_a_question_prints_no_timing(message: Make, status: str) -> None:
    stream = io.StringIO()
    TerminalDisplay(stream).write(message(MessageKind.TURN, "", status=status, end_to_end_ms=1.0))
    assert stream.getvalue() == ""


def test_escape_sequences_in_the_text_never_reach_the_terminal(message: Make) -> None:
    stream = io.StringIO()
    display = TerminalDisplay(stream, width=200)
    display.write(message(text="\x1b[2J\x1b]0;title\x07 fine\x9b31m\r\n\u2028end", last=True))
    printed = stream.getvalue()
    assert not any(sign in printed for sign in "\x1b\x07\x9b\r\u2028")
    assert "fine" in printed
    assert printed.count("\n") == 1


def test_a_stream_without_the_characters_gets_others_instead_of_an_error(message: Make) -> None:
    raw = io.BytesIO()
    display = TerminalDisplay(io.TextIOWrapper(raw, encoding="ascii"))
    display.write(message(MessageKind.TRANSCRIPT, "caf\u00e9", question=False))
    display.write(message(text="\u65e5\u672c", last=True))
    assert raw.getvalue().decode("ascii").splitlines() == ["   1 - caf?", "   1 | ??"]


def test_progress_is_one_line_that_gives_way_to_text_and_only_on_a_real_terminal(message: Make) -> None:
    stream = Terminal()
    display = TerminalDisplay(stream, width=80, colour=False)
    display.show_progress("turn 1 of 18")
    display.show_progress("turn 2 of 18")
    display.write(message(MessageKind.QUESTION, "what is a mutex"))
    assert stream.getvalue().endswith("turn 2 of 18\r\x1b[2K   1 ? what is a mutex\n")
    piped = io.StringIO()
    TerminalDisplay(piped).show_progress("turn 1 of 18")
    assert piped.getvalue() == ""


def test_progress_never_breaks_into_an_answer(message: Make) -> None:
    stream = Terminal()
    display = TerminalDisplay(stream, width=80, colour=False)
    display.write(message(text="a lock"))
    display.show_progress("turn 2 of 18")
    display.write(message(text=" that excludes", last=True))
    assert "turn 2 of 18" not in stream.getvalue()


def test_a_terminal_that_is_gone_is_told_in_one_line(message: Make) -> None:
    stream = io.StringIO()
    display = TerminalDisplay(stream)
    stream.close()
    with pytest.raises(PipelineError, match="the terminal is gone"):
        display.write(message())


def test_closing_ends_the_open_line_and_leaves_the_stream_open(run: Run, message: Make) -> None:
    stream = io.StringIO()
    display = TerminalDisplay(stream)
    display.write(message(text="a lock"))
    run(display.close())
    assert stream.getvalue().endswith("a lock\n")
    assert not stream.closed


def test_what_is_shown_is_recorded_from_send_to_flush(run: Run, message: Make) -> None:
    with capture_measurements(clock=SystemClock()) as captured:
        receipt = run(TerminalDisplay(io.StringIO()).show(message(MessageKind.QUESTION, "what", turn=4)))
    (shown,) = captured.measurements
    assert (shown.name, shown.start_ns, shown.end_ns) == ("display.show", receipt.sent_ns, receipt.painted_ns)
    assert dict(shown.attributes) == {"display": "terminal", "kind": "question", "turn": 4}


def test_a_draft_a_cut_and_a_cached_answer_are_told_from_others(message: Make) -> None:
    stream = io.StringIO()
    display = TerminalDisplay(stream, width=90)
    display.write(message(text="a note", provider="notes", source="Locks", draft=True))
    display.write(message(text="half an ", provider="ollama-cloud", restart=True))
    display.write(message(text="answer", provider="ollama-cloud", source="m", last=True, cut=True))
    display.write(message(text="the same", provider="notes", source="Locks", turn=2, last=True, cached=True))
    display.write(message(text="it is.", provider="ollama-cloud", turn=3, last=True, shortened=True))
    assert stream.getvalue().splitlines() == [
        "   1 ~ draft: a note",
        "   1 \u2502 half an answer",
        "     ! cut short: the answer is not whole",
        "     \u2502 Ollama Cloud: m",
        "   2 \u2502 the same",
        "     \u2502 cached, from your notes: Locks",
        "   3 \u2502 it is.",
        "     \u2502 shortened to be in time: there was more to say",
        "     \u2502 Ollama Cloud",
    ]


def test_a_turn_tells_its_first_words_what_was_left_out_and_its_cost(message: Make) -> None:
    stream = io.StringIO()
    data: dict[str, object] = {
        **TIMING,
        "first_text_ms": 320.4,
        "first_model_token_ms": 770.0,
        "speculation": {"started": 2, "adopted": 1},
        "shed": ["interim_text"],
        "cost": {"requests": 2, "wasted_requests": 1, "prompt_tokens": 500, "answer_tokens": 106},
    }
    TerminalDisplay(stream, width=160).write(message(MessageKind.TURN, "", **data))
    assert stream.getvalue().splitlines()[-1] == (
        "     \u2502 first text 320 \u00b7 first token of a model 770 \u00b7 begun early, 1 of 2 adopted"
        " \u00b7 left out: interim text \u00b7 2 requests (1 wasted), 606 tokens"
    )


def test_a_turn_that_failed_says_why(message: Make) -> None:
    stream = io.StringIO()
    TerminalDisplay(stream, width=80).write(
        message(MessageKind.TURN, "", status="failed", detail="no provider")
    )
    assert stream.getvalue().splitlines() == ["   1 ! failed", "     \u2502 no provider"]
