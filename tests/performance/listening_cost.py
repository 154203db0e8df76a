"""What listening costs a block of 32 ms: `python tests/performance/listening_cost.py`.

Processor time of the listening thread, over the bundled interview as it is and as stereo at 48 kHz; each
stage by its own histogram (`capture.*`), the whole by the thread's clock.
"""

import json
import sys
import time
from collections.abc import Callable

import numpy as np
import soundfile
import soxr

import latency_kit
from reference_pipeline.capture.channel_source import ChannelSource
from reference_pipeline.capture.listener import Listener
from reference_pipeline.capture.silero import SileroDetector
from reference_pipeline.events import RawBlock, Samples
from reference_pipeline.interview.manifest import recording_path
from reference_pipeline.ports import SourceError

BLOCK_S = 0.032
RAW_S = 0.016


class Recorded:
    """A recording given all at once on the caller's thread, whose processor time is taken."""

    name, overruns = "recorded", 0

    def __init__(self, samples: Samples, rate: int) -> None:
        self.sample_rate = rate
        self.channels = samples.shape[1]
        self.processor_s = 0.0
        self._samples = samples

    def start(self, deliver: Callable[[RawBlock], None], ended: Callable[[SourceError | None], None]) -> None:
        """Deliver every block."""
        frames = round(self.sample_rate * RAW_S)
        origin_ns = latency_kit.now_ns()
        began_s = time.thread_time()
        for first in range(0, len(self._samples), frames):
            part = self._samples[first : first + frames]
            captured_ns = origin_ns + (first + len(part)) * 1_000_000_000 // self.sample_rate
            deliver(RawBlock(samples=part, first_sample=first, captured_ns=captured_ns))
        ended(None)
        self.processor_s = time.thread_time() - began_s

    def stop(self) -> None:
        """Do nothing: all has been delivered."""


class Nobody:
    """A sink that does nothing."""

    def _nothing(self, *_: object) -> None:
        return

    speech_started = speech_block = speech_ended = speech_discarded = _nothing
    speech_paused = speech_resumed = source_ended = _nothing


def measured(name: str, samples: Samples, rate: int, *, two_voices: bool = False) -> dict[str, object]:
    """Hear the samples; return the costs."""
    source = Recorded(samples, rate)
    heard = Listener(
        ChannelSource(source, interviewer=0) if two_voices else source, SileroDetector(), Nobody()
    )
    with latency_kit.configure(service_name="listening-cost") as telemetry:
        heard.start()
        series = telemetry.snapshot()
    blocks = heard.heard.blocks
    return {
        "sound": name,
        "blocks": blocks,
        "share that the gate spared the detector": round(heard.heard.gated_blocks / blocks, 3),
        "processor µs a block": round(source.processor_s / blocks * 1e6, 1),
        "share of one core": round(source.processor_s / (blocks * BLOCK_S), 4),
        "p50 µs": {
            each.operation: round(each.histogram.value_at_percentile(50.0) / 1e3, 1)
            for each in series
            if each.component == "capture" and each.operation != "delivery"
        },
    }


def main() -> None:
    """Print the costs as JSON."""
    interview, rate = soundfile.read(recording_path(), dtype="float32")
    stereo = np.stack([soxr.resample(interview, rate, 48_000)] * 2, axis=1)
    stereo[:, 1] *= 0.1
    runs = [
        measured("16 kHz mono", interview[:, None], rate),
        measured("48 kHz stereo, mixed", stereo, 48_000),
        measured("48 kHz stereo, two voices", stereo, 48_000, two_voices=True),
    ]
    sys.stdout.write(json.dumps(runs, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
