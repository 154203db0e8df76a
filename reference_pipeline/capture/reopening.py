"""A source that outlives the loss of its device: it says so, waits, opens it again, and goes on.

Knows no sound card. While the device is away, silence is delivered at the pace of time, so that what was
being said is ended and answered as after any pause, and capture times go on without a hole.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, Self

import numpy as np

from latency_kit.units import NS_PER_S
from reference_pipeline.capture.channel_source import ChannelledSource
from reference_pipeline.capture.device_losses import DeviceNotice
from reference_pipeline.events import RawBlock
from reference_pipeline.ports import SourceError

__all__ = ["LosableSource", "ReopeningSource"]

_SILENCE_STEP_S = 0.1
_LONGEST_SILENCE_NS = 2 * NS_PER_S
"""Delivered at a time: more than any endpoint waits for. After a night's sleep of the machine the rest is
left out, and capture times jump."""
_FIRST_RETRY_S = 0.5
_LONGEST_RETRY_S = 5.0
"""The wait between tries doubles from the first to this: a plug is pushed in within seconds."""

_log = logging.getLogger(__name__)


class LosableSource(ChannelledSource, Protocol):
    """A source whose device can be lost and chosen again."""

    def again(self) -> Self:
        """Choose the same device anew, at the same rate and with as many channels.

        Raises:
            SourceError: It has not come back.
        """
        ...


class ReopeningSource:
    """Delivers what its device gives, over any number of losses.

    * Blocks are consecutive over losses, and never come from two threads at a time.
    * `ended` is called exactly once, with None, by `stop`: a loss ends nothing.
    * The first opening may fail as any source's; only a device that has worked is waited for.
    * A loss and the return are one warning and one notice each, whatever number of tries lies between.
    """

    def __init__(
        self,
        source: LosableSource,
        *,
        now_ns: Callable[[], int] = time.perf_counter_ns,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        """Keep hold of a device.

        Args:
            source: Chosen, not started.
            now_ns: The monotonic clock.
            wait: Waits for so many seconds and returns whether to stop; for tests with a fake clock.
        """
        self._source = source
        self._now_ns = now_ns
        self._stopping = threading.Event()
        self._wait = wait or self._stopping.wait
        self._lost: SourceError | None = None
        self._woken = threading.Event()
        self._keeper: threading.Thread | None = None
        self._deliver: Callable[[RawBlock], None] = lambda _: None
        self._ended: Callable[[SourceError | None], None] = lambda _: None
        self._position = 0
        self._captured_ns = 0
        self._losses = 0
        self._told: Callable[[DeviceNotice], None] = lambda _: None

    @property
    def name(self) -> str:
        """The device's name."""
        return self._source.name

    @property
    def sample_rate(self) -> int:
        """The device's rate; the same after every loss."""
        return self._source.sample_rate

    @property
    def channels(self) -> int:
        """The device's channels."""
        return self._source.channels

    @property
    def overruns(self) -> int:
        """How many blocks the device lost while it was there."""
        return self._source.overruns

    @property
    def losses(self) -> int:
        """How often the device was lost."""
        return self._losses

    def tell_losses(self, told: Callable[[DeviceNotice], None]) -> None:
        """Have each loss and return told on the keeping thread, after it is logged."""
        self._told = told

    def start(self, deliver: Callable[[RawBlock], None], ended: Callable[[SourceError | None], None]) -> None:
        """Open the device.

        Raises:
            SourceError: It cannot be opened, or was opened before.
        """
        if self._keeper is not None:
            raise SourceError(f"{self.name}: was opened before; choose the device again to listen anew")
        self._deliver, self._ended = deliver, ended
        self._captured_ns = self._now_ns()
        self._source.start(self._take, self._source_ended)
        self._keeper = threading.Thread(target=self._keep, name=f"keep {self.name}", daemon=True)
        self._keeper.start()

    def stop(self) -> None:
        """Close the device; idempotent."""
        self._stopping.set()
        self._woken.set()
        if self._keeper is None:
            self._source.stop()
        elif self._keeper is not threading.current_thread():
            self._keeper.join()

    def _take(self, block: RawBlock) -> None:
        self._position += len(block.samples)
        self._captured_ns = block.captured_ns
        self._deliver(replace(block, first_sample=self._position - len(block.samples)))

    def _source_ended(self, error: SourceError | None) -> None:
        if error is not None:
            self._lost = error
            self._woken.set()

    def _keep(self) -> None:
        while True:
            self._woken.wait()
            if self._stopping.is_set():
                break
            self._woken.clear()
            self._losses += 1
            self._tell(f"{self._lost}: it is waited for", is_back=False)
            self._source.stop()  # what stalled may wake up again
            since_ns = self._captured_ns
            if not self._reopened():
                break
            away_s = (self._now_ns() - since_ns) / NS_PER_S
            self._tell(f"{self.name}: is heard again after {away_s:.1f} s", is_back=True)
        self._source.stop()
        self._ended(None)

    def _tell(self, text: str, *, is_back: bool) -> None:
        _log.warning("%s", text)
        self._told(DeviceNotice(text=text, is_back=is_back))

    def _reopened(self) -> bool:
        """Wait, silently to those who listen, until the device is back; False when it is to stop."""
        retry_s = _FIRST_RETRY_S
        next_try_ns = self._now_ns() + round(retry_s * NS_PER_S)
        while not self._wait(_SILENCE_STEP_S) and not self._stopping.is_set():
            self._be_silent()
            if self._now_ns() < next_try_ns:
                continue
            try:
                source = self._source.again()
                source.start(self._take, self._source_ended)
            except SourceError as error:
                _log.debug("%s", error)
                retry_s = min(2 * retry_s, _LONGEST_RETRY_S)
                next_try_ns = self._now_ns() + round(retry_s * NS_PER_S)
            else:
                self._source = source
                return True
        return False

    def _be_silent(self) -> None:
        """Deliver the silence that has passed since the last block."""
        now_ns = self._now_ns()
        passed_ns = min(now_ns - self._captured_ns, _LONGEST_SILENCE_NS)
        count = passed_ns * self.sample_rate // NS_PER_S
        if count > 0:
            silence = np.zeros((count, self.channels), np.float32)
            self._take(RawBlock(samples=silence, first_sample=0, captured_ns=now_ns))
