"""The report as one page in a real browser: it needs nothing else, shows its figures, and text stays text."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from latency_kit.baseline import StoredSession, compare
from latency_kit.errors import MissingExtraError
from latency_kit.report import compose, figures, render_html
from latency_kit.session import Session
from tests.latency_kit.report.run_sessions import with_the_run

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None
)
HOSTILE = "<script>document.title='owned'</script><img src=http://x.invalid/ onerror=alert(1)>{{ 7 * 7 }}\""


_drawn: list[str] = []


@pytest.fixture(autouse=True)
def _few_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "MAX_COMPONENTS", 2)
    monkeypatch.setattr(figures, "MAX_WATERFALLS", 2)


@pytest.fixture
def page(assistant_session: Session) -> str:
    """The page of a run with everything, against a baseline, with hostile text wherever text can be."""
    if _drawn:
        return _drawn[0]
    session = with_the_run(
        replace(assistant_session, title=HOSTILE, facts={HOSTILE: HOSTILE}, losses={HOSTILE: 1})
    )
    before = StoredSession(session=assistant_session)
    compared = compare(before, StoredSession(session=session))
    _drawn.append(render_html(session, comparison=compared, baseline=before, baseline_name=HOSTILE))
    return _drawn[0]


class _Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_nothing_in_the_page_is_a_script_or_comes_from_elsewhere(page: str) -> None:
    tags = _Tags(page).tags
    assert not {tag for tag, _ in tags} & {"script", "img", "iframe", "object", "form", "a", "base"}
    for _, attributes in tags:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:"))
    assert "{{ 7 * 7 }}" in page


def test_every_figure_has_its_text_in_words(page: str) -> None:
    images = [
        attributes["aria-label"] for _, attributes in _Tags(page).tags if attributes.get("role") == "img"
    ]
    assert len(images) == page.count("<svg") == 1 + 1 + 2 + 2 * 2 + 1
    assert all(label and len(label) > 40 for label in images)


def test_the_page_says_what_the_other_formats_say(assistant_session: Session) -> None:
    said = render_html(assistant_session)
    content = compose(assistant_session)
    for row in (*content.end_to_end, *content.components, *content.stages, *content.burns):
        for field in type(row).__dataclass_fields__:
            assert getattr(row, field).replace("<", "&lt;") in said
    for line in (*content.recommendations, *content.bottleneck_lines, *content.telemetry_lines):
        assert line.replace("<", "&lt;") in said


def test_a_session_with_nothing_in_it_makes_a_page(assistant_session: Session) -> None:
    empty = Session(
        title="nothing", start_unix_nano=0, end_unix_nano=0, environment=assistant_session.environment
    )
    assert "there is nothing to draw" in render_html(empty)


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_without_its_packages_the_error_names_the_extra(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    for module in [name for name in sys.modules if name.startswith("latency_kit.report.")]:
        monkeypatch.delitem(sys.modules, module)
    with pytest.raises(MissingExtraError, match=rf"{package} is not installed.*latency-kit\[report\]"):
        import_module("latency_kit.report.html")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed on this machine")
    api = pytest.importorskip("playwright.sync_api", reason="playwright comes with the extra 'dev'")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        try:
            yield running
        finally:
            running.close()


LUMINANCE = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const luminance = colour => {
    canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
  };
  const style = getComputedStyle(document.body);
  const ink = getComputedStyle(document.querySelector('svg text')).fill;
  return {page: luminance(style.backgroundColor), text: luminance(style.color), ink: luminance(ink)};
}"""

FIGURES = """() => [...document.querySelectorAll('svg')].map(svg => {
  const box = svg.getBoundingClientRect();
  const drawn = svg.querySelector('[id$=axes_1]').getBoundingClientRect();
  return {width: box.width, height: box.height, drawn: drawn.width * drawn.height, right: box.right};
})"""


@pytest.mark.parametrize(
    ("width", "scheme", "media"),
    [(1280, "light", "screen"), (1280, "dark", "screen"), (390, "light", "screen"), (794, "dark", "print")],
)
def test_figures_are_seen_in_light_dark_and_print_and_on_a_phone(  # noqa: PLR0917  # four of them are the case
    width: int, scheme: str, media: str, page: str, browser: Any, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    file.write_text(page, encoding="utf-8")
    troubles: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened = context.new_page()
    opened.on("console", lambda message: troubles.append(message.text))
    opened.on("pageerror", lambda error: troubles.append(str(error)))
    opened.on("dialog", lambda dialog: troubles.append(dialog.message))
    opened.on(
        "request", lambda one: None if one.url.startswith(("file:", "data:")) else troubles.append(one.url)
    )
    opened.goto(file.as_uri())
    opened.emulate_media(media=media, color_scheme=scheme)
    assert opened.title().startswith("Performance report: <script>")
    shades = opened.evaluate(LUMINANCE)
    is_dark = scheme == "dark" and media == "screen"
    assert (shades["page"] < 0.1) if is_dark else (shades["page"] > 0.95)
    assert abs(shades["text"] - shades["page"]) > 0.7
    assert abs(shades["ink"] - shades["page"]) > 0.7
    found = opened.evaluate(FIGURES)
    assert len(found) == 9
    for one in found:
        assert one["width"] > 200
        assert one["height"] > 60
        assert one["drawn"] > 0.3 * one["width"] * one["height"]
        assert one["right"] <= width
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    if media == "print":
        assert opened.pdf(format="A4").startswith(b"%PDF")
    assert troubles == []
    context.close()
