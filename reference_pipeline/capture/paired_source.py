"""Two devices at once: one hears the interviewer (the system's audio, say), the other the user.

Their clocks need not agree: only the power of the user's device is taken over, by capture time, so that a
drift of some milliseconds changes nothing.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from latency_kit.units import NS_PER_MS, NS_PER_S
from reference_pipeline.capture.device_losses import DeviceNotice, losses_of, tell_losses_of
from reference_pipeline.events import RawBlock
from reference_pipeline.ports import AudioSource, SourceError

__all__ = ["PairedSource"]

_REMEMBERED_NS = 500 * NS_PER_MS
_LAG_NS = 100 * NS_PER_MS
"""How far the user's device may lag behind before its last power no longer stands for the present."""

_MISTAKEN = "until then what you say may be taken for the interviewer's"

_log = logging.getLogger(__name__)


class PairedSource:
    """Delivers the interviewer's device, with the power of the user's beside it.

    * It ends when the interviewer's device ends; the end of the user's is logged.
    * While the user's device is away, the user's voice may be taken for the interviewer's; that is told.
    * The power is the greatest that the user's device heard during the block, or last before it.
    """

    def __init__(self, interviewer: AudioSource, own: AudioSource) -> None:
        """Pair two devices.

        Raises:
            SourceError: They are the same.
        """
        if interviewer.name == own.name:
            raise SourceError(
                f"{own.name}: is given for the interviewer and for you; choose two devices, or the channel "
                "of one with --interviewer"
            )
        self._interviewer = interviewer
        self._own = own
        self._lock = threading.Lock()
        self._told: Callable[[DeviceNotice], None] = lambda _: None
        tell_losses_of(own, self._own_lost)
        self._powers: deque[tuple[int, int, float]] = deque()

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self._interviewer.name} (you: {self._own.name})"

    @property
    def sample_rate(self) -> int:
        """The rate of the interviewer's device."""
        return self._interviewer.sample_rate

    @property
    def overruns(self) -> int:
        """How many blocks both devices lost."""
        return self._interviewer.overruns + self._own.overruns

    @property
    def losses(self) -> int:
        """How often one of the devices was lost."""
        return losses_of(self._interviewer, self._own)

    def tell_losses(self, told: Callable[[DeviceNotice], None]) -> None:
        """Have the losses of both devices told."""
        self._told = told
        tell_losses_of(self._interviewer, told)

    def start(self, deliver: Callable[[RawBlock], None], ended: Callable[[SourceError | None], None]) -> None:
        """Begin both.

        Raises:
            SourceError: One of them cannot begin.
        """

        def take(block: RawBlock) -> None:
            deliver(replace(block, own_power=self._power_during(block)))

        self._own.start(self._hear_own, self._own_ended)
        try:
            self._interviewer.start(take, ended)
        except SourceError:
            self._own.stop()
            raise

    def stop(self) -> None:
        """End both; idempotent."""
        self._interviewer.stop()
        self._own.stop()

    def _hear_own(self, block: RawBlock) -> None:
        start_ns = block.captured_ns - len(block.samples) * NS_PER_S // self._own.sample_rate
        power = float(block.samples.var(axis=0).max()) if len(block.samples) else 0.0
        with self._lock:
            self._powers.append((start_ns, block.captured_ns, power))
            while self._powers[0][1] < block.captured_ns - _REMEMBERED_NS:
                self._powers.popleft()

    def _power_during(self, block: RawBlock) -> float:
        start_ns = block.captured_ns - len(block.samples) * NS_PER_S // self.sample_rate
        with self._lock:
            during = [
                power for begin, end, power in self._powers if begin < block.captured_ns and end > start_ns
            ]
            if during:
                return max(during)
            before = [power for _, end, power in self._powers if start_ns - _LAG_NS <= end <= start_ns]
        return before[-1] if before else 0.0

    def _own_lost(self, notice: DeviceNotice) -> None:
        if not notice.is_back:
            notice = replace(notice, text=f"{notice.text}; {_MISTAKEN}")
            _log.warning("%s: %s", self._own.name, _MISTAKEN)
        self._told(notice)

    def _own_ended(self, error: SourceError | None) -> None:
        if error is not None:
            self._told(DeviceNotice(text=f"{error}; {_MISTAKEN}", is_back=False))
            _log.warning("%s; %s", error, _MISTAKEN)
