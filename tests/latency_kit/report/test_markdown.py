"""The report as Markdown: a fixed template, which a real Markdown parser reads back as it was meant."""

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from latency_kit.measurement.recording import SeriesSnapshot
from latency_kit.report import compose, render_markdown
from latency_kit.report.markdown import _escaped, _escaped_cell
from latency_kit.session import Session

GOLDEN = Path(__file__).with_name("golden-report.md")

_SECTIONS = [
    "End to end",
    "Components",
    "Budgets",
    "Bottlenecks",
    "Recommendations",
    "Turns",
    "Display and set-up",
    "Machine",
    "Telemetry",
]


class _Text(HTMLParser):
    """Collects the text of each element of one kind, and every kind of element there is."""

    def __init__(self, kind: str, document: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.kinds: set[str] = set()
        self._kind = kind
        self._inside = False
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.kinds.add(tag)
        if tag == self._kind:
            self.found.append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        if tag == self._kind:
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found[-1] += data


def _parsed(markdown: str, kind: str) -> _Text:
    return _Text(kind, MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown))


def test_the_report_is_the_template_to_the_letter(assistant_session: Session) -> None:
    assert render_markdown(assistant_session) == GOLDEN.read_text(encoding="utf-8")


def test_the_sections_stand_in_the_order_of_the_template(assistant_session: Session) -> None:
    assert _parsed(render_markdown(assistant_session), "h2").found == _SECTIONS


def test_an_empty_session_has_the_sections_of_every_run_and_says_that_nothing_was_measured(
    make_session: Callable[..., Session],
) -> None:
    markdown = render_markdown(make_session())
    assert _parsed(markdown, "h2").found == [one for one in _SECTIONS if one != "Budgets"]
    assert "No call of turn.end\\_to\\_end" not in markdown
    assert "No call of turn.end_to_end was measured, so there is no end-to-end figure." in markdown
    assert "There was no turn in this run." in markdown


def test_a_parser_reads_every_cell_as_it_was_composed(assistant_session: Session) -> None:
    content = compose(assistant_session)
    cells = _parsed(render_markdown(assistant_session), "td").found
    component_cells = [
        cell
        for row in content.components
        for cell in (row.name, row.calls, row.p50, row.p95, row.budget, row.status)
    ]
    first = cells.index(component_cells[0])
    assert cells[first : first + len(component_cells)] == component_cells


@pytest.mark.parametrize(
    "hostile",
    [
        "a|b",
        "**bold** *it* __x__ _y_",
        "<script>alert(1)</script>",
        "`code`",
        "[link](http://x)",
        "back\\slash",
        "&lt;",
        "~~gone~~",
        "two\nlines\r\nand more",
        "# heading",
        "1. item",
        "- item",
    ],
)
def test_names_and_facts_are_never_taken_as_markup(
    hostile: str, make_session: Callable[..., Session], make_series: Callable[..., SeriesSnapshot]
) -> None:
    session = make_session(
        title=hostile,
        series=(make_series("a." + " ".join(hostile.split()), [1]),),
        facts={"engine": hostile, hostile: "x"},
        losses={hostile: 1},
    )
    parsed = _parsed(render_markdown(session), "td")
    flat = " ".join(hostile.split())
    assert f"a.{flat}" in parsed.found
    assert flat in parsed.found
    plain = {"h1", "h2", "p", "ul", "li", "table", "thead", "tbody", "tr", "th", "td"}
    assert parsed.kinds <= plain
    assert _parsed(render_markdown(session), "h1").found == [f"Performance report: {flat}"]


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
def test_any_printable_text_survives_a_cell_and_a_line(text: str) -> None:
    flat = " ".join(text.split())
    assert _parsed(f"| a |\n| - |\n| {_escaped_cell(text)} |", "td").found == [flat]
    assert "".join(_parsed(_escaped(text), "p").found) == flat


def test_a_table_lines_up_in_the_raw_text(assistant_session: Session) -> None:
    blocks = render_markdown(assistant_session).split("\n\n")
    tables = [block.strip().splitlines() for block in blocks if block.startswith("|")]
    assert len(tables) == 7
    for lines in tables:
        assert len({len(line) for line in lines}) == 1
