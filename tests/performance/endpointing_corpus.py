"""Spoken utterances with known bounds for the endpointing study: synthesised, bundled and human ones.

Truth never comes from the pipeline: it is the energy of clean, separately synthesised pieces (as the bundled
interview's is) or a label made by hand. Everything is seeded; the same programs give the same sound.
"""

import itertools
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from reference_pipeline.events import SAMPLE_RATE, Samples
from reference_pipeline.interview.manifest import load_manifest, recording_path
from reference_pipeline.interview.synthesise import speech_bounds

__all__ = ["Take", "bundled_takes", "hesitant_talk", "human_takes", "synthesised_takes"]

HUMAN_SPEECH = Path(__file__).resolve().parents[3] / "shared" / "speech"
LEAD_IN = SAMPLE_RATE
LEAD_OUT = SAMPLE_RATE * 3 // 2
ROOM_NOISE_RMS = 1 / 32768

WHOLE = (
    "what is a memory leak",
    "how do you deal with a tight deadline",
    "tell me about a mistake that you made",
    "what do you look for in a code review",
    "can you explain public key encryption",
    "when would you use a relational database",
    "where do you see yourself in five years",
    "how would you find out why a service is slow",
    "why did you leave your last job",
    "what was the hardest bug that you ever fixed",
    "describe a project that you are proud of",
    "do you prefer to work alone or in a team",
    "which languages have you used at work",
    "what happens when you open a web page",
    "how does a hash table work",
    "we had three weeks to finish the work",
    "the team was small and everyone knew the code",
    "i like to talk to the people who use what we build",
    "that is what we are looking for",
    "thank you for coming in today",
)
BREAKING_OFF = (
    "and how would you | test a change like that",
    "what is the difference between | a process and a thread",
    "can you tell me about the | biggest system you have built",
    "how do you decide whether | a test is worth writing",
    "what would you do if | a release went wrong",
    "could you explain how | a database index works",
    "i would like to know what you | expect from this job",
    "we moved the whole service to | another data center",
)
CLAUSE_FIRST = (
    "when a service is slow | how do you find out why",
    "if a colleague does not agree with you | what do you do",
    "in your last job | what did you like most",
    "before we go on | do you have any questions",
    "because the deadline was close | we dropped two features",
)
AFTER_A_WHOLE = (
    "tell me about a project | that went wrong",
    "how do you test your code | before a release",
    "what did you learn | from that mistake",
)
PAUSES_MS = (150, 250, 400, 550, 700)

