"""The report in a terminal: the same content, readable at 80 columns, colour only where it can be seen."""

import io
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from latency_kit.budget import BudgetPolicy, LatencyBudget
from latency_kit.errors import MissingExtraError
from latency_kit.measurement.recording import SeriesSnapshot
from latency_kit.report import compose, print_report, render_markdown
from latency_kit.session import Session


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _printed(session: Session, **options: Any) -> str:
    file = io.StringIO()
    print_report(session, file=file, **options)
    return file.getvalue()


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def test_the_terminal_says_what_the_markdown_says(assistant_session: Session) -> None:
    printed = _on_one_line(_printed(assistant_session, width=80))
    content = compose(assistant_session)
    lines = (
        content.title,
        content.when,
        *content.end_to_end_lines,
        *content.bottleneck_lines,
        *content.recommendations,
        content.turn_line,
        *content.telemetry_lines,
    )
    for line in lines:
        assert line in printed
    markdown = render_markdown(assistant_session).splitlines()
    headings = [line[3:] for line in markdown if line.startswith("## ")]
    assert [line for line in _printed(assistant_session).splitlines() if line in headings] == headings


def test_every_component_stands_on_one_line_of_at_most_80_columns(
    make_session: Callable[..., Session],
    make_series: Callable[..., SeriesSnapshot],
    budget: Callable[..., LatencyBudget],
) -> None:
    longest = "transcription.whisper_inference"
    session = make_session(
        BudgetPolicy((budget(longest, 3000), budget("turn.capture_to_transcription", 500))),
        series=(
            make_series(longest, [0.0031] * 4 + [2999.5] * 5),
            make_series("turn.capture_to_transcription", [612] * 9),
        ),
    )
    lines = [line.rstrip() for line in _printed(session, width=80).splitlines()]
    assert max(len(line) for line in lines) <= 80
    (row,) = (line.split() for line in lines if longest in line)
    assert row == [longest, "9", "3000", "ms", "3000", "ms", "3000", "ms", "MET"]
    other = next(line for line in lines if "turn.capture_to_transcription" in line)
    assert other.split()[1:] == ["9", "612", "ms", "612", "ms", "500", "ms", "BREACHED"]


@pytest.mark.parametrize("width", [50, 60, 100, 200])
def test_figures_and_verdicts_are_never_broken_at_other_widths(
    width: int, assistant_session: Session
) -> None:
    lines = _printed(assistant_session, width=width).splitlines()
    assert max(len(line) for line in lines) <= width
    verdicts = [word for line in lines for word in line.split() if word in {"BREACHED", "NO_DATA", "MET"}]
    assert verdicts.count("BREACHED") == 1
    assert verdicts.count("MET") == 3
    assert sum("900 ms" in line and "500 ms" in line and "BREACHED" in line for line in lines) == 1


def test_without_a_terminal_there_is_no_colour(
    assistant_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert "\x1b" not in _printed(assistant_session)


def test_on_a_terminal_verdicts_are_coloured(
    assistant_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    file = _Terminal()
    print_report(assistant_session, file=file, width=80)
    assert "\x1b[1;31mBREACHED" in file.getvalue()


def test_a_terminal_that_wants_no_colour_gets_none(
    assistant_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    file = _Terminal()
    print_report(assistant_session, file=file, width=80)
    assert "31m" not in file.getvalue()


def test_square_brackets_and_colons_are_text_not_markup(make_session: Callable[..., Session]) -> None:
    printed = _printed(make_session(title="[red]x[/red] :smile:", facts={"source": "[bold]"}), width=80)
    assert "Performance report: [red]x[/red] :smile:" in printed
    assert "[bold]" in printed


def test_a_stream_that_knows_ascii_only_gets_ascii(assistant_session: Session) -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii", newline="")
    print_report(assistant_session, file=file, width=80)
    file.flush()
    assert b"BREACHED" in raw.getvalue()


def test_without_rich_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.delitem(sys.modules, "latency_kit.report.terminal")
    monkeypatch.delitem(sys.modules, "latency_kit.report.console")
    with pytest.raises(MissingExtraError, match=r"rich is not installed.*latency-kit\[cli\]"):
        import_module("latency_kit.report.terminal")


def test_composing_and_markdown_need_no_optional_package() -> None:
    program = (
        "import sys; import latency_kit.report;"
        "print([name for name in ('rich', 'jinja2', 'numpy', 'opentelemetry.sdk') if name in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"
