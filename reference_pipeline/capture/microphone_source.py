"""A microphone (or any input device) as an audio source, through PortAudio. Only here is sounddevice used.

Importing this module without sounddevice raises `MissingExtraError`, and without the PortAudio library
`SourceError`; whoever composes the pipeline imports it only when a microphone is wanted.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from latency_kit.errors import MissingExtraError
from latency_kit.units import NS_PER_S
from reference_pipeline.events import RawBlock, Samples
from reference_pipeline.ports import SourceError

try:
    import sounddevice  # type: ignore[import-untyped]  # it ships no types
except ImportError as error:
    raise MissingExtraError("sounddevice", "mic") from error
except OSError as error:
    raise SourceError(
        "the PortAudio library was not found; install it (Debian: apt-get install libportaudio2) "
        "or replay a recording with --audio FILE"
    ) from error

__all__ = ["InputDevice", "MicrophoneSource", "input_devices"]

_STALL_S = 2.0
"""A stream that gives no block for so long is lost: a suspended or unplugged device often ends silently."""
_PLAUSIBLE_LATENCY_NS = 2 * NS_PER_S
_open_streams: set[int] = set()
"""Identities of the sources whose stream is open."""
_MAX_CHANNELS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class InputDevice:
    """A device that sound can be taken from."""

    index: int
    name: str
    channels: int
    sample_rate: int
    is_default: bool


def input_devices(*, anew: bool = False) -> tuple[InputDevice, ...]:
    """List the input devices that PortAudio knows.

    Args:
        anew: Look again. PortAudio lists devices once, when it is started, and starting it again ends all
            streams; so this does nothing while one is open (python-sounddevice, issue 125).

    Raises:
        SourceError: PortAudio cannot list them.
    """
    try:
        if anew and not _open_streams:
            sounddevice._terminate()  # noqa: SLF001  # the documented way to look again
            sounddevice._initialize()  # noqa: SLF001
        listed: Sequence[Mapping[str, Any]] = sounddevice.query_devices()
        default_index = int(sounddevice.default.device[0])
    except sounddevice.PortAudioError as error:
        raise SourceError(f"the sound devices cannot be listed: {error}") from error
    return tuple(
        InputDevice(
            index=index,
            name=str(device["name"]),
            channels=int(device["max_input_channels"]),
            sample_rate=round(device["default_samplerate"]),
            is_default=index == default_index,
        )
        for index, device in enumerate(listed)
        if device["max_input_channels"] > 0
    )


class MicrophoneSource:
    """Takes sound from an input device.

    The capture time of a block is the time at which its last frame passed the converter: PortAudio gives
    the time of the first frame on the stream's clock, which is set against the monotonic clock at each
    callback. Where a host gives none, the stream's input latency stands in.

    * Blocks are consecutive; lost input is counted in `overruns` and shows as a jump of capture time.
    * `ended` is called exactly once: with None after `stop`, with an error when the device was lost.
    """

    def __init__(
        self,
        device: str | int | None = None,
        *,
        sample_rate: int | None = None,
        anew: bool = False,
        block_ms: int = 16,
        now_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        """Choose a device.

        Args:
            device: Its index, a part of its name (any case), or None for the default one.
            sample_rate: Rate to open it with; None takes the device's own, so that the sound card resamples
                nothing behind our back.
            anew: Look for devices that have come since the program began.
            block_ms: Length of a block.
            now_ns: The monotonic clock.

        Raises:
            SourceError: There is no such input device, or more than one whose name has that part.
            ValueError: `block_ms` is not positive.
        """
        if block_ms <= 0:
            raise ValueError(f"expected block_ms over 0, got {block_ms}")
        self._wanted = device
        self._device = _chosen(device, input_devices(anew=anew))
        self._rate = sample_rate or self._device.sample_rate
        self._block_ms = block_ms
        self._block_frames = max(1, self._rate * block_ms // 1000)
        self._now_ns = now_ns
        self._begun = False
        self._stream: Any = None
        self._deliver: Callable[[RawBlock], None] = _nowhere
        self._ended: Callable[[SourceError | None], None] | None = None
        self._end_lock = threading.Lock()
        self._alive = threading.Event()
        self._stopping = threading.Event()
        self._watch: threading.Thread | None = None
        self._position = 0
        self._overruns = 0

    @property
    def name(self) -> str:
        """The device's name."""
        return self._device.name

    @property
    def sample_rate(self) -> int:
        """The rate that the stream is opened with."""
        return self._rate

    @property
    def channels(self) -> int:
        """1 or 2: of a device with more, the first two are heard."""
        return min(self._device.channels, _MAX_CHANNELS)

    @property
    def overruns(self) -> int:
        """How many callbacks came with lost input before them."""
        return self._overruns

    def start(self, deliver: Callable[[RawBlock], None], ended: Callable[[SourceError | None], None]) -> None:
        """Open the device; blocks come on PortAudio's thread.

        Raises:
            SourceError: It cannot be opened, or was opened before.
        """
        if self._begun:
            raise SourceError(f"{self.name}: was opened before; choose the device again to listen anew")
        self._begun = True
        self._deliver, self._ended = deliver, ended
        try:
            self._stream = sounddevice.InputStream(
                device=self._device.index,
                channels=self.channels,
                samplerate=self._rate,
                blocksize=self._block_frames,
                dtype="float32",
                latency="low",
                callback=self._take,
                finished_callback=self._finished,
            )
            self._stream.start()
            _open_streams.add(id(self))
        except sounddevice.PortAudioError as error:
            raise SourceError(
                f"{self.name}: cannot be opened ({error}); close what else is using it or choose another "
                "device"
            ) from error
        self._watch = threading.Thread(target=self._watch_for_stall, name=f"watch {self.name}", daemon=True)
        self._watch.start()

    def stop(self) -> None:
        """Close the device; idempotent."""
        self._stopping.set()
        self._alive.set()
        stream, self._stream = self._stream, None
        if stream is not None:
            _open_streams.discard(id(self))
            with contextlib.suppress(sounddevice.PortAudioError):  # a lost device cannot be closed properly
                stream.close()
        if self._watch is not None and self._watch is not threading.current_thread():
            self._watch.join()
        self._end(None)

    def again(self) -> "MicrophoneSource":
        """Choose the same device anew, after it was lost; where the default one was, what is default now.

        It is opened at the same rate and with the same channels, since what listens has settled on them.

        Raises:
            SourceError: It has not come back.
        """
        named = None if self._wanted is None else self._device.name
        source = MicrophoneSource(
            named, sample_rate=self._rate, anew=True, block_ms=self._block_ms, now_ns=self._now_ns
        )
        if source.channels < self.channels:
            raise SourceError(f"{source.name}: has fewer channels than {self.name} had")
        source._overruns = self._overruns
        return source

    def _take(self, indata: Samples, frames: int, stream_time: Any, status: Any) -> None:
        now_ns = self._now_ns()
        if status.input_overflow:
            self._overruns += 1
        self._alive.set()
        self._position += frames
        block = RawBlock(
            samples=indata.copy(),  # PortAudio takes its buffer back when this returns
            first_sample=self._position - frames,
            captured_ns=self._captured_ns(now_ns, frames, stream_time),
        )
        self._deliver(block)

    def _captured_ns(self, now_ns: int, frames: int, stream_time: Any) -> int:
        """Return the time of the last frame on the monotonic clock."""
        block_ns = frames * NS_PER_S // self.sample_rate
        age_ns: int = round((stream_time.currentTime - stream_time.inputBufferAdcTime) * NS_PER_S)
        if stream_time.inputBufferAdcTime <= 0 or not block_ns <= age_ns < _PLAUSIBLE_LATENCY_NS:
            latency_s = self._stream.latency if self._stream is not None else 0.0
            age_ns = max(block_ns, round(latency_s * NS_PER_S))
        return now_ns - age_ns + block_ns

    def _watch_for_stall(self) -> None:
        while self._alive.wait(_STALL_S):
            if self._stopping.is_set():
                return
            self._alive.clear()
            self._stopping.wait(_STALL_S / 4)
        self._lost("gives no sound any more")

    def _finished(self) -> None:
        if not self._stopping.is_set():
            self._lost("was unplugged or suspended")

    def _lost(self, how: str) -> None:
        self._end(
            SourceError(
                f"{self.name}: the device {how}; plug it in or choose another device, and start again"
            )
        )

    def _end(self, failure: SourceError | None) -> None:
        with self._end_lock:
            ended, self._ended = self._ended, None
        if ended is not None:
            ended(failure)


def _chosen(wanted: str | int | None, devices: Sequence[InputDevice]) -> InputDevice:
    if not devices:
        raise SourceError("no input device was found; plug a microphone in or use --audio FILE")
    listed = ", ".join(f"{device.index}: {device.name}" for device in devices)
    if wanted is None:
        return next((device for device in devices if device.is_default), devices[0])
    text = str(wanted)
    if text.isdecimal():
        matches = [device for device in devices if device.index == int(text)]
    else:
        matches = [device for device in devices if device.name == text] or [
            device for device in devices if text.lower() in device.name.lower()
        ]
    if len(matches) == 1:
        return matches[0]
    reason = "no input device" if not matches else "more than one input device"
    raise SourceError(f"{reason} is called {text!r}; choose one of {listed}")


def _nowhere(block: RawBlock) -> None:
    raise AssertionError(f"a block came before start: {block.first_sample}")
