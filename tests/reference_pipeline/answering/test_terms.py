"""Terms of a question and their explanations from the glossary."""

from collections.abc import Callable
from pathlib import Path

import pytest

from latency_kit.testing import capture_measurements
from reference_pipeline.answering.notes import NotesError, bundled_notes
from reference_pipeline.answering.terms import GlossaryExplainer, load_glossary
from reference_pipeline.events import Question, TermExplanation


def write(directory: Path, text: str) -> Path:
    (directory / "glossary.md").write_text(text, encoding="utf-8")
    return directory


@pytest.fixture(scope="module")
def explainer() -> GlossaryExplainer:
    return GlossaryExplainer(load_glossary(bundled_notes()))


def test_a_term_is_a_bold_bullet_with_its_explanation_also_over_two_lines(tmp_path: Path) -> None:
    text = "# G\n\nFor people.\n\n- **hash table**: A map\n  with buckets.\n* **SQL**: A language.\n"
    assert load_glossary(write(tmp_path, text)) == [
        TermExplanation(term="hash table", explanation="A map with buckets."),
        TermExplanation(term="SQL", explanation="A language."),
    ]


def test_another_name_in_brackets_is_explained_alike(tmp_path: Path) -> None:
    entries = load_glossary(write(tmp_path, "- **content delivery network** (CDN): Near.\n"))
    assert [entry.term for entry in entries] == ["content delivery network", "CDN"]
    assert {entry.explanation for entry in entries} == {"Near."}


def test_a_directory_without_a_glossary_has_no_terms(tmp_path: Path) -> None:
    assert load_glossary(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- **a**: One.\n- **a**: Two.\n", "line 2: 'a' stands there twice"),
        ("- **a**:\n- **b**: Two.\n", "'a' has no explanation"),
    ],
)
def test_mistakes_in_the_glossary_are_named(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(NotesError, match=reason):
        load_glossary(write(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("what is a race condition", ["race condition"]),
        ("how do you avoid race conditions in caches", ["race condition", "cache"]),
        ("can you explain public key encryption", ["public key encryption"]),
        ("when would you use a relational database", ["relational database"]),
        ("what is a cdn and what is a content delivery network", ["CDN"]),
        ("where do you see yourself in five years", []),
        ("", []),
    ],
)
def test_the_terms_of_a_question_are_found_in_order_the_longest_first(
    text: str, terms: list[str], explainer: GlossaryExplainer, ask: Callable[[str], Question]
) -> None:
    assert [found.term for found in explainer.explain(ask(text))] == terms


def test_at_most_a_few_terms_are_explained(ask: Callable[[str], Question]) -> None:
    entries = [TermExplanation(term=term, explanation=term.upper()) for term in ("ax", "bx", "cx")]
    explainer = GlossaryExplainer(entries, limit=2)
    assert [found.term for found in explainer.explain(ask("ax bx cx ax"))] == ["ax", "bx"]


def test_explaining_is_measured(explainer: GlossaryExplainer, ask: Callable[[str], Question]) -> None:
    with capture_measurements() as captured:
        explainer.explain(ask("what is a cache"))
    assert len(captured.named("answering.explain_terms")) == 1
