"""One write a sample: from the ring on, every stage is given a view and allocates no block."""

import tracemalloc
from typing import Any

import numpy as np

from reference_pipeline.capture.energy_gate import EnergyGate
from reference_pipeline.capture.listener import Listener
from reference_pipeline.capture.preprocessing import Preprocessor
from reference_pipeline.capture.ring_buffer import RingBuffer
from reference_pipeline.events import AudioBlock, RawBlock, Samples

BLOCK = 512
SOUND = (0.2 * np.sin(np.arange(BLOCK * 40) / 4)).astype(np.float32)


class HandSource:
    """A source whose blocks the test gives."""

    name, sample_rate, overruns = "hand", 16_000, 0

    def start(self, deliver: Any, ended: Any) -> None:
        self.deliver, self.ended = deliver, ended

    def stop(self) -> None:
        self.ended(None)


class SeeingDetector:
    """Calls everything speech and keeps the blocks."""

    block_samples = BLOCK

    def __init__(self) -> None:
        self.seen: list[AudioBlock] = []

    def speech_probability(self, block: AudioBlock) -> float:
        self.seen.append(block)
        return 0.9

    def reset(self) -> None:
        return


def raw(samples: Samples, first: int) -> RawBlock:
    return RawBlock(samples=samples[:, None], first_sample=first, captured_ns=(first + len(samples)) * 62_500)


def peak_bytes(call: Any) -> int:
    """Return how much a call holds at a time, over what was held before it."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        call()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def test_detector_and_sink_are_given_the_same_view_of_the_ring(sink: Any) -> None:
    source, detector = HandSource(), SeeingDetector()
    listener = Listener(source, detector, sink)
    listener.start()
    for first in range(0, len(SOUND), BLOCK // 2):
        source.deliver(raw(SOUND[first : first + BLOCK // 2], first))
    listener.stop()
    (heard,) = sink.blocks
    assert len(heard) == 40
    by_place = {block.first_sample: block for block in detector.seen}
    assert all(block is by_place[block.first_sample] for block in heard if block.first_sample in by_place)
    bases = {id(block.samples.base) for block in heard}
    assert len(bases) == 1  # the ring's one segment of 64 blocks
    assert all(not block.samples.flags.owndata and not block.samples.flags.writeable for block in heard)


def test_preprocessing_sound_at_16_khz_holds_no_more_than_two_blocks_at_a_time() -> None:
    preprocessor = Preprocessor(16_000)
    blocks = [raw(SOUND[first : first + BLOCK], first) for first in range(0, len(SOUND), BLOCK)]
    preprocessor.process(blocks[0])
    for block in blocks[1:]:
        peak = peak_bytes(lambda block=block: preprocessor.process(block))
        assert peak <= 2 * SOUND[:BLOCK].nbytes + 2_048


def test_writing_the_ring_allocates_only_its_segments() -> None:
    ring = RingBuffer(block_samples=BLOCK, keep_blocks=4)
    ring.write(SOUND[:BLOCK], lambda sample: sample)
    assert peak_bytes(lambda: ring.write(SOUND[:BLOCK], lambda sample: sample)) < SOUND[:BLOCK].nbytes


def test_the_gate_reads_a_block_without_copying_it() -> None:
    gate = EnergyGate()
    gate.admits(SOUND[:BLOCK])
    assert peak_bytes(lambda: gate.admits(SOUND[:BLOCK])) < SOUND[:BLOCK].nbytes
