"""The wheel holds both packages whole: modules, type markers and everything they read at run time."""

from pathlib import Path

import pytest


def test_the_wheel_holds_every_tracked_file_of_both_packages(
    wheel: frozenset[str], tracked: tuple[Path, ...]
) -> None:
    wanted = {path.as_posix() for path in tracked if path.parts[0] in {"latency_kit", "reference_pipeline"}}
    assert wanted - wheel == set()


@pytest.mark.parametrize(
    "name",
    [
        "latency_kit/py.typed",
        "reference_pipeline/py.typed",
        "reference_pipeline/budgets.toml",
        "reference_pipeline/display/page/index.html",
        "reference_pipeline/display/page/app.js",
        "reference_pipeline/interview/interview.flac",
        "reference_pipeline/interview/manifest.json",
        "reference_pipeline/interview/notes/memory-leak.md",
    ],
)
def test_the_wheel_holds(name: str, wheel: frozenset[str]) -> None:
    assert name in wheel


def test_the_wheel_holds_nothing_but_the_two_packages_and_its_metadata(wheel: frozenset[str]) -> None:
    tops = {name.split("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"latency_kit", "reference_pipeline"}
    assert not [name for name in wheel if "__pycache__" in name]


def test_the_licence_comes_with_the_wheel(wheel: frozenset[str]) -> None:
    assert [name for name in wheel if name.endswith("licenses/LICENSE")]
