"""The sound of a load and the truth about it: flite speaks, and each speech's bounds come from its energy."""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from spoken_script import Line

from reference_pipeline.interview.synthesise import speech_bounds

RATE = 16_000
VOICE = "rms"
"""Of flite's voices the one that pocketsphinx hears best: of seven questions of each form it misheard no
opening, while of "how would you" in the voice slt it made "paladin". What is timed are questions that are
heard as such; how many are not is measured elsewhere, on human speech."""
NOISE_RMS = 1.0
"""One step of 16-bit sound: a quiet room."""

LEAD_IN_S = 8.0
"""Silence before the first utterance: time for viewers and pages to come."""
TAIL_S = 3.0
"""Silence after the last utterance, so that its answer comes before the end."""


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """One utterance where it lies in a stream, in samples."""

    text: str
    question: bool
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Stream:
    """What one speaker says, from its first sample to its last."""

    samples: NDArray[np.int16]
    utterances: Sequence[Spoken]

    @property
    def duration_s(self) -> float:
        """How long it takes at real-time pace."""
        return len(self.samples) / RATE


def say_all(texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """Return the sound of each text, from its first sample of speech to its last.

    Raises:
        SystemExit: flite is not installed.
    """
    flite = shutil.which("flite")
    if flite is None:
        raise SystemExit("flite is not installed; install it with: apt-get install flite")
    said: dict[str, NDArray[np.float32]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "line.wav")
        for text in texts:
            if text not in said:
                subprocess.run([flite, "-voice", VOICE, "-t", text, "-o", str(path)], check=True)
                samples, rate = soundfile.read(path, dtype="float32")
                assert rate == RATE
                first, last = speech_bounds(samples)
                said[text] = samples[first:last]
    return said


def streams_of(told: Sequence[Sequence[Line]], *, every_s: float, seed: int) -> list[Stream]:
    """Lay out what each speaker says: one utterance every `every_s` seconds, begun up to half a second later.

    The beginnings do not depend on anything that the server does: the load is an open loop. The speakers'
    beginnings are spread over `every_s`. An utterance that leaves less than 1.5 s to the next delays it.
    """
    draw = np.random.default_rng(seed)
    streams = []
    for number, lines in enumerate(told):
        said = say_all([line.text for line in lines])
        spoken: list[Spoken] = []
        free_from = 0
        for turn, line in enumerate(lines):
            wanted_s = LEAD_IN_S + turn * every_s + number * every_s / len(told) + draw.uniform(0, 0.5)
            start = max(round(wanted_s * RATE), free_from)
            end = start + len(said[line.text])
            free_from = end + 3 * RATE // 2
            spoken.append(Spoken(text=line.text, question=line.question, start=start, end=end))
        length = spoken[-1].end + round(TAIL_S * RATE)
        samples = draw.normal(0.0, NOISE_RMS, length).astype(np.float32)
        for one in spoken:
            samples[one.start : one.end] += said[one.text] * 32767
        whole = np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
        streams.append(Stream(samples=whole, utterances=spoken))
    return streams


def silence(duration_s: float, *, seed: int) -> Stream:
    """Return the sound of somebody who is connected and says nothing."""
    noise = np.random.default_rng(seed).normal(0.0, NOISE_RMS, round(duration_s * RATE))
    return Stream(samples=np.rint(noise).astype(np.int16), utterances=())
