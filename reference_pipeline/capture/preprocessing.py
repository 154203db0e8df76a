"""From whatever the source delivers to 16 kHz mono without a constant offset, with exact positions.

The resampler is soxr; only this module imports it. Cutting into blocks is the ring buffer's work.
"""

from dataclasses import dataclass

import numpy as np

from latency_kit.errors import MissingExtraError
from reference_pipeline.capture.capture_clock import CaptureClock
from reference_pipeline.events import SAMPLE_RATE, RawBlock, Samples

try:
    import soxr  # type: ignore[import-untyped]  # it ships no types
except ImportError as error:
    raise MissingExtraError("soxr", "assistant") from error

__all__ = ["Preprocessed", "Preprocessor"]

_OFFSET_TIME_CONSTANT_S = 0.5
"""How fast the constant offset is followed: slow against the lowest voice (80 Hz), quick against a talk."""
_QUALITY = "LQ"
"""soxr's "low" quality still keeps what a recogniser hears (to 6.4 kHz, 16-bit noise), and holds sound
back by 11 ms on average at 44.1 and 48 kHz where "high" holds it back by 22 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessed:
    """What one raw block became.

    Attributes:
        samples: Shape (n,), float32 mono at `SAMPLE_RATE`; n varies, and may be 0 while the resampler fills.
        first_sample: Position of the first of them at `SAMPLE_RATE`.
    """

    samples: Samples
    first_sample: int


class Preprocessor:
    """Mixes to mono, removes the constant offset and resamples, keeping state between blocks.

    * Sample k of the output belongs to the same instant as frame k * rate / 16000 of the input, whatever
      delay the resampler works with.
    * The output of a whole recording is as long as the input, to one sample.
    * The result does not depend on how the input is cut into blocks, but for the offset's removal.
    """

    __slots__ = ("_clock", "_end_frame", "_offset", "_produced", "_rate", "_resampler")

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._clock = CaptureClock(sample_rate)
        self._end_frame = 0
        self._offset: float | None = None
        self._produced = 0
        self._resampler = (
            None
            if sample_rate == SAMPLE_RATE
            else soxr.ResampleStream(sample_rate, SAMPLE_RATE, 1, dtype="float32", quality=_QUALITY)
        )

    def process(self, block: RawBlock) -> Preprocessed:
        """Take the next raw block."""
        self._end_frame += len(block.samples)
        self._clock.observe(self._end_frame, block.captured_ns)
        samples = self._without_offset(_mono(block.samples))
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples)
        return self._counted(samples)

    def finish(self) -> Preprocessed:
        """Return what the resampler still holds; nothing may be processed afterwards."""
        nothing = np.empty(0, dtype=np.float32)
        if self._resampler is None:
            return self._counted(nothing)
        return self._counted(self._resampler.resample_chunk(nothing, last=True))

    def time_of(self, sample: int) -> int:
        """Return the capture time of a sample position at `SAMPLE_RATE` near the newest block."""
        return self._clock.time_of(sample * self._rate / SAMPLE_RATE)

    def _counted(self, samples: Samples) -> Preprocessed:
        first = self._produced
        self._produced += len(samples)
        return Preprocessed(samples=samples, first_sample=first)

    def _without_offset(self, samples: Samples) -> Samples:
        """Subtract the running mean; a ramp from the old estimate to the new one leaves no step."""
        if not len(samples):
            return samples
        mean = float(samples.sum()) / len(samples)
        before = mean if self._offset is None else self._offset
        weight = min(1.0, len(samples) / (self._rate * _OFFSET_TIME_CONSTANT_S))
        self._offset = before + weight * (mean - before)
        ramp = np.arange(len(samples), dtype=np.float32)
        ramp *= (self._offset - before) / len(samples)
        ramp += before
        return np.subtract(samples, ramp, out=ramp)


def _mono(samples: Samples) -> Samples:
    if samples.shape[1] == 1:
        return samples[:, 0]
    mixed: Samples = samples.mean(axis=1, dtype=np.float32)
    return mixed
