"""A recording as an audio source, replayed at real-time pace as if it were being spoken now.

Bad files are recognised at construction, before anything else has started.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from reference_pipeline.capture.pacing import Pacer
from reference_pipeline.capture.sound_file import SoundFile
from reference_pipeline.events import RawBlock
from reference_pipeline.ports import SourceError

__all__ = ["FileSource"]


class FileSource:
    """Replays a WAV or FLAC file of any rate, mono or stereo, 8-bit to float.

    The capture time of a frame is the moment at which it was due: the start of the replay plus its
    position, however late the thread woke up, so that lateness of the replay counts as latency of the
    pipeline and is never hidden. `speed` other than 1.0 is for tests: capture times still advance by one
    second a second of sound, so with None (as fast as possible) they run ahead of the clock and only
    differences between them mean anything.

    * Blocks are consecutive and hold every frame of the file once.
    * `ended` is called exactly once, after the last block.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        speed: float | None = 1.0,
        block_ms: int = 16,
        now_ns: Callable[[], int] = time.perf_counter_ns,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        """Open the file.

        Args:
            path: The recording.
            speed: Pace, see the class.
            block_ms: Length of a block; half of what the detector takes, so that resampling and cutting
                hold nothing back for long.
            now_ns: The monotonic clock.
            wait: Replaces waiting on the stop signal; for tests with a fake clock.

        Raises:
            SourceError: The file is absent, empty, of zero length or no sound.
            ValueError: `speed` or `block_ms` is not positive.
        """
        if block_ms <= 0:
            raise ValueError(f"expected block_ms over 0, got {block_ms}")
        if speed is not None and speed <= 0:
            raise ValueError(f"expected a speed over 0 or None, got {speed}")
        self._file = SoundFile(Path(path))
        self._speed = speed
        self._block_frames = max(1, self._file.sample_rate * block_ms // 1000)
        self._now_ns = now_ns
        self._stopping = threading.Event()
        self._wait = wait or self._stopping.wait
        self._thread: threading.Thread | None = None

    @property
    def name(self) -> str:
        """The file's name."""
        return self._file.path.name

    @property
    def sample_rate(self) -> int:
        """Frames a second of the file."""
        return self._file.sample_rate

    @property
    def channels(self) -> int:
        """Channels of the file."""
        return self._file.channels

    @property
    def overruns(self) -> int:
        """Always 0: a file waits, so no block is lost."""
        return 0

    def start(self, deliver: Callable[[RawBlock], None], ended: Callable[[SourceError | None], None]) -> None:
        """Begin the replay on a thread of its own.

        Raises:
            SourceError: It has been started before.
        """
        if self._thread is not None:
            raise SourceError(f"{self.name}: is being replayed already; open the file again to replay it")
        self._thread = threading.Thread(
            target=self._replay, args=(deliver, ended), name=f"replay {self.name}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End early; idempotent. May be called from within `deliver`."""
        self._stopping.set()
        if self._thread is None:
            self._file.close()
        elif self._thread is not threading.current_thread():
            self._thread.join()

    def _replay(
        self, deliver: Callable[[RawBlock], None], ended: Callable[[SourceError | None], None]
    ) -> None:
        failure: SourceError | None = None
        position = 0
        pacer = Pacer(self.sample_rate, speed=self._speed, now_ns=self._now_ns, wait=self._wait)
        try:
            for samples in self._file.blocks(self._block_frames):
                if pacer.wait_for(position + len(samples)):
                    break
                position += len(samples)
                block = RawBlock(
                    samples=samples,
                    first_sample=position - len(samples),
                    captured_ns=pacer.captured_ns(position),
                )
                deliver(block)
        except SourceError as error:
            failure = error
        finally:
            self._file.close()
            ended(failure)
