"""The assistant as a program, hearing real questions at the pace of speech: what the latency tests measure.

Each run is a process of its own, with its own clock, decoder and display. Two go on at a time, which leaves
a third of two cores idle; more would make the figures those of a crowded machine.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from reference_pipeline.interview.manifest import load_manifest, recording_path

__all__ = ["LiveTurns", "heard_live", "questions_recording", "simulated_ollama"]

RUNS_AT_ONCE = 2
LIMIT_S = 240.0
_GAP_S = 1.0
"""Of silence after each question: more than the endpoint waits for, less than a pause in a talk."""

_MARGIN_S = 0.1
_SIMULATOR = Path(__file__).parents[1] / "reference_pipeline" / "ollama_simulator.py"
_MODEL = "simulated:1b"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTurns:
    """What came of some runs.

    Attributes:
        turns: Every turn, as `reference-pipeline --json` tells it.
        sessions: The session file of each run.
    """

    turns: tuple[dict[str, Any], ...]
    sessions: tuple[Path, ...]

    def asked(self) -> list[dict[str, Any]]:
        """Return the turns that asked something."""
        return [turn for turn in self.turns if turn["question"]]

    def durations_ns(self, field: str, name: str | None = None) -> list[int]:
        """Return one figure of each turn that asked, in nanoseconds; of a mapping that under `name`."""
        values = [turn[field] if name is None else turn[field].get(name) for turn in self.asked()]
        return [round(1e6 * value) for value in values if value is not None]


def questions_recording(path: Path, most: int | None = None) -> int:
    """Write the interview's questions, each with a second of silence after it; return how many there are."""
    samples, rate = soundfile.read(recording_path(), dtype="float32")
    margin = round(_MARGIN_S * rate)
    gap = np.zeros(round(_GAP_S * rate), np.float32)
    questions = [spoken for spoken in load_manifest().utterances if spoken.question][:most]
    pieces = [gap]
    for spoken in questions:
        pieces += [samples[spoken.speech_start - margin : spoken.speech_end + margin], gap]
    soundfile.write(path, np.concatenate(pieces), rate)
    return len(questions)


@contextlib.contextmanager
def simulated_ollama(*, first_token_ms: float = 600, p95_ms: float = 1100, rate: float = 60) -> Iterator[str]:
    """Give the address of a simulated Ollama, a process with log-normal times to first token."""
    arguments = ["--first-token-ms", first_token_ms, "--p95-ms", p95_ms, "--rate", rate, "--seconds", 900]
    with subprocess.Popen(
        [sys.executable, str(_SIMULATOR), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.stdin.close()  # ends it


def heard_live(
    recording: Path, folder: Path, *, runs: int, ollama: str, each: Callable[[int, int], None]
) -> LiveTurns:
    """Run the assistant over `recording` so many times, at the pace of speech; return all turns.

    Args:
        recording: What it hears.
        folder: Where the files of the runs go.
        runs: How many.
        ollama: Address of the model's server.
        each: Called when a run has ended, with how many have, and of how many.
    """
    with ThreadPoolExecutor(RUNS_AT_ONCE) as threads:
        begun = [threads.submit(_one_run, recording, folder, number, ollama) for number in range(1, runs + 1)]
        for done, _ in enumerate(as_completed(begun), start=1):
            each(done, runs)
        found = [run.result() for run in begun]
    turns = [turn for data, _ in found for turn in data["turns"]]
    return LiveTurns(turns=tuple(turns), sessions=tuple(path for _, path in found))


def _one_run(recording: Path, folder: Path, number: int, ollama: str) -> tuple[dict[str, Any], Path]:
    session, data = folder / f"assistant-{number}.json", folder / f"turns-{number}.json"
    options: Sequence[object] = (
        *("--audio", recording, "--once", "--no-page", "--engine", "pocketsphinx"),
        *("--local-model", _MODEL, "--session", session, "--json", data),
        *("--report", folder / f"assistant-{number}.md"),
    )
    environment = {**os.environ, "OLLAMA_HOST": ollama}
    # Neither a key nor a collector of whoever runs this has a part in it.
    for name in [name for name in environment if name == "OLLAMA_API_KEY" or name.startswith("OTEL_")]:
        del environment[name]
    ended = subprocess.run(
        [sys.executable, "-m", "reference_pipeline", "run", *map(str, options)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    # 1: a budget is breached, which is for the tests to say, over all runs.
    if ended.returncode not in {0, 1}:
        raise RuntimeError(f"run {number} of the assistant failed: {ended.stderr.strip()[-2000:]}")
    return json.loads(data.read_text(encoding="utf-8")), session
