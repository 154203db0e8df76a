"""`latency-kit watch` shows a running process, and says in one line what it cannot do."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("rich", reason="rich comes with the extra 'cli'")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no sockets of the local machine")

PROGRAM = """
import sys
import latency_kit
from latency_kit.testing import FakeClock

clock = FakeClock()
options = {"live": True, "in_flight": True, "budgets": sys.argv[1]}
telemetry = latency_kit.configure(service_name="shop", clock=clock, **options)
for ms in [1, 2, 30]:
    with latency_kit.measure_latency("shop", "price"):
        clock.advance(ms=ms)
with latency_kit.measure_latency("shop", "pay"):
    clock.advance(s=12)
    print("ready", flush=True)
    sys.stdin.readline()
"""

POLICY = """
[budgets.price]
measures = "shop.price"
limit_ms = 10
min_samples = 2

[objectives.price]
measures = "shop.price"
threshold_ms = 10
target = 0.95
window = "1h"
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not pytest's folder: the name of a socket must be short.
    with tempfile.TemporaryDirectory(prefix="lk") as short:
        yield Path(short)


@pytest.fixture
def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "LATENCY_KIT_LIVE_FOLDER": str(folder / "live"), "COLUMNS": "120"}


@pytest.fixture
def shop(folder: Path, environment: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    (folder / "budgets.toml").write_text(POLICY, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder / "budgets.toml")],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        yield program
        assert program.stdin is not None
        program.stdin.close()


def run(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "latency_kit", "watch", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_a_look_shows_series_budgets_objectives_and_calls_in_flight(
    shop: "subprocess.Popen[str]", environment: dict[str, str]
) -> None:
    ended = run(environment, "--count", "1", "--interval", "0.1")
    assert ended.returncode == 0, ended.stderr
    for part in (
        f"process {shop.pid}",
        "shop.price",
        "p95 30 ms",
        "BREACHED",
        "Objective",
        "12 s  MainThread",
    ):
        assert part in ended.stdout


def test_each_look_can_be_had_as_a_line_of_json(
    shop: "subprocess.Popen[str]", environment: dict[str, str]
) -> None:
    ended = run(environment, "shop", "--count", "2", "--interval", "0.1", "--json")
    frames = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [frame["process"]["process_id"] for frame in frames] == [shop.pid] * 2
    assert frames[0]["series"][0]["total_count"] == 3
    assert frames[1]["start_unix_nano"] == frames[0]["end_unix_nano"]


def test_processes_that_can_be_watched_are_listed(
    shop: "subprocess.Popen[str]", environment: dict[str, str]
) -> None:
    assert f"{shop.pid}  shop" in run(environment, "--list").stdout
    assert json.loads(run(environment, "--list", "--json").stdout)[0]["service_name"] == "shop"


def test_a_process_that_is_not_there_is_one_line_and_exit_code_2(environment: dict[str, str]) -> None:
    ended = run(environment, "999999")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("latency-kit: no process")
    assert ended.stderr.count("\n") == 1
    assert "No process can be watched" in run(environment, "--list").stdout


@pytest.mark.parametrize("interval", ["nan", "inf", "1e300", "0"])
def test_an_interval_that_nobody_can_wait_for_is_one_line(interval: str, environment: dict[str, str]) -> None:
    ended = run(environment, "shop", "--interval", interval)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("latency-kit: Invalid value for '--interval'")
    assert ended.stderr.count("\n") == 1


def test_a_stopped_process_is_told_to_be_stopped(
    shop: "subprocess.Popen[str]", environment: dict[str, str]
) -> None:
    os.kill(shop.pid, signal.SIGSTOP)
    try:
        ended = run(environment, "shop")
        listed = run(environment, "--list")
    finally:
        os.kill(shop.pid, signal.SIGCONT)
    assert (ended.returncode, ended.stdout, listed.stdout) == (2, "", "")
    assert ended.stderr == listed.stderr
    assert ended.stderr.startswith(f"latency-kit: process {shop.pid} does not answer; is it stopped")


def test_the_end_of_the_process_ends_the_watching(
    shop: "subprocess.Popen[str]", environment: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "latency_kit", "watch", "--json", "--interval", "0.1"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as watching:
        assert watching.stdout is not None
        assert json.loads(watching.stdout.readline())["process"]["service_name"] == "shop"
        assert shop.stdin is not None
        shop.stdin.close()
        _, said = watching.communicate(timeout=30)
    assert watching.returncode == 0
    assert said == "The process has ended.\n"
