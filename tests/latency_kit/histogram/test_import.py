"""The floor's public names are there, and importing it takes in nothing that recording does not need."""

import subprocess
import sys

import pytest

import latency_kit.histogram

_LISTING = """
import sys
import latency_kit
for name in [name for name in sys.modules if name.startswith("latency_kit.histogram")]:
    del sys.modules[name]
import latency_kit.histogram
latency_kit.histogram.Histogram().record(5)
print(*sorted(name for name in sys.modules if name.startswith("latency_kit.histogram.") or name == "hdrh"))
"""


@pytest.mark.parametrize("name", latency_kit.histogram.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(latency_kit.histogram, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'latency_kit.histogram' has no attribute 'Timer'"):
        _ = latency_kit.histogram.Timer


def test_recording_imports_neither_the_codec_nor_the_log_nor_the_hdrhistogram_package() -> None:
    listing = subprocess.run(
        [sys.executable, "-c", _LISTING], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = listing.stdout.split()
    assert "latency_kit.histogram.histogram" in loaded
    assert not {"latency_kit.histogram.codec", "latency_kit.histogram.log", "hdrh"} & set(loaded)
