"""A short soak: every fault of the long one, in the time that a check has."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).with_name("soak.py")


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite speaks; Debian: apt-get install flite")
@pytest.mark.skipif(sys.platform != "linux", reason="memory, children and limits are read from Linux")
def test_through_all_faults_no_turn_is_lost_silently_and_the_end_is_clean(tmp_path: Path) -> None:
    command = [sys.executable, str(SOAK), "--minutes", "0.5", "--keep", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    log = tmp_path / "server.txt"
    told = f"{ended.stdout}{ended.stderr}{log.read_text()[-4000:] if log.exists() else ''}"
    assert ended.returncode == 0, told


def test_a_soak_too_short_for_its_faults_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, str(SOAK), "--minutes", "0.01"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    assert ended.returncode == 2
    assert "too short" in ended.stderr
