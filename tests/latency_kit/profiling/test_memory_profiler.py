"""Memory is found by the line that held it when the most was held."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from latency_kit import MissingExtraError, UsageError

pytest.importorskip("memray", reason="memray comes with the extra 'profile'")

MIB = 1 << 20


def test_the_peak_is_found_by_line_although_it_is_gone_at_the_end(tmp_path: Path) -> None:
    from latency_kit.profiling.memory_profiler import MemoryProfiler  # noqa: PLC0415  # needs the extra

    with MemoryProfiler("blocks") as profiler:
        held = [bytearray(MIB) for _ in range(20)]
        held.clear()
        kept = bytearray(5 * MIB)
    first = profiler.profile.top(1)[0]
    assert 20 * MIB <= first.own <= 21 * MIB
    assert (first.category, Path(first.file).name, len(kept)) == ("allocates", Path(__file__).name, 5 * MIB)
    assert not any(entry.own >= 5 * MIB for entry in profiler.profile.entries if entry is not first)
    own, recorded, scope = profiler.save(tmp_path)
    assert json.loads(own.read_text())["unit"] == "By"
    assert json.loads(scope.read_text())["profiles"][0]["unit"] == "bytes"
    summary = subprocess.run(
        [sys.executable, "-m", "memray", "stats", str(recorded)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert summary.returncode == 0, summary.stderr


def test_a_second_profiler_is_refused_and_the_first_goes_on() -> None:
    from latency_kit.profiling.memory_profiler import MemoryProfiler  # noqa: PLC0415  # needs the extra

    with MemoryProfiler("outer") as outer:
        with pytest.raises(UsageError, match="end the other profiler first"):
            MemoryProfiler("inner").__enter__()
        held = bytearray(8 * MIB)
    assert outer.profile.top(1)[0].own == len(held) + 1


def test_without_memray_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import import_module  # noqa: PLC0415  # beside its only use

    monkeypatch.setitem(sys.modules, "memray", None)
    monkeypatch.delitem(sys.modules, "latency_kit.profiling.memory_profiler", raising=False)
    with pytest.raises(MissingExtraError, match=r"latency-kit\[profile\]"):
        import_module("latency_kit.profiling.memory_profiler")
