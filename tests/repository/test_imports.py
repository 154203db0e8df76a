"""Third-party packages: each declared in pyproject.toml where it is used, each optional one has one door."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

DISTRIBUTIONS: Mapping[str, str] = {
    # what is imported (the longest beginning counts): the distribution that brings it
    "click": "click",
    "ctranslate2": "ctranslate2",
    "faster_whisper": "faster-whisper",
    "grpc": "opentelemetry-exporter-otlp",
    "google.protobuf": "opentelemetry-exporter-otlp",
    "hdrh": "hdrhistogram",
    "httpx": "httpx",
    "jinja2": "jinja2",
    "markupsafe": "markupsafe",
    "matplotlib": "matplotlib",
    "memray": "memray",
    "numpy": "numpy",
    "ollama": "ollama",
    "onnxruntime": "onnxruntime",
    "opentelemetry": "opentelemetry-api",
    "opentelemetry.exporter": "opentelemetry-exporter-otlp",
    "opentelemetry.exporter.otlp.proto.grpc": "opentelemetry-exporter-otlp",
    "opentelemetry.exporter.otlp.proto.http": "opentelemetry-exporter-otlp",
    "opentelemetry.proto": "opentelemetry-exporter-otlp",
    "opentelemetry.sdk": "opentelemetry-sdk",
    "plotille": "plotille",
    "pocketsphinx": "pocketsphinx",
    "pytest": "pytest",
    "requests": "opentelemetry-exporter-otlp",
    "rich": "rich",
    "sounddevice": "sounddevice",
    "soundfile": "soundfile",
    "soxr": "soxr",
    "starlette": "starlette",
    "tokenizers": "tokenizers",
    "threadpoolctl": "threadpoolctl",
    "uvicorn": "uvicorn",
}

NEVER_IMPORTED: Mapping[str, str] = {
    "hdrhistogram": "the peer that the tests hold our histogram to; it reads what we encode",
    "py-spy": "a program, started to look into another process",
    "websockets": "uvicorn speaks WebSocket with it",
}

MANY_DOORS: Mapping[str, str] = {
    "pytest": "the gate's worker runs in the environment of another version and imports nothing of ours",
    "opentelemetry": "the API is a base dependency, not an option",
    "numpy": "samples are numpy arrays wherever sound goes in the assistant; the library does not use it",
}

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "latency_kit": ("otlp", "cli", "report", "pytest", "profile"),
    "reference_pipeline": ("otlp", "cli", "report", "assistant", "mic"),
}


@pytest.fixture(scope="module")
def project(root: Path) -> Mapping[str, "list[str]"]:
    """The distributions declared, by extra; those of the base under ""."""
    table = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {"": table["dependencies"], **table["optional-dependencies"]}
    return {extra: [_name(wanted) for wanted in listed] for extra, listed in declared.items()}


@pytest.fixture(scope="module")
def imported(modules: Mapping[str, ast.Module]) -> frozenset[tuple[str, str]]:
    """(module, beginning of a third-party name that it imports)."""
    ours = {*sys.stdlib_module_names, "latency_kit", "reference_pipeline"}
    return frozenset(
        (module, _known(name))
        for module, tree in modules.items()
        for name in _names(tree)
        if name.split(".")[0] not in ours
    )


@pytest.mark.parametrize("package", ["latency_kit", "reference_pipeline"])
def test_what_a_package_imports_is_declared_in_the_base_or_one_of_its_extras(
    package: str, imported: frozenset[tuple[str, str]], project: Mapping[str, "list[str]"]
) -> None:
    declared = {name for extra in ("", *EXTRAS[package]) for name in project[extra]}
    used = {(module, DISTRIBUTIONS[name]) for module, name in imported if module.split(".")[0] == package}
    assert [(module, name) for module, name in sorted(used) if name not in declared] == []


def test_what_is_declared_is_used(
    imported: frozenset[tuple[str, str]], project: Mapping[str, "list[str]"]
) -> None:
    extras = {extra for listed in EXTRAS.values() for extra in listed} - {"pytest"}
    declared = {name for extra in ("", *extras) for name in project[extra]} - {"latency-kit"}
    used = {DISTRIBUTIONS[name] for _, name in imported}
    assert declared - used == set(NEVER_IMPORTED)


def test_each_optional_package_is_imported_in_one_module_of_a_package(
    imported: frozenset[tuple[str, str]],
) -> None:
    doors: dict[tuple[str, str], set[str]] = {}
    for module, name in imported:
        if name not in MANY_DOORS:
            doors.setdefault((module.split(".")[0], name), set()).add(module)
    assert {key: sorted(found) for key, found in doors.items() if len(found) > 1} == {}


def test_numpy_stays_out_of_the_library(imported: frozenset[tuple[str, str]]) -> None:
    assert [module for module, name in imported if name == "numpy" and module.startswith("latency_kit")] == []


@pytest.mark.parametrize(
    "code",
    [
        "import latency_kit",
        "import latency_kit; latency_kit.measure_latency('shop', 'pay')(len)('x')",
        "import latency_kit; latency_kit.configure().shutdown()",
        "import latency_kit.budget, latency_kit.histogram, latency_kit.session, latency_kit.storage",
        "import latency_kit.report; latency_kit.report.render_markdown",
        "import latency_kit.testing",
    ],
)
def test_what_needs_no_extra_imports_none(code: str, root: Path) -> None:
    heavy = ("click", "google.protobuf", "grpc", "numpy", "opentelemetry.sdk", "pytest", "requests", "rich")
    listing = f"{code}; import sys; print([name for name in {heavy} if name in sys.modules])"
    ended = subprocess.run(
        [sys.executable, "-c", listing], cwd=root, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == "[]"


def _names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _known(name: str) -> str:
    beginnings = [known for known in DISTRIBUTIONS if name == known or name.startswith(f"{known}.")]
    assert beginnings, f"{name} is imported and stands neither in DISTRIBUTIONS nor in pyproject.toml"
    return max(beginnings, key=len)


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0].lower().replace("_", "-")
