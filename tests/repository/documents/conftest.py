"""Reading the documents: the README, the changelog and everything in docs/ and examples/."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = tuple(
    sorted(
        path.relative_to(ROOT).as_posix()
        for path in (
            ROOT / "README.md",
            ROOT / "CHANGELOG.md",
            *(ROOT / "docs").rglob("*.md"),
            *(ROOT / "examples").rglob("*.md"),
        )
    )
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes `document` once for every document."""
    if "document" in metafunc.fixturenames:
        metafunc.parametrize("document", DOCUMENTS)


@pytest.fixture(scope="session")
def nox_sessions() -> frozenset[str]:
    """The names of the sessions in noxfile.py."""
    return frozenset(_sessions())


def _sessions() -> Iterator[str]:
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and "nox.session" in map(_called, node.decorator_list):
            yield node.name


def _called(decorator: ast.expr) -> str:
    return ast.unparse(decorator.func if isinstance(decorator, ast.Call) else decorator)
