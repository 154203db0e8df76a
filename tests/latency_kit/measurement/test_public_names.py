"""What is measured beyond calls is there by its public name, and costs nothing until it is asked for."""

import subprocess
import sys

import pytest

import latency_kit
import latency_kit.measurement

_HEAVY = """
import sys, latency_kit
latency_kit.measure_latency("a", "b")
loaded = {name.removeprefix("latency_kit.measurement.") for name in sys.modules}
print(*sorted(loaded & {
    "asyncio", "concurrent.futures", "queue", "asyncio_queues", "thread_queues", "executors", "thread_locks",
    "in_flight", "pauses", "probes", "readings", "end_to_end", "expected_interval",
}))
"""


@pytest.mark.parametrize("name", latency_kit.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(latency_kit, name) is not None


@pytest.mark.parametrize("name", latency_kit.measurement.__all__)
def test_every_public_name_of_the_floor_is_there(name: str) -> None:
    assert getattr(latency_kit.measurement, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'latency_kit.measurement' has no attribute 'Timer'"):
        _ = latency_kit.measurement.Timer


def test_measuring_a_call_loads_neither_queues_nor_executors_nor_probes() -> None:
    listing = subprocess.run(
        [sys.executable, "-c", _HEAVY], capture_output=True, text=True, check=True, timeout=60
    )
    assert listing.stdout.split() == []
