"""Without an optional package, the one module that needs it says which extra brings it."""

import importlib.util
import sys
from pathlib import Path

import pytest

import reference_pipeline.display
from latency_kit.errors import MissingExtraError


@pytest.mark.parametrize(
    ("module", "imported", "package", "extra"),
    [
        ("web_app", "starlette.applications", "starlette", "assistant"),
        ("server", "uvicorn", "uvicorn", "assistant"),
        ("terminal_display", "rich.console", "rich", "cli"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, module: str, imported: str, package: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, imported, None)
    source = Path(reference_pipeline.display.__path__[0]) / f"{module}.py"
    spec = importlib.util.spec_from_file_location(f"without_{package}", source)
    assert spec is not None
    assert spec.loader is not None
    with pytest.raises(MissingExtraError) as missing:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    said = f"{package} is not installed; install it with: pip install 'latency-kit[{extra}]'"
    assert str(missing.value) == said
