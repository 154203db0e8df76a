"""The programs in examples/ run, and show what they say they show."""

import csv
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest


def run(name: str, root: Path, folder: Path) -> str:
    ended = subprocess.run(
        [sys.executable, "-W", "error", root / "examples" / name],
        cwd=folder,
        env={"PYTHONPATH": str(root), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    return ended.stdout


def test_every_example_is_run_here_and_listed_in_the_readme(root: Path) -> None:
    programs = {path.name for path in (root / "examples").glob("*.py")}
    assert programs == {"asyncio_worker.py", "batch.py", "fastapi_service.py", "load_shedding.py"}
    readme = (root / "examples" / "README.md").read_text(encoding="utf-8")
    assert all(f"({name})" in readme for name in programs)


@pytest.mark.parametrize("name", ["asyncio_worker.py", "batch.py", "fastapi_service.py", "load_shedding.py"])
def test_an_example_is_short_enough_to_be_read_at_once(name: str, root: Path) -> None:
    lines = (root / "examples" / name).read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line.strip()]) <= 45


def test_the_asyncio_worker_tells_wait_service_and_response_apart(root: Path, tmp_path: Path) -> None:
    printed = run("asyncio_worker.py", root, tmp_path)
    p50 = {line.split()[0]: float(line.split()[2]) for line in printed.splitlines()}
    assert set(p50) == {"queue_wait", "response", "service"}
    assert p50["service"] >= 1
    assert p50["response"] > p50["service"]


def test_the_p95_is_held_under_overload_by_shedding_optional_work_and_lost_without(
    root: Path, tmp_path: Path
) -> None:
    printed = run("load_shedding.py", root, tmp_path)
    assert run("load_shedding.py", root, tmp_path) == printed, "simulated time is the same each time"
    told = re.findall(r"shed=(\w+) +p95 +(\d+) ms of (\d+) ms  optional work (\d+) of 1600", printed)
    (without, lost_ms, limit_ms, all_of_it), (shedding, held_ms, _, some_of_it) = told
    assert (without, shedding) == ("False", "True")
    assert int(lost_ms) > 10 * int(limit_ms)
    assert int(held_ms) <= int(limit_ms)
    assert int(all_of_it) == 1600
    assert 400 <= int(some_of_it) < 1600, "what still fits is done"


def test_the_batch_measures_every_file_and_writes_csv(root: Path, tmp_path: Path) -> None:
    printed = run("batch.py", root, tmp_path)
    assert "batch.digest" in printed
    assert " 16 calls" in printed
    with (tmp_path / "performance.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["operation"] for row in rows].count("digest") == 16
    assert [row["operation"] for row in rows].count("run") == 1


def test_the_service_answers_and_tells_its_budget(root: Path) -> None:
    testclient = pytest.importorskip("starlette.testclient", reason="fastapi comes with the extra 'dev'")
    pytest.importorskip("fastapi", reason="fastapi comes with the extra 'dev'")
    spec = importlib.util.spec_from_file_location("fastapi_service", root / "examples" / "fastapi_service.py")
    assert spec is not None
    assert spec.loader is not None
    service = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(service)
    with testclient.TestClient(service.app) as client:
        assert client.get("/quote/tea", params={"amount": 2}).json() == {"price": 18}
        assert client.get("/latency").json() == ["quote: NO_DATA, 1 call of the 10 needed, limit 50 ms"]
        for _ in range(20):
            client.get("/quote/milk")
        (told,) = client.get("/latency").json()
        assert told.startswith("quote: ")
        assert "21 calls" in told
