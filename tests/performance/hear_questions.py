"""Have sentences spoken by synthetic voices and heard by pocketsphinx: true recognition errors as data.

    python tests/performance/hear_questions.py FILE.txt ... --out HEARD.tsv [--share 0.5]

Needs flite and espeak-ng (Debian packages of these names). Each line of the result is a sentence, a tab, and
what was heard of it. Training and tests read the result and need neither voices nor recogniser. Lines that
the result holds already are not spoken again.
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soxr

from reference_pipeline.capture.sound_file import SoundFile
from reference_pipeline.events import SAMPLE_RATE, AudioBlock, Samples
from reference_pipeline.transcription.pocketsphinx_transcriber import PocketsphinxTranscriber

VOICES = ("rms", "slt", "awb", "kal16", "rms", "slt", "awb", "en-us", "en-gb-x-rp")
"""flite's voices twice as often as espeak-ng's (those with a dash), which recognisers hardly understand."""

NOISE_DBFS = (-70.0, -55.0, -48.0)
"""Levels of white noise under the voice, RMS."""


def main(arguments: list[str] | None = None) -> int:
    """Hear what is missing in the result; return 0."""
    parser = argparse.ArgumentParser(description="Write down what pocketsphinx hears of spoken sentences.")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--share", type=float, default=1.0, help="of the lines to speak, 0 to 1")
    options = parser.parse_args(arguments)
    missing = [program for program in ("flite", "espeak-ng") if shutil.which(program) is None]
    if missing:
        parser.error(f"not installed: {', '.join(missing)}; on Debian: apt-get install {' '.join(missing)}")
    known = set()
    if options.out.exists():
        known = {line.split("\t")[0] for line in options.out.read_text(encoding="utf-8").splitlines()}
    chance = random.Random(1)
    transcriber = PocketsphinxTranscriber()
    transcriber.warm_up()
    with options.out.open("a", encoding="utf-8") as out, tempfile.TemporaryDirectory() as folder:
        for line in _lines(options.files):
            voice, level = chance.choice(VOICES), chance.choice(NOISE_DBFS)
            if chance.random() >= options.share or line in known:
                continue
            spoken = _speak(_plain(line), voice, Path(folder, "line.wav"))
            noise = np.random.default_rng(len(line)).normal(0.0, 10 ** (level / 20), len(spoken))
            out.write(f"{line}\t{_heard(transcriber, np.clip(spoken + noise, -1, 1).astype(np.float32))}\n")
            out.flush()
    return 0


def _lines(files: list[Path]) -> Iterator[str]:
    for file in files:
        yield from (line for line in file.read_text(encoding="utf-8").splitlines() if line)


def _plain(line: str) -> str:
    """Return the line without the brackets that mark its questions."""
    return " ".join(line.replace("[", " ").replace("]", " ").split())


def _speak(text: str, voice: str, path: Path) -> Samples:
    if "-" in voice:
        command = ["espeak-ng", "-v", voice, "-s", "150", "-w", str(path), text]
    else:
        command = ["flite", "-voice", voice, "-t", text, "-o", str(path)]
    subprocess.run(command, check=True, capture_output=True)  # fixed programs, plain words
    sound = SoundFile(path)
    try:
        samples = np.concatenate(list(sound.blocks(SAMPLE_RATE)))[:, 0]
        return np.asarray(soxr.resample(samples, sound.sample_rate, SAMPLE_RATE), np.float32)
    finally:
        sound.close()


def _heard(transcriber: PocketsphinxTranscriber, samples: Samples) -> str:
    transcriber.begin()
    for start in range(0, len(samples), SAMPLE_RATE):
        block = samples[start : start + SAMPLE_RATE]
        transcriber.feed(AudioBlock(samples=block, first_sample=start, start_ns=0))
    return transcriber.finish().text


if __name__ == "__main__":
    sys.exit(main())
