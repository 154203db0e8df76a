"""The ring buffer: nothing lost, nothing overwritten under a reader, bounded."""

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_pipeline.capture.ring_buffer import RingBuffer


def times(sample: int) -> int:
    return sample * 62_500


@settings(deadline=None)  # time is the machine's, not the ring's
@given(sizes=st.lists(st.integers(0, 3_000), max_size=30), block=st.sampled_from([1, 7, 160, 512]))
def test_concatenated_blocks_are_exactly_what_was_written(sizes: list[int], block: int) -> None:
    ring = RingBuffer(block_samples=block, keep_blocks=3)
    written = np.arange(sum(sizes), dtype=np.float32)
    blocks = []
    position = 0
    for size in sizes:
        blocks += ring.write(written[position : position + size], times)
        position += size
    assert all(len(each.samples) == block for each in blocks)
    last = ring.flush(times)
    if last is not None:
        assert 0 < len(last.samples) < block
        blocks.append(last)
    assert [each.first_sample for each in blocks] == list(range(0, len(written), block))
    assert all(each.start_ns == times(each.first_sample) for each in blocks)
    heard = np.concatenate([each.samples for each in blocks]) if blocks else written[:0]
    assert np.array_equal(heard, written)
    assert ring.position == len(written)


def test_no_later_write_changes_a_block() -> None:
    ring = RingBuffer(block_samples=4, keep_blocks=1)
    (block,) = ring.write(np.ones(4, dtype=np.float32), times)
    for _ in range(1_000):
        ring.write(np.zeros(4, dtype=np.float32), times)
    assert block.samples.tolist() == [1.0] * 4


def test_blocks_are_read_only_views_of_the_ring() -> None:
    ring = RingBuffer(block_samples=4, keep_blocks=1)
    first, second = ring.write(np.ones(8, dtype=np.float32), times)
    assert first.samples.base is second.samples.base
    with pytest.raises(ValueError, match="read-only"):
        first.samples[0] = 0.0


def test_only_the_newest_blocks_are_kept() -> None:
    ring = RingBuffer(block_samples=4, keep_blocks=2)
    ring.write(np.arange(20, dtype=np.float32), times)
    assert [block.first_sample for block in ring.kept] == [12, 16]


def test_a_segment_that_nobody_looks_at_is_freed() -> None:
    ring = RingBuffer(block_samples=4, keep_blocks=1)
    (block,) = ring.write(np.ones(4, dtype=np.float32), times)
    assert block.samples.base is not None
    segment = weakref.ref(block.samples.base)
    del block
    for _ in range(200):
        ring.write(np.zeros(4, dtype=np.float32), times)
    gc.collect()
    assert segment() is None
