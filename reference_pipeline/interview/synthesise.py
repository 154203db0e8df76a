"""Make the bundled interview again: `python -m reference_pipeline.interview.synthesise`.

Needs flite (Debian: `apt-get install flite`). Writes the recording and its manifest beside this module,
or into the folder given as the only argument. The same flite gives the same bytes of speech each time;
the room noise comes from a seeded generator.

The wording was chosen by measurement: each question was synthesised and heard by pocketsphinx's general
English model with a fresh decoder, an adapted one and a noisier room, and kept when its topic words came
through in all of them.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reference_pipeline.capture.sound_file import SoundFile, write_flac
from reference_pipeline.events import SAMPLE_RATE, Samples
from reference_pipeline.interview.manifest import (
    MANIFEST_NAME,
    RECORDING_NAME,
    InterviewManifest,
    SpokenUtterance,
    manifest_as_json,
)

__all__ = ["SCRIPT", "Line", "SynthesisError", "compose", "main", "speech_bounds"]

VOICES = {"interviewer": "rms", "candidate": "slt"}
"""The flite voice of each speaker: a man's and a woman's, the two that recognisers hear best."""

LEAD_IN_S = 1.0
PAUSE_AFTER_QUESTION_S = 2.2
"""Room for the answer to appear before the next utterance begins."""
PAUSE_AFTER_STATEMENT_S = 1.4
ROOM_NOISE_RMS = 1 / 32768
"""White noise of one step of 16-bit sound (-90 dBFS): digital silence would be unlike any microphone."""
SPEECH_FLOOR_DB = 35.0
"""Speech is what lies less than this below the loudest 10 ms of its utterance: it keeps a released final
consonant ("work", "leak") and leaves out the breath and reverberation that flite appends."""
_WINDOW = SAMPLE_RATE // 100


class SynthesisError(Exception):
    """The recording cannot be made; the message says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the script; `note` is empty for a statement."""

    speaker: str
    text: str
    note: str = ""


def _asked(text: str, note: str) -> Line:
    return Line(speaker="interviewer", text=text, note=note)


def _said(speaker: str, text: str) -> Line:
    return Line(speaker=speaker, text=text)


SCRIPT: tuple[Line, ...] = (
    _said("interviewer", "good morning and welcome to our office"),
    _asked("where do you see yourself in five years", "five-year-plan"),
    _said("candidate", "what i like most is working with other people"),
    _asked("what do you look for in a code review", "code-review"),
    _asked("when did you have a conflict with another engineer", "conflict"),
    _said("candidate", "that was the day when everything changed"),
    _asked("tell me about a mistake that you made", "mistake"),
    _said("candidate", "we had three weeks to finish the work"),
    _asked("how do you deal with a tight deadline", "tight-deadline"),
    _said("interviewer", "that is what we are looking for"),
    _asked("what is a memory leak", "memory-leak"),
    _asked("what is garbage collection", "garbage-collection"),
    _said("candidate", "i know what it takes to build a good product"),
    _asked("can you design a system for a million users", "system-design"),
    _asked("when would you use a relational database", "relational-database"),
    _said("candidate", "we never knew which customer would call next"),
    _asked("what is a race condition", "race-condition"),
    _asked("what is a binary search", "binary-search"),
    _asked("can you explain public key encryption", "public-key-encryption"),
    _said("candidate", "i can start in the spring if you want me to"),
    _said("interviewer", "we will call you when we know more"),
)


def speech_bounds(samples: Samples) -> tuple[int, int]:
    """Return where speech starts and ends in one synthesised utterance, to 10 ms.

    Raises:
        SynthesisError: `samples` is shorter than 10 ms or silent.
    """
    windows = samples[: len(samples) // _WINDOW * _WINDOW].reshape(-1, _WINDOW)
    power = np.mean(np.square(windows, dtype=np.float64), axis=1)
    if not power.size or power.max() <= 0:
        raise SynthesisError("flite gave silence")
    loud = np.flatnonzero(power >= power.max() * 10 ** (-SPEECH_FLOOR_DB / 10))
    return int(loud[0]) * _WINDOW, int(loud[-1] + 1) * _WINDOW


def compose(
    script: Sequence[Line], spoken: Sequence[Samples], *, seed: int = 1
) -> tuple[Samples, InterviewManifest]:
    """Lay the utterances out with their pauses over the noise of a quiet room.

    Pauses are exact from the last sample of speech to the next first one.
    """
    utterances: list[SpokenUtterance] = []
    placed: list[tuple[int, Samples]] = []
    next_speech = round(LEAD_IN_S * SAMPLE_RATE)
    for line, samples in zip(script, spoken, strict=True):
        start, end = speech_bounds(samples)
        placed.append((next_speech - start, samples))
        utterance = SpokenUtterance(
            text=line.text,
            speaker=line.speaker,
            voice=VOICES[line.speaker],
            question=bool(line.note),
            note=line.note,
            speech_start=next_speech,
            speech_end=next_speech + end - start,
        )
        utterances.append(utterance)
        pause_s = PAUSE_AFTER_QUESTION_S if line.note else PAUSE_AFTER_STATEMENT_S
        next_speech = utterance.speech_end + round(pause_s * SAMPLE_RATE)
    recording = np.random.default_rng(seed).normal(0.0, ROOM_NOISE_RMS, next_speech).astype(np.float32)
    for position, samples in placed:
        recording[position : position + len(samples)] += samples
    manifest = InterviewManifest(
        sample_rate=SAMPLE_RATE, samples=len(recording), utterances=tuple(utterances)
    )
    return np.clip(recording, -1.0, 1.0), manifest


def _speak(flite: str, line: Line, folder: Path) -> Samples:
    path = folder / "line.wav"
    command = [flite, "-voice", VOICES[line.speaker], "-t", line.text, "-o", str(path)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # fixed words
    if finished.returncode != 0 or not path.is_file():
        raise SynthesisError(
            f"flite could not say {line.text!r}: {finished.stderr.strip() or 'no reason given'}"
        )
    sound = SoundFile(path)
    try:
        if sound.sample_rate != SAMPLE_RATE:
            voice = VOICES[line.speaker]
            raise SynthesisError(f"{voice} speaks at {sound.sample_rate} Hz, expected {SAMPLE_RATE} Hz")
        return np.concatenate(list(sound.blocks(SAMPLE_RATE)))[:, 0]
    finally:
        sound.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Write recording and manifest; return 0, or 2 when that is not possible."""
    given = sys.argv[1:] if arguments is None else arguments
    target = Path(given[0]) if given else Path(__file__).parent
    flite = shutil.which("flite")
    if flite is None:
        _complain("flite is not installed; install it with: apt-get install flite")
        return 2
    if not target.is_dir():
        _complain(f"{target} is not a folder; give the folder to write the interview into")
        return 2
    try:
        with tempfile.TemporaryDirectory() as folder:
            spoken = [_speak(flite, line, Path(folder)) for line in SCRIPT]
        recording, manifest = compose(SCRIPT, spoken)
    except SynthesisError as error:
        _complain(error)
        return 2
    write_flac(target / RECORDING_NAME, recording, SAMPLE_RATE)
    (target / MANIFEST_NAME).write_text(manifest_as_json(manifest), encoding="utf-8")
    sys.stdout.write(
        f"{len(manifest.questions)} questions and {len(manifest.statements)} statements "
        f"in {manifest.duration_s:.1f} s written to {target}\n"
    )
    return 0


def _complain(reason: object) -> None:
    sys.stderr.write(f"{reason}\n")


if __name__ == "__main__":
    sys.exit(main())