VOICES: tuple[tuple[str, ...], ...] = (
    *(
        ("flite", "-voice", voice, "--setf", f"duration_stretch={stretch}")
        for voice in ("rms", "slt", "awb", "kal16")
        for stretch in (0.85, 1.0, 1.2)
    ),
    *(
        ("espeak-ng", "-v", voice, "-s", str(rate))
        for voice, rate in (("en-us", 150), ("en-us+f3", 180), ("en-gb-x-rp", 210), ("en-gb-scotland", 165))
    ),
)
CONDITIONS = (
    "clean",
    "clean",
    "clean",
    "30 dB quieter",
    "white noise, SNR 20 dB",
    "white noise, SNR 10 dB",
    "pink noise, SNR 15 dB",
    "talk behind, SNR 20 dB",
    "room, RT60 0.3 s",
    "room, RT60 0.6 s",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """One utterance with silence before and after it.

    Attributes:
        source: "bundled", "human" or "synthesised".
        placement: Where its pause lies: "no pause", "breaking off", "clause first", "after a whole".
        pause_ms: Length of that pause; 0 without one.
        condition: What was done to the sound.
        script: What is said, "|" where the pause lies.
        samples: Shape (n,), at `SAMPLE_RATE`.
        start: True first sample of speech.
        end: True sample just after the last of speech.
    """

    source: str
    placement: str
    pause_ms: int
    condition: str
    script: str
    samples: Samples
    start: int
    end: int


def bundled_takes() -> Iterator[Take]:
    """Yield the utterances of the bundled interview, bounds from its manifest."""
    samples, _ = soundfile.read(recording_path(), dtype="float32")
    for spoken in load_manifest().utterances:
        begin = spoken.speech_start - SAMPLE_RATE * 8 // 10
        yield Take(
            source="bundled",
            placement="no pause",
            pause_ms=0,
            condition="clean",
            script=spoken.text,
            samples=samples[begin : spoken.speech_end + SAMPLE_RATE * 13 // 10],
            start=spoken.speech_start - begin,
            end=spoken.speech_end - begin,
        )


def human_takes() -> Iterator[Take]:
    """Yield the human clips beside the repository in each condition; labelled bounds where there are any."""
    if not HUMAN_SPEECH.is_dir():
        return
    generator = np.random.default_rng(3)
    rows = [line.split("|")[1:-1] for line in (HUMAN_SPEECH / "README.md").read_text().splitlines()]
    for cells in rows:
        if not cells or not cells[0].strip().endswith(".flac"):
            continue
        clip, _ = soundfile.read(HUMAN_SPEECH / cells[0].strip(), dtype="float32")
        start, end = speech_bounds(clip)
        if "not" not in cells[3]:
            start, end = (round(float(bound) * SAMPLE_RATE) for bound in cells[3].split("-"))
        for condition in ("clean", "white noise, SNR 20 dB", "pink noise, SNR 15 dB", "room, RT60 0.3 s"):
            spoken = (clip, start, end)
            yield _take(spoken, generator, source="human", text=cells[2].strip(), condition=condition)


def synthesised_takes(count: int, *, seed: int = 1) -> Iterator[Take]:
    """Yield `count` synthesised utterances over all voices, pauses and conditions.

    Of 20 utterances 11 have no pause, 5 break off, 3 begin with a clause, and 1 pauses after what is whole.
    """
    generator = np.random.default_rng(seed)
    shares = ((WHOLE, "no pause", 11), (BREAKING_OFF, "breaking off", 5), (CLAUSE_FIRST, "clause first", 3))
    deck = [
        (texts, placement)
        for texts, placement, share in (*shares, (AFTER_A_WHOLE, "after a whole", 1))
        for _ in range(share)
    ]
    turns = {placement: itertools.count() for _, placement in deck}
    with tempfile.TemporaryDirectory() as folder:
        for index in range(count):
            texts, placement = deck[index % len(deck)]
            turn = next(turns[placement])
            text = texts[turn % len(texts)]
            pause_ms = PAUSES_MS[turn % len(PAUSES_MS)] if "|" in text else 0
            voice = VOICES[int(generator.integers(len(VOICES)))]
            condition = CONDITIONS[int(generator.integers(len(CONDITIONS)))]
            spoken = _speak(voice, text, pause_ms, Path(folder))
            yield _take(
                spoken,
                generator,
                source="synthesised",
                text=text,
                condition=condition,
                placement=placement,
                pause_ms=pause_ms,
            )


def hesitant_talk(count: int, *, pause_ms: int = 330) -> tuple[Samples, list[tuple[int, int]]]:
    """Return one speaker's talk, a pause in each utterance, and the true bounds of the utterances."""
    parts: list[Samples] = []
    bounds: list[tuple[int, int]] = []
    position = 0
    with tempfile.TemporaryDirectory() as folder:
        for index in range(count):
            text = BREAKING_OFF[index % len(BREAKING_OFF)]
            sound, _, end = _speak(VOICES[1], text, pause_ms, Path(folder))
            parts += [np.zeros(LEAD_OUT, np.float32), sound]
            bounds.append((position + LEAD_OUT, position + LEAD_OUT + end))
            position += LEAD_OUT + len(sound)
    talk = np.concatenate([*parts, np.zeros(LEAD_OUT, np.float32)])
    talk += np.random.default_rng(4).normal(0.0, ROOM_NOISE_RMS, len(talk)).astype(np.float32)
    return talk, bounds


def _speak(voice: tuple[str, ...], text: str, pause_ms: int, folder: Path) -> tuple[Samples, int, int]:
    """Return the clean sound of a text with its pause, and the bounds of speech in it."""
    parts: list[Samples] = []
    for piece in text.split("|"):
        sound = _synthesised(voice, piece.strip(), folder)
        begin, end = speech_bounds(sound)
        if parts:
            parts.append(np.zeros(SAMPLE_RATE * pause_ms // 1000, np.float32))
        parts.append(sound[begin:end])
    spoken = np.concatenate(parts)
    return spoken, 0, len(spoken)


def _synthesised(voice: tuple[str, ...], text: str, folder: Path) -> Samples:
    program, *options = voice
    if shutil.which(program) is None:
        raise SystemExit(f"{program} is not installed; install it with: apt-get install {program}")
    path = folder / "piece.wav"
    said = ["-t", text, "-o", str(path)] if program == "flite" else ["-w", str(path), text]
    subprocess.run([program, *options, *said], check=True, capture_output=True)
    sound, rate = soundfile.read(path, dtype="float32")
    return np.asarray(soxr.resample(sound, rate, SAMPLE_RATE), dtype=np.float32)


def _take(
    spoken: tuple[Samples, int, int],
    generator: np.random.Generator,
    *,
    source: str,
    text: str,
    condition: str,
    placement: str = "no pause",
    pause_ms: int = 0,
) -> Take:
    sound, start, end = spoken
    clean = np.concatenate([np.zeros(LEAD_IN, np.float32), sound, np.zeros(LEAD_OUT, np.float32)])
    speech_rms = float(np.sqrt(np.mean(np.square(sound[start:end]))))
    heard = _in_condition(clean * (0.08 / speech_rms), condition, generator)
    heard += generator.normal(0.0, ROOM_NOISE_RMS, len(heard)).astype(np.float32)
    return Take(
        source=source,
        placement=placement,
        pause_ms=pause_ms,
        condition=condition,
        script=text,
        samples=np.clip(heard, -1.0, 1.0).astype(np.float32),
        start=LEAD_IN + start,
        end=LEAD_IN + end,
    )


def _in_condition(clean: Samples, condition: str, generator: np.random.Generator) -> Samples:
    """Return the sound as it is heard; speech has an RMS of 0.08 (-22 dBFS)."""
    name, _, size = condition.partition(", ")
    if name == "clean":
        return clean
    if name == "30 dB quieter":
        return clean * np.float32(10 ** (-30 / 20))
    if name == "room":
        return _reverberated(clean, float(size.removeprefix("RT60 ").removesuffix(" s")), generator)
    rms = 0.08 * 10 ** (-float(size.removeprefix("SNR ").removesuffix(" dB")) / 20)
    if name == "white noise":
        noise = generator.normal(0.0, 1.0, len(clean))
    elif name == "pink noise":
        spectrum = np.fft.rfft(generator.normal(0.0, 1.0, len(clean)))
        spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
        noise = np.fft.irfft(spectrum, len(clean))
    else:
        noise = _talk(len(clean), generator)
    return np.asarray(clean + noise * (rms / noise.std()), dtype=np.float32)


def _reverberated(clean: Samples, rt60_s: float, generator: np.random.Generator) -> Samples:
    """Convolve with exponentially decaying noise 6 dB below the direct sound, as a desk in a room has."""
    time = np.arange(round(rt60_s * SAMPLE_RATE)) / SAMPLE_RATE
    tail = generator.normal(0.0, 1.0, len(time)) * 10 ** (-3 * time / rt60_s)
    tail[: SAMPLE_RATE * 3 // 1000] = 0.0
    tail *= 10 ** (-6 / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    size = len(clean) + len(tail)
    wet = np.fft.irfft(np.fft.rfft(clean, size) * np.fft.rfft(tail, size), size)
    return np.asarray(wet[: len(clean)], dtype=np.float32)


def _talk(count: int, generator: np.random.Generator) -> Samples:
    """Return the sound of several people talking: the bundled interview six times over itself."""
    interview, _ = soundfile.read(recording_path(), dtype="float32")
    offsets = generator.integers(0, len(interview), 6)
    return np.sum([np.roll(interview, -int(offset))[:count] for offset in offsets], axis=0)
