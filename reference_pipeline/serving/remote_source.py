"""A speaker on the other end of a socket as an audio source. Knows the wire's pieces, no socket."""

import asyncio
import threading
from collections.abc import Callable

from latency_kit.units import NS_PER_S
from reference_pipeline.events import RawBlock
from reference_pipeline.ports import SourceError
from reference_pipeline.serving.listening_thread import ListeningThread
from reference_pipeline.serving.sender_clock import SenderClock
from reference_pipeline.serving.speaker_wire import SoundPiece

__all__ = ["WAITING_PIECES", "RemoteSource"]

WAITING_PIECES = 64
"""Messages of one speaker that may wait for the listening thread: two seconds at 32 ms."""


class RemoteSource:
    """Delivers what a speaker sends.

    * The capture time of a block is when the sender took its last sample, on our clock: what the network and
      we ourselves delay counts as latency of the pipeline.
    * Pieces that come before `start` or after the end are nobody's and are dropped.
    * A piece that finds `WAITING_PIECES` waiting is lost and counted in `overruns`; samples that the sender
      left out are counted there too, as one piece.
    * `ended` is called exactly once.
    """

    def __init__(self, name: str, *, rate: int, clock: SenderClock, thread: ListeningThread) -> None:
        self._name = name
        self._rate = rate
        self._clock = clock
        self._thread = thread
        self._lock = threading.Lock()
        self._waiting = 0
        self._overruns = 0
        self._next_sample: int | None = None
        self._position = 0
        self._deliver: Callable[[RawBlock], None] | None = None
        self._ended: Callable[[SourceError | None], None] | None = None
        self._was_started = False
        self._sent_samples = 0
        self._started = asyncio.Event()
        self._over = threading.Event()

    @property
    def name(self) -> str:
        """The speaker's session."""
        return self._name

    @property
    def sample_rate(self) -> int:
        """Samples a second, as the speaker said."""
        return self._rate

    @property
    def overruns(self) -> int:
        """Pieces lost, here and at the sender."""
        return self._overruns

    @property
    def sent_ns(self) -> int:
        """How much sound the speaker has sent, in nanoseconds of its rate."""
        return self._sent_samples * NS_PER_S // self._rate

    async def wait_until_started(self) -> None:
        """Wait until somebody listens; on the loop that `start` is called on."""
        await self._started.wait()

    def start(self, deliver: Callable[[RawBlock], None], ended: Callable[[SourceError | None], None]) -> None:
        """Begin to deliver on the listening thread.

        Raises:
            SourceError: It has been started before.
        """
        if self._was_started:
            raise SourceError(f"{self._name}: is being heard already; connect again for another session")
        self._was_started = True
        self._started.set()
        self._deliver, self._ended = deliver, ended
        if self._over.is_set():
            self._thread.submit(lambda: self._end(None))

    def stop(self) -> None:
        """End early; idempotent. May be called from within `deliver`."""
        self.end(None)
        if self._was_started and not self._thread.is_current:
            drained = threading.Event()
            if self._thread.submit(drained.set):
                drained.wait()

    def take(self, piece: SoundPiece, *, arrived_ns: int) -> None:
        """Take what has arrived; called on the event loop."""
        self._sent_samples += len(piece.samples)
        if self._deliver is None or self._over.is_set():
            return
        if self._next_sample is not None and piece.first_sample != self._next_sample:
            self._overruns += 1
        self._next_sample = piece.first_sample + len(piece.samples)
        captured_ns = self._clock.captured_ns(piece.captured_ns, arrived_ns=arrived_ns)
        with self._lock:
            if self._waiting >= WAITING_PIECES:
                self._overruns += 1
                return
            self._waiting += 1
        self._thread.submit(lambda: self._pass_on(piece, captured_ns))

    def end(self, failure: SourceError | None) -> None:
        """End after what has arrived: regularly, or because the speaker was lost. The first end counts."""
        if not self._over.is_set():
            self._over.set()
            self._thread.submit(lambda: self._end(failure))

    def _pass_on(self, piece: SoundPiece, captured_ns: int) -> None:
        with self._lock:
            self._waiting -= 1
        deliver = self._deliver
        if deliver is None:
            return
        self._position += len(piece.samples)
        deliver(
            RawBlock(
                samples=piece.samples,
                first_sample=self._position - len(piece.samples),
                captured_ns=captured_ns,
            )
        )

    def _end(self, failure: SourceError | None) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            self._deliver = None
            ended(failure)
