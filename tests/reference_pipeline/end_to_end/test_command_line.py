"""Bad input gets one clear line and exit code 2; recordings without speech give a report that says so."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
SECOND = 16_000


def reference_pipeline(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "OLLAMA_API_KEY"}
    return subprocess.run(
        [sys.executable, "-m", "reference_pipeline", *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT), "OLLAMA_HOST": "127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def hear_once(folder: Path, recording: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return reference_pipeline(
        folder,
        "run",
        "--audio",
        str(recording),
        "--once",
        "--port",
        "0",
        "--engine",
        "pocketsphinx",
        *options,
    )


def refused_in_one_line(ended: subprocess.CompletedProcess[str]) -> str:
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    (line,) = ended.stderr.strip().splitlines()
    return line


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("absent.wav", None, "absent.wav"),
        ("text.wav", b"this is no sound\n" * 10, "text.wav"),
        ("empty.wav", b"", "empty.wav"),
    ],
)
def test_a_recording_that_is_none_is_refused(
    tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    assert says in refused_in_one_line(hear_once(tmp_path, path))


def test_a_recording_of_zero_length_is_refused(tmp_path: Path, recording: Callable[..., Path]) -> None:
    path = recording(np.zeros(0, np.float32), name="nothing.wav")
    assert "nothing.wav" in refused_in_one_line(hear_once(tmp_path, path))


def test_an_unknown_engine_is_refused_with_those_there_are(
    tmp_path: Path, recording: Callable[..., Path]
) -> None:
    path = recording(np.zeros(SECOND, np.float32))
    line = refused_in_one_line(
        reference_pipeline(tmp_path, "run", "--audio", str(path), "--once", "--engine", "parrot")
    )
    for word in ("parrot", "pocketsphinx", "faster-whisper"):
        assert word in line


def test_a_missing_whisper_model_is_refused_with_how_to_get_it(
    tmp_path: Path, recording: Callable[..., Path]
) -> None:
    path = recording(np.zeros(SECOND, np.float32))
    arguments = ("--engine", "faster-whisper", "--model-directory", str(tmp_path / "models"))
    line = refused_in_one_line(
        reference_pipeline(tmp_path, "run", "--audio", str(path), "--once", "--port", "0", *arguments)
    )
    assert "models" in line


def test_a_port_in_use_is_refused(tmp_path: Path, recording: Callable[..., Path]) -> None:
    path = recording(np.zeros(SECOND, np.float32))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = refused_in_one_line(hear_once(tmp_path, path, "--port", port))
    assert port in line


def test_a_broken_budgets_file_is_refused_with_every_mistake(
    tmp_path: Path, recording: Callable[..., Path]
) -> None:
    path = recording(np.zeros(SECOND, np.float32))
    budgets = tmp_path / "budgets.toml"
    budgets.write_text('[budgets.a]\nmeasures = "x.y"\nlimit_ms = -1\n[budgets.b]\nlimit = 3\n')
    ended = hear_once(tmp_path, path, "--budgets", str(budgets))
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    for part in ("budgets.toml", "budgets.a.limit_ms", "budgets.b"):
        assert part in ended.stderr


def test_budgets_without_an_end_to_end_budget_are_refused(
    tmp_path: Path, recording: Callable[..., Path]
) -> None:
    budgets = tmp_path / "budgets.toml"
    budgets.write_text('[budgets.a]\nmeasures = "x.y"\nlimit_ms = 1\n')
    path = recording(np.zeros(SECOND, np.float32))
    assert "end_to_end" in refused_in_one_line(hear_once(tmp_path, path, "--budgets", str(budgets)))


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--once"),
        ("demo", "--engine"),
        ("dance",),
        ("run", "--audio", "a.wav", "--nope"),
        ("serve", "--no-page"),
        ("serve", "--sessions", "0"),
    ],
)
def test_wrong_use_of_the_command_line_is_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert "try: reference-pipeline" in refused_in_one_line(reference_pipeline(tmp_path, *arguments))


@pytest.mark.parametrize("option", ["--json", "--report", "--jsonl"])
def test_a_file_that_cannot_be_written_is_refused_before_the_run(
    tmp_path: Path, recording: Callable[..., Path], option: str
) -> None:
    path = recording(np.zeros(SECOND, np.float32))
    ended = hear_once(tmp_path, path, option, str(tmp_path / "nowhere" / "file"))
    assert ended.returncode == 2
    assert "nowhere" in ended.stderr
    assert "hearing" not in ended.stdout


@pytest.mark.parametrize("kind", ["silence", "noise"])
def test_a_recording_without_speech_gives_no_question_and_a_report_that_says_so(
    tmp_path: Path, recording: Callable[..., Path], kind: str
) -> None:
    random = np.random.default_rng(1)
    samples = np.zeros(3 * SECOND) if kind == "silence" else random.normal(0, 0.1, 3 * SECOND)
    path = recording(samples.astype(np.float32))
    ended = hear_once(tmp_path, path, "--json", "run.json", "--no-page")
    assert ended.returncode == 0, ended.stderr
    data = json.loads((tmp_path / "run.json").read_text())
    assert [turn for turn in data["turns"] if turn["question"]] == []
    assert data["end_to_end"] == {"count": 0}
    report = (tmp_path / "performance-report.md").read_text()
    assert "no end-to-end figure" in report
    assert "questions heard | 0" in " ".join(report.split()).lower()


def test_a_stereo_recording_at_another_rate_is_heard_and_answered(
    tmp_path: Path, clip: Callable[..., Path], recording: Callable[..., Path]
) -> None:
    import soundfile  # noqa: PLC0415  # here only
    import soxr  # noqa: PLC0415  # here only

    samples, _ = soundfile.read(clip("memory-leak"), dtype="float32")
    faster = soxr.resample(samples, SECOND, 44_100)
    path = recording(np.stack([faster, faster], axis=1), rate=44_100)
    ended = hear_once(tmp_path, path, "--json", "run.json", "--jsonl", "performance.jsonl")
    assert ended.returncode in {0, 1}, ended.stderr
    run = json.loads((tmp_path / "run.json").read_text())
    turns = run["turns"]
    assert len(turns) == 1, turns
    turn = turns[0]
    assert run["facts"]["blocks lost at capture"] == "0"
    assert {"highest pressure", "steps of shedding taken"} <= run["facts"].keys()
    (deadline,) = [name for name in run["series"] if name == "deadline.transcription"]
    assert run["series"][deadline]["count"] == 1
    assert (turn["answer_source"], turn["answered_by"], turn["status"]) == (
        "memory-leak",
        "notes",
        "answered",
    )
    lines = (tmp_path / "performance.jsonl").read_text().splitlines()
    assert any(json.loads(line)["operation"] == "end_to_end" for line in lines)
