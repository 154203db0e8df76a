"""What is committed: of readable length, named after its concept, and of no particular machine."""

import ast
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

SUGGESTED_LINES = 350
MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 60

LONGER_THAN_SUGGESTED: Mapping[str, str] = {
    # path: why it reads better whole
    "tests/latency_kit/storage/test_jsonl.py": "every way in which a disk fails, beside each other",
    "tests/latency_kit/budget/test_hedge.py": "one operation, its races and their counts",
    "tests/latency_kit/budget/test_objective.py": "one declaration, rule by rule",
    "tests/latency_kit/measurement/test_measured_queues.py": "one suite over seven queues",
    "tests/latency_kit/profiling/test_flight_recorder.py": "one recorder, from sample to file",
    "tests/reference_pipeline/answering/test_ollama_answerer.py": "one adapter against all that servers do",
    "tests/reference_pipeline/transcription/test_worker.py": "one thread and all that may befall it",
}

CATCH_ALL = re.compile(r"(?:utils?|helpers?|common|misc|core|managers?|handlers?|services?|tools?)")

HOMES = ("home", "root", "tmp", "work", "Users")
MACHINE_PATHS = re.compile(rf"(?<![\w.:/])(?:/|[A-Z]:\\+)(?:{'|'.join(HOMES)})[/\\]\w")
REGISTRIES = ("pypi", "pythonhosted", "npmjs", "registry", "artifactory", "nexus", "debian")
REGISTRY_HOSTS = re.compile(rf"\b(?:{'|'.join(REGISTRIES)})\.(?:org|com|io)\b|--(?:extra-)?index-url")

TEXTS = {".py", ".toml", ".md", ".js", ".css", ".html", ".json", ".txt", ".svg", ".java", ".cfg", ".yml", ""}


@pytest.fixture
def texts(tracked: tuple[Path, ...], root: Path) -> Mapping[str, str]:
    return {
        path.as_posix(): (root / path).read_text(encoding="utf-8") for path in tracked if path.suffix in TEXTS
    }


def test_no_file_names_a_path_of_the_machine_it_was_written_on(texts: Mapping[str, str]) -> None:
    assert _found(MACHINE_PATHS, texts) == []


def test_no_file_names_the_host_of_a_package_registry(texts: Mapping[str, str]) -> None:
    assert _found(REGISTRY_HOSTS, texts) == []


@pytest.mark.parametrize("suffix", [".py", ".js", ".css"])
def test_no_file_has_more_lines_than_a_reader_takes_in(suffix: str, texts: Mapping[str, str]) -> None:
    lines = {name: text.count("\n") for name, text in texts.items() if name.endswith(suffix)}
    assert {name: number for name, number in lines.items() if number > MOST_LINES} == {}
    long = {name for name, number in lines.items() if number > SUGGESTED_LINES}
    assert long == {name for name in LONGER_THAN_SUGGESTED if name.endswith(suffix)}


def test_no_function_has_more_lines_than_a_screen(modules: Mapping[str, ast.Module]) -> None:
    long = [
        f"{module}.{node.name}: {lines} lines"
        for module, tree in modules.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := _lines_of_code(node)) > MOST_LINES_OF_A_FUNCTION
    ]
    assert long == []


def test_no_module_is_a_catch_all(tracked: tuple[Path, ...]) -> None:
    parts = {(path, part) for path in tracked for part in (*path.parts[:-1], path.stem)}
    assert [str(path) for path, part in sorted(parts) if CATCH_ALL.fullmatch(part)] == []


def test_every_module_says_what_lives_in_it(modules: Mapping[str, ast.Module]) -> None:
    assert [name for name, tree in modules.items() if not ast.get_docstring(tree)] == []


def _found(pattern: re.Pattern[str], texts: Mapping[str, str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


def _lines_of_code(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of the body without its docstring: a long list of options is not what tires."""
    statements = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (function.end_lineno or 0) - statements[0].lineno + 1 if statements else 0
