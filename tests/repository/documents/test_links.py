"""Links between the documents lead somewhere, and every page can be reached."""

import re
from pathlib import Path

import pytest

markdown_it = pytest.importorskip("markdown_it", reason="markdown-it-py comes with the extra 'dev'")


def test_every_link_into_the_repository_leads_to_a_file_and_to_a_heading(document: str, root: Path) -> None:
    source = root / document
    broken = []
    for target in _links(source):
        path, _, heading = target.partition("#")
        file = (source.parent / path).resolve() if path else source
        if not file.exists() or (heading and heading not in _headings(file)):
            broken.append(target)
    assert broken == []


def test_every_page_of_the_docs_is_linked_from_another(root: Path) -> None:
    pages = {path.resolve() for path in (root / "docs").rglob("*.md")}
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in (root / "README.md", *pages)
        for target in _links(page)
        if target.partition("#")[0]
    }
    assert sorted(path.relative_to(root).as_posix() for path in pages - linked) == []


def test_every_document_begins_with_one_title(document: str, root: Path) -> None:
    tokens = markdown_it.MarkdownIt().parse((root / document).read_text(encoding="utf-8"))
    titles = [token for token in tokens if token.type == "heading_open" and token.tag == "h1"]
    assert len(titles) == 1
    assert tokens[0] is titles[0]


def _links(source: Path) -> list[str]:
    tokens = markdown_it.MarkdownIt().parse(source.read_text(encoding="utf-8"))
    inner = [child for token in tokens for child in token.children or ()]
    found = [str(token.attrs.get("href") or token.attrs.get("src") or "") for token in inner]
    return [target for target in found if target and not re.match(r"[a-z]+:", target)]


def _headings(file: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a Markdown file."""
    tokens = markdown_it.MarkdownIt().parse(file.read_text(encoding="utf-8"))
    texts = [
        tokens[at + 1].content.lower() for at, token in enumerate(tokens) if token.type == "heading_open"
    ]
    return {re.sub(r"[^\w\- ]", "", text).replace(" ", "-") for text in texts}
