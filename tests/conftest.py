"""Fixtures for all test folders. Nothing optional is imported here: runs without the extras read this too."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest_plugins = ["latency_kit.pytest_plugin"]  # from a checkout that is not installed, too

TESTS = Path(__file__).parent


@pytest.fixture(scope="session")
def otlp() -> ModuleType:
    """The module `tests/otlp_receiver.py`: the receiver's class and the readers of what it received."""
    for package in ("grpc", "opentelemetry.proto"):
        pytest.importorskip(package, reason=f"{package} comes with the extra 'otlp'")
    return _load("otlp_receiver")


@pytest.fixture
def otlp_receiver(otlp: ModuleType) -> Iterator[Any]:
    """A running OTLP receiver (gRPC and HTTP on loopback) that keeps what it receives."""
    with otlp.running_receiver() as receiver:
        yield receiver


def _load(name: str) -> ModuleType:
    """Import a shared test module by its file: test folders are not packages and not on the path."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, TESTS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]
