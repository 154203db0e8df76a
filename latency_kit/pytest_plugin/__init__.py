"""The pytest plugin: the marker and the fixture `latency`, loaded by pytest itself through its entry point.

The modules beside `hooks` know nothing of pytest.
"""

from latency_kit.pytest_plugin.hooks import (
    latency,
    latency_timing,
    pytest_addoption,
    pytest_configure,
    pytest_itemcollected,
    pytest_pyfunc_call,
    pytest_runtest_call,
    pytest_sessionfinish,
    pytest_sessionstart,
    pytest_terminal_summary,
    pytest_testnodedown,
)

__all__ = [
    "latency",
    "latency_timing",
    "pytest_addoption",
    "pytest_configure",
    "pytest_itemcollected",
    "pytest_pyfunc_call",
    "pytest_runtest_call",
    "pytest_sessionfinish",
    "pytest_sessionstart",
    "pytest_terminal_summary",
    "pytest_testnodedown",
]
