"""The server of profile W: a Whisper of base size that computes truly and knows its lines.

Reads what each session will say from `script.json` in its folder, and first tells in `inference.json` what
one inference of five seconds of sound takes by itself, as a histogram.
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "performance"))

from rehearsed_whisper import Line, RehearsedTranscriber, base_size_engine

import latency_kit
from latency_kit.histogram import Histogram, encode_base64
from reference_pipeline.composition import compose_shedding
from reference_pipeline.events import SAMPLE_RATE
from reference_pipeline.ports import Transcriber
from reference_pipeline.serve import serve_speakers
from reference_pipeline.settings import Settings
from reference_pipeline.transcription.inference_queue import Urgency
from reference_pipeline.transcription.whisper_engine import WhisperEngine

ALONE = 40
ALONE_S = 5
ALONE_TOKENS = 18
"""Of twelve and a half words, said in five seconds at 150 a minute: four for three of them, and the end."""


def inference_alone(engine: WhisperEngine) -> str:
    """Return the histogram of inferences of five seconds of sound, nothing else running, encoded."""
    draw = np.random.default_rng(1)
    durations = Histogram()
    engine.warm_up()
    for _ in range(ALONE):
        sound = draw.normal(0.0, 0.05, ALONE_S * SAMPLE_RATE).astype(np.float32)
        start_ns = latency_kit.now_ns()
        engine.infer(sound, urgency=Urgency.FINAL, most_tokens=ALONE_TOKENS)
        durations.record(latency_kit.now_ns() - start_ns)
    return encode_base64(durations.snapshot())


def main() -> int:
    """Serve until a signal comes, and write `run.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, required=True)
    parser.add_argument("--model", type=Path, required=True)
    options, _ = parser.parse_known_args()
    script = json.loads(Path("script.json").read_text(encoding="utf-8"))
    lines = {
        name: [Line(first_sample=first, last_sample=last, text=text) for first, last, text in said]
        for name, said in script.items()
    }
    engine = base_size_engine(options.model)
    Path("inference.json").write_text(json.dumps({"histogram": inference_alone(engine)}), encoding="utf-8")

    def transcriber_of(session: str) -> Transcriber:
        return RehearsedTranscriber(engine, lines.get(session, ()))

    settings = Settings(sessions=options.sessions, port=0)
    shedding = compose_shedding(settings)
    engine.pressed = lambda: shedding.pressed
    result = asyncio.run(serve_speakers(settings, transcriber_of=transcriber_of, shedding=shedding))
    result.write_json(Path("run.json"))
    return result.exit_code


if __name__ == "__main__":
    sys.exit(main())
