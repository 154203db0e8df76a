"""The assistant is a user of latency_kit like any other: public names only, from the package or a floor."""

import ast
import importlib
from collections.abc import Iterator, Mapping

import pytest

import latency_kit

FLOORS = (
    "baseline",
    "budget",
    "clock",
    "configuration",
    "errors",
    "export",
    "histogram",
    "measurement",
    "report",
    "session",
    "storage",
    "testing",
    "tracing",
    "units",
)


def test_the_assistant_imports_public_names_of_latency_kit_only(modules: Mapping[str, ast.Module]) -> None:
    users = {name: tree for name, tree in modules.items() if name.startswith("reference_pipeline")}
    assert [f"{user}: {fault}" for user, tree in users.items() for fault in _faults(tree)] == []


def test_the_package_is_used_through_its_public_names_only(modules: Mapping[str, ast.Module]) -> None:
    used = {
        (user, node.attr)
        for user, tree in modules.items()
        if user.startswith("reference_pipeline")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "latency_kit"
    }
    assert used, "the assistant measures nothing"
    assert [pair for pair in sorted(used) if pair[1] not in latency_kit.__all__] == []


@pytest.mark.parametrize("floor", ["", *FLOORS])
def test_every_public_name_of_a_floor_is_there_and_listed_in_order(floor: str) -> None:
    module = importlib.import_module(f"latency_kit.{floor}".rstrip("."))
    for name in module.__all__:
        assert getattr(module, name) is not None, name
    assert len(set(module.__all__)) == len(module.__all__)
    assert not [name for name in module.__all__ if name.startswith("_")]


def _faults(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("latency_kit."))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "latency_kit":
            source = node.module or ""
            if source.removeprefix("latency_kit").lstrip(".") not in {"", *FLOORS}:
                yield f"{source} is no floor"
                continue
            public = importlib.import_module(source).__all__
            yield from (f"{source}.{alias.name}" for alias in node.names if alias.name not in public)
